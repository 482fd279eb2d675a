#!/usr/bin/env bash
# The servers that tests run against, all at once:
#
#   all.sh [install|start|env|status|stop|wipe] [part...]
#
# start (the default) and env print the exports of all of them:   eval "$(all.sh)"
# install builds and installs what is missing, also for the tests that start a server of their own.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")"
command=${1:-start}
shift || true
parts=("$@")
((${#parts[@]})) || parts=(hdfs oss s3 swift)
[ "$command" != install ] || export HDFS_KERBEROS=1

dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
pids=()
for p in "${parts[@]}"; do
  "./$p.sh" "$command" >"$dir/$p" &
  pids+=($!)
done
failed=0
for pid in "${pids[@]}"; do wait "$pid" || failed=1; done
for p in "${parts[@]}"; do cat "$dir/$p"; done
exit $failed
