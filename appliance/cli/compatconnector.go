package cli

import (
	"fmt"
	"strings"

	"seikan/engine/plugin"
)

const connectorUsage = `Usage: seatunnel-connector.sh [options]
  Options:
    -h, --help
      Show the usage message
    -l, --list
      List all supported plugins(sources, sinks, transforms) (default: false)
    -o, --option-rule NAME
      Get option rule of the plugin by the plugin identifier(connector name or transform name)
    -pt, --plugin-type TYPE
      SeaTunnel plugin type, support [source, sink, transform]
`

// compatConnector is seatunnel-connector.sh.
func compatConnector(t *terminal, argv []string) int {
	kind, name, list := "", "", false
	usage := func() int {
		fmt.Fprint(t.out, connectorUsage)
		return compatUsageCode
	}
	for i := 0; i < len(argv); i++ {
		flag, value, inline := strings.Cut(argv[i], "=")
		take := func() bool {
			if !inline && i+1 < len(argv) {
				i++
				value, inline = argv[i], true
			}
			return inline
		}
		switch flag {
		case "-l", "--list":
			list = true
		case "-o", "--option-rule":
			if !take() {
				return usage()
			}
			name = value
		case "-pt", "--plugin-type":
			if !take() {
				return usage()
			}
			kind = strings.ToLower(value)
		default:
			return usage()
		}
	}
	if kind != "" && kind != "source" && kind != "sink" && kind != "transform" {
		fmt.Fprintf(t.err, "-pt %s: expected source, sink or transform\n", kind)
		return compatUsageCode
	}
	switch {
	case name != "":
		if err := showConnector(t, kind, name); err != nil {
			fmt.Fprintln(t.err, "error:", err)
			return exitFailed
		}
	case list || kind != "":
		for _, k := range []string{"source", "sink", "transform"} {
			if kind != "" && kind != k {
				continue
			}
			var names []string
			for _, s := range plugin.Specs(k) {
				names = append(names, s.Name)
			}
			fmt.Fprintf(t.out, "%s\n%s\n\n", strings.ToUpper(k[:1])+k[1:], strings.Join(names, " "))
		}
	default:
		return usage()
	}
	return exitOK
}
