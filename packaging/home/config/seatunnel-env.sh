#!/bin/sh
# For shells and scripts that source it: `. config/seatunnel-env.sh`, in bash or zsh from any directory,
# in other shells with SEATUNNEL_HOME set. Neither Spark nor Flink is needed, so nothing else is set.
if [ -z "${SEATUNNEL_HOME:-}" ]; then
  SEATUNNEL_HOME=$(cd "$(dirname "${BASH_SOURCE:-$0}")/.." 2>/dev/null && pwd)
fi
if [ -f "$SEATUNNEL_HOME/config/seatunnel-env.sh" ]; then
  export SEATUNNEL_HOME
  case ":$PATH:" in
    *":$SEATUNNEL_HOME/bin:"*) ;;
    *) PATH=$PATH:$SEATUNNEL_HOME/bin; export PATH ;;
  esac
else
  echo "seatunnel-env.sh: \"$SEATUNNEL_HOME\" is no SEATUNNEL_HOME; set the variable first" >&2
  unset SEATUNNEL_HOME
fi
