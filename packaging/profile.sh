# SeaTunnel's deployment guide asks for this file.
export SEATUNNEL_HOME=/usr/share/seikan
case ":$PATH:" in
  *":$SEATUNNEL_HOME/bin:"*) ;;
  *) export PATH="$PATH:$SEATUNNEL_HOME/bin" ;;
esac
