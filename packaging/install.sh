#!/bin/sh
# Installs this directory for systems without deb or rpm: the same files at the same places as the
# packages, with units for systemd. Not needed to use it as a SEATUNNEL_HOME where it was unpacked:
# bin/seatunnel.sh works there.
#
#   sudo bin/install.sh             install, or upgrade; files in /etc that were changed are kept
#   sudo bin/install.sh --remove    remove it again; configuration, state and logs stay
#
# DESTDIR=DIR puts the files below DIR and touches nothing else.
set -eu
umask 022
here=$(cd "$(dirname "$0")/.." && pwd)
dest=${DESTDIR:-}

say() { echo "install.sh: $*"; }
[ -n "$dest" ] || [ "$(id -u)" = 0 ] || { say "run it as root, or set DESTDIR" >&2; exit 1; }
for packaged in "dpkg -s seikan" "rpm -q seikan"; do
  if [ -z "$dest" ] && $packaged >/dev/null 2>&1; then
    say "seikan is installed as a package: upgrade that one" >&2
    exit 1
  fi
done

units="seikan.service seikan-master.service seikan-worker.service seikan@.service seikan-backup.service seikan-backup.timer"
if [ "${1:-}" = --remove ]; then
  [ -n "$dest" ] || sh "$here/share/scripts/preremove.sh" remove
  for u in $units; do rm -f "$dest/usr/lib/systemd/system/$u"; done
  rm -f "$dest/usr/bin/seikan" "$dest/usr/lib/sysusers.d/seikan.conf" "$dest/usr/lib/tmpfiles.d/seikan.conf" "$dest/etc/profile.d/seatunnel.sh"
  rm -f "$dest/usr/share/bash-completion/completions/seikan" "$dest/usr/share/zsh/site-functions/_seikan" "$dest/usr/share/fish/vendor_completions.d/seikan.fish"
  (cd "$here/share/man" && find . -type f) | while read -r f; do rm -f "$dest/usr/share/man/$f"; done
  rm -rf "$dest/usr/share/seikan" "$dest/usr/share/doc/seikan"
  [ -n "$dest" ] || sh "$here/share/scripts/postremove.sh" remove
  say "removed; /etc/seikan, /var/lib/seikan and /var/log/seikan are still there"
  exit 0
fi
[ $# = 0 ] || { say "unknown argument $1; expected --remove or nothing" >&2; exit 2; }

had=
[ ! -e "$dest/usr/bin/seikan" ] || had=yes
[ -n "$dest" ] || sh "$here/share/scripts/preinstall.sh" install

# put FILE PATH MODE
put() { mkdir -p "$dest$(dirname "$2")" && install -m "$3" "$1" "$dest$2.new" && mv -f "$dest$2.new" "$dest$2"; }
# keep FILE PATH MODE [GROUP]: a file that is there and differs stays, the new one is put beside it
keep() {
  if [ -e "$dest$2" ] && ! cmp -s "$1" "$dest$2"; then
    say "$2 was changed and is kept; the new one is $2.dist"
    set -- "$1" "$2.dist" "$3" "${4:-}"
  fi
  put "$1" "$2" "$3"
  if [ -n "${4:-}" ] && [ -z "$dest" ]; then chgrp "$4" "$2"; fi
}

put "$here/bin/seikan" /usr/bin/seikan 0755
home=/usr/share/seikan
mkdir -p "$dest$home/bin" "$dest/etc/seikan/instances"
for n in seikan seatunnel.sh seatunnel-cluster.sh stop-seatunnel-cluster.sh seatunnel-connector.sh; do ln -sfn ../../../bin/seikan "$dest$home/bin/$n"; done
put "$here/bin/install-plugin.sh" "$home/bin/install-plugin.sh" 0755
ln -sfn /etc/seikan "$dest$home/config"
ln -sfn /var/log/seikan "$dest$home/logs"
(cd "$here/examples" && find . -type f) | while read -r f; do put "$here/examples/$f" "$home/examples/$f" 0644; done
for f in "$here"/config/*; do
  n=$(basename "$f")
  case $n in
    seatunnel.yaml | hazelcast.yaml | hazelcast-master.yaml | hazelcast-worker.yaml) keep "$f" "/etc/seikan/$n" 0640 seikan ;;
    *) keep "$f" "/etc/seikan/$n" 0644 ;;
  esac
done
keep "$here/share/default" /etc/default/seikan 0644
keep "$here/share/profile.sh" /etc/profile.d/seatunnel.sh 0644
for u in $units; do put "$here/share/systemd/$u" "/usr/lib/systemd/system/$u" 0644; done
put "$here/share/systemd/seikan.sysusers" /usr/lib/sysusers.d/seikan.conf 0644
put "$here/share/systemd/seikan.tmpfiles" /usr/lib/tmpfiles.d/seikan.conf 0644
(cd "$here/share/man" && find . -type f) | while read -r f; do put "$here/share/man/$f" "/usr/share/man/$f" 0644; done
for f in sbom.spdx.json third-party-notices.txt.gz; do put "$here/$f" "/usr/share/doc/seikan/$f" 0644; done
put "$here/share/completions/bash/seikan" /usr/share/bash-completion/completions/seikan 0644
put "$here/share/completions/zsh/_seikan" /usr/share/zsh/site-functions/_seikan 0644
put "$here/share/completions/fish/seikan.fish" /usr/share/fish/vendor_completions.d/seikan.fish 0644

if [ -z "$dest" ]; then
  if [ -n "$had" ]; then
    sh "$here/share/scripts/postinstall.sh" configure before
  else
    sh "$here/share/scripts/postinstall.sh" configure
  fi
fi
