package cli

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"seikan/appliance/config"
)

// configurationPage has every key of every configuration file, from the description that reads
// and checks them.
func configurationPage() string {
	var b strings.Builder
	b.WriteString(generated + "\n# Configuration\n\n" +
		"A node reads `seatunnel.yaml`, `hazelcast.yaml` (`hazelcast-master.yaml` and `hazelcast-worker.yaml` with `-r master` and `-r worker`) and\n" +
		"`jvm_options` (`jvm_master_options`, `jvm_worker_options`) of `$SEATUNNEL_HOME/config`; a client reads `hazelcast-client.yaml` and\n" +
		"`jvm_client_options`. `seikan config check` shows what they come to, where each value came from, and which keys do nothing.\n\n" +
		"A key that is not known is a warning that names the nearest one that is. Keys of SeaTunnel and Hazelcast that have no meaning here are\n" +
		"accepted, and said once at start; below they begin with *without a meaning here* or *of a later SeaTunnel*.\n")
	for _, s := range config.Specs() {
		fmt.Fprintf(&b, "\n## %s\n\n%s\n", s.Name, s.Summary)
		optionTable(&b, s.Options, s.Rules, "")
	}
	b.WriteString("\n## jvm_options\n\nOptions of a Java machine, from the file, the environment variable `JvmOption` and `-DJvmOption`; the last one wins. " +
		"All others do nothing.\n\n| Option | |\n|---|---|\n")
	all := config.JVMOptions()
	for _, name := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&b, "| `%s` | %s |\n", name, cell(all[name]))
	}
	return b.String()
}
