#!/bin/sh
# deb calls this with remove, then perhaps purge; rpm with 0. Removal keeps configuration, state and
# logs; only purge deletes them. Backups stay, and the cluster key beside them: their secrets are
# sealed with it. The user stays too, so that its number is not given to another.
set -e

if [ -d /run/systemd/system ]; then
  systemctl daemon-reload || true
fi
if [ "$1" = purge ]; then
  key=/etc/seikan/seikan-cluster.key
  if [ -e "$key" ] && [ -n "$(ls -A /var/backups/seikan 2>/dev/null)" ]; then
    cp -p "$key" /var/backups/seikan/
    echo "seikan: the backups and their key stay in /var/backups/seikan" >&2
  else
    rmdir /var/backups/seikan 2>/dev/null || true
  fi
  for dir in /var/lib/seikan /var/log/seikan /etc/seikan; do
    if [ -d "$dir" ]; then
      find "$dir" -mindepth 1 -delete
      rmdir "$dir" 2>/dev/null || echo "seikan: $dir is emptied; it is a mount point and stays" >&2
    fi
  done
fi
