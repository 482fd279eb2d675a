// Command seikan moves data between systems. It also answers to the names seatunnel.sh,
// seatunnel-cluster.sh and seatunnel-connector.sh, with their flags.
package main

import (
	"os"
	_ "time/tzdata" // zones by name on hosts without zone files

	"seikan/appliance/cli"
)

func main() { os.Exit(cli.Main(os.Args, os.Stdin, os.Stdout, os.Stderr)) }
