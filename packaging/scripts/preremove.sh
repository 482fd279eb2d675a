#!/bin/sh
# deb calls this with remove, rpm with 0. An upgrade goes on running until the new version is there.
set -e

case $1 in
  remove | 0) ;;
  *) exit 0 ;;
esac
if [ -d /run/systemd/system ]; then
  units=$(systemctl list-units --all --plain --no-legend 'seikan@*.service' | cut -d' ' -f1)
  # shellcheck disable=SC2086
  systemctl --no-reload disable --now seikan-backup.timer seikan.service seikan-master.service seikan-worker.service $units || true
fi
