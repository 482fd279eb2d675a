#!/bin/sh
# Before the files are unpacked: some of them belong to the group seikan. deb calls this with
# install or upgrade, rpm with 1 or 2.
set -e

# The state is not readable by older versions, so dpkg must not go back without being told.
if [ "$1" = upgrade ] && [ -n "$2" ] && [ -z "$SEIKAN_ALLOW_DOWNGRADE" ] && dpkg --compare-versions "$2" gt "@VERSION@"; then
  echo "seikan: $2 is installed and @VERSION@ is older: it may not be able to read the state in /var/lib/seikan." >&2
  echo "seikan: restore a backup made by @VERSION@ afterwards, and set SEIKAN_ALLOW_DOWNGRADE=1 to go on." >&2
  exit 1
fi

if ! getent group seikan >/dev/null; then
  groupadd --system seikan
fi
if ! getent passwd seikan >/dev/null; then
  nologin=/usr/sbin/nologin
  [ -x "$nologin" ] || nologin=/sbin/nologin
  useradd --system --gid seikan --home-dir /var/lib/seikan --no-create-home --shell "$nologin" --comment Seikan seikan
fi
