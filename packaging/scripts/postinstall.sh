#!/bin/sh
# deb calls this with configure and the version that was there before, rpm with 1 (first
# install) or 2 (upgrade).
set -e

case $1 in
  configure) [ -n "$2" ] && upgrade=yes || upgrade= ;;
  1) upgrade= ;;
  [2-9]) upgrade=yes ;;
  *) exit 0 ;; # deb: abort-upgrade and its like change nothing here
esac

# What proves that a node belongs to the cluster, and what its secrets are sealed with. All nodes
# of a cluster have the same one; the nodes may read it and not change it.
key=/etc/seikan/seikan-cluster.key
if [ ! -e "$key" ]; then
  (umask 077 && od -An -vtx1 -N32 /dev/urandom | tr -d ' \n' >"$key.new" && echo >>"$key.new")
  chown root:seikan "$key.new"
  chmod 0640 "$key.new"
  mv "$key.new" "$key"
fi

install -d -o seikan -g seikan -m 0750 /var/lib/seikan /var/log/seikan /var/backups/seikan

if [ -d /run/systemd/system ]; then
  systemctl daemon-reload
fi

if [ -z "$upgrade" ]; then
  echo "  edit    /etc/seikan/seatunnel.yaml and hazelcast.yaml; a node alone needs no change"
  echo "  enable  systemctl enable --now seikan"
  echo "  open    http://localhost:8080/overview"
  exit 0
fi

# An upgrade restarts the nodes that run, one after the other: a stopping node hands its tasks over,
# and the next one is stopped when this one serves again. One that waits for others, or restores for
# long, is not waited for here; it goes on by itself.
# The files are systemd's, not a shell's: it takes SEATUNNEL_OPTS=-r master without quotes.
restart=$(cat /etc/default/seikan /etc/sysconfig/seikan 2>/dev/null |
  sed -n 's/^[[:space:]]*RESTART_ON_UPGRADE=//p' | tail -n 1 | sed 's/[[:space:]]#.*//' | tr -d "\"' \t\r")
if [ -d /run/systemd/system ] && [ "${restart:-true}" = true ]; then
  for unit in $(systemctl list-units --state=active,activating --plain --no-legend 'seikan.service' 'seikan-master.service' 'seikan-worker.service' 'seikan@*.service' | cut -d' ' -f1); do
    if ! timeout 300 systemctl restart "$unit"; then
      echo "seikan: $unit does not serve yet: $(systemctl show -p StatusText --value "$unit"); see journalctl -u $unit" >&2
    fi
  done
fi
