#!/bin/sh
# deb calls this with remove, then perhaps purge; rpm with 0. Removal keeps configuration, state and
# logs; only purge deletes them. Backups stay, and the cluster key beside them: their secrets are
# sealed with it. The user stays too, so that its number is not given to another.
set -e

# empty deletes what is in a directory, except what is mounted in it: other hosts may use that too.
empty() {
  find "$1" -xdev -mindepth 1 \( -type d -exec mountpoint -q {} \; \
    -exec echo "seikan: {} is a mount point; what is in it stays" \; -prune \) -o ! -type d -exec rm -f {} + >&2
  find "$1" -xdev -mindepth 1 -type d \( -exec mountpoint -q {} \; -prune -o -print0 \) |
    LC_ALL=C sort -rz | xargs -0r rmdir --ignore-fail-on-non-empty
}

# keep copies the cluster key to the backups, beside that of an earlier installation if there is one.
keep() {
  to=/var/backups/seikan/seikan-cluster.key
  if [ -e "$to" ] && ! cmp -s "$1" "$to"; then
    to=/var/backups/seikan/seikan-cluster-$(sha256sum <"$1" | cut -c1-8).key
  fi
  [ -e "$to" ] || cp -p "$1" "$to"
  echo "seikan: the backups stay in /var/backups/seikan, and their key in $to" >&2
}

if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || true
fi
if [ "$1" = purge ]; then
  key=/etc/seikan/seikan-cluster.key
  if [ -e "$key" ] && [ -n "$(ls -A /var/backups/seikan 2>/dev/null)" ]; then
    keep "$key"
  else
    rmdir /var/backups/seikan 2>/dev/null || true
  fi
  for dir in /var/lib/seikan /var/log/seikan /etc/seikan; do
    if [ -d "$dir" ]; then
      empty "$dir"
      if [ -n "$(ls -A "$dir")" ]; then
        echo "seikan: $dir stays, with what is left in it" >&2
      else
        rmdir "$dir" 2>/dev/null || echo "seikan: $dir is emptied; it is a mount point and stays" >&2
      fi
    fi
  done
fi
