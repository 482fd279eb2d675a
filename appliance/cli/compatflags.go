package cli

import (
	"fmt"
	"strings"

	"seikan/engine/option"
)

// compatFlag is one of seatunnel.sh's flags: one dash and several letters, or two dashes.
type compatFlag struct {
	names []string
	arg   string // name of its value; "" for a bare flag; "…" at the end takes several
	doc   string
}

var compatFlags = []compatFlag{
	{[]string{"--async"}, "", "Run the job asynchronously, when the job is submitted, the client will exit (default: false)"},
	{[]string{"-can", "--cancel-job"}, "id…", "Cancel job by JobId"},
	{[]string{"--check"}, "", "Whether check config (default: false)"},
	{[]string{"-cj", "--close-job"}, "", "Close client the task will also be closed (default: true)"},
	{[]string{"-cn", "--cluster"}, "name", "The name of cluster"},
	{[]string{"-c", "--config"}, "file", "Config file"},
	{[]string{"--decrypt"}, "", "Decrypt config file, When both --decrypt and --encrypt are specified, only --encrypt will take effect (default: false)"},
	{[]string{"-m", "--master", "-e", "--deploy-mode"}, "mode", "SeaTunnel job submit master, support [local, cluster] (default: cluster)"},
	{[]string{"--encrypt"}, "", "Encrypt config file, when both --decrypt and --encrypt are specified, only --encrypt will take effect (default: false)"},
	{[]string{"--get_running_job_metrics"}, "", "Gets metrics for running jobs (default: false)"},
	{[]string{"-h", "--help"}, "", "Show the usage message"},
	{[]string{"-j", "--job-id"}, "id", "Get job status by JobId"},
	{[]string{"-l", "--list"}, "", "list job status (default: false)"},
	{[]string{"--metrics"}, "id", "Get job metrics by JobId"},
	{[]string{"-n", "--name"}, "name", "SeaTunnel job name (default: SeaTunnel)"},
	{[]string{"-r", "--restore"}, "id", "restore with savepoint by jobId"},
	{[]string{"-s", "--savepoint"}, "id", "savepoint job by jobId"},
	{[]string{"--set-job-id"}, "id", "Set custom job id for job"},
	{[]string{"-i", "--variable"}, "k=v", "Variable substitution, such as -i city=beijing, or -i date=20190318. We use ',' as separator, when inside \"\", ',' are treated as normal characters instead of delimiters. (default: [])"},
}

// compatArgs are parsed flags by their last name, values in order.
type compatArgs struct {
	values  map[string][]string
	unknown []string
	old     string // a deprecated spelling that was used
	jvm     string // of -DJvmOption="…"
}

func (a compatArgs) has(name string) bool { _, ok := a.values[name]; return ok }

func (a compatArgs) last(name string) string {
	if v := a.values[name]; len(v) > 0 {
		return v[len(v)-1]
	}
	return ""
}

func (f compatFlag) key() string { return strings.TrimLeft(f.names[len(f.names)-1], "-") }

// parseCompat reads argv as SeaTunnel's client does: "-can 1 2", "--name=x", "-i a=1 -i b=2".
// Unknown options are collected, not refused.
func parseCompat(argv []string) (compatArgs, error) {
	out := compatArgs{values: map[string][]string{}}
	for i := 0; i < len(argv); i++ {
		word, inline, hasInline := argv[i], "", false
		if strings.Contains(word, "JvmOption") { // -DJvmOption="-Xmx2g"
			_, out.jvm, _ = strings.Cut(word, "=")
			continue
		}
		f := findCompat(word)
		if f == nil && strings.HasPrefix(word, "-") {
			if name, v, ok := strings.Cut(word, "="); ok {
				f, inline, hasInline = findCompat(name), v, true
			}
		}
		if word, _, _ := strings.Cut(word, "="); word == "-e" || word == "--deploy-mode" {
			out.old = word
		}
		switch {
		case f == nil:
			out.unknown = append(out.unknown, word)
		case f.arg == "":
			out.values[f.key()] = append(out.values[f.key()], inline)
		case hasInline:
			out.values[f.key()] = append(out.values[f.key()], inline)
		default:
			if i+1 >= len(argv) {
				return out, fmt.Errorf("expected a value after parameter %s", word)
			}
			i++
			out.values[f.key()] = append(out.values[f.key()], argv[i])
			for strings.HasSuffix(f.arg, "…") && i+1 < len(argv) && !strings.HasPrefix(argv[i+1], "-") {
				i++
				out.values[f.key()] = append(out.values[f.key()], argv[i])
			}
		}
	}
	return out, nil
}

func findCompat(word string) *compatFlag {
	for i := range compatFlags {
		for _, n := range compatFlags[i].names {
			if n == word {
				return &compatFlags[i]
			}
		}
	}
	return nil
}

// hint suggests a flag for an unknown word.
func hint(word string) string {
	var names []string
	for _, f := range compatFlags {
		names = append(names, f.names...)
	}
	if near := option.Nearest(word, names); near != "" {
		return fmt.Sprintf("; did you mean %s?", near)
	}
	return ""
}

func compatUsage() string {
	var b strings.Builder
	b.WriteString("Usage: seatunnel.sh [options]\n  Options:\n")
	for _, f := range compatFlags {
		fmt.Fprintf(&b, "    %s\n      %s\n", strings.TrimRight(strings.Join(f.names, ", ")+" "+f.arg, " "), f.doc)
	}
	return b.String()
}
