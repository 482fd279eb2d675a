package cli

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"time"

	"seikan/appliance/node"
	"seikan/db/state"
	"seikan/engine/job"
	"seikan/engine/plugin"
	"seikan/engine/task"
)

// compatUsageCode is SeaTunnel's exit code for usage, help and bad options; everything that
// goes wrong later exits with 1.
const compatUsageCode = 234

// compat is seatunnel.sh. Order of evaluation as there: check, encrypt, decrypt, then the
// questions about jobs, then a submit.
func compat(ctx context.Context, t *terminal, argv []string) int {
	a, err := parseCompat(argv)
	if err != nil || len(argv) == 0 || a.has("help") {
		if err != nil {
			fmt.Fprintln(t.err, err)
		}
		fmt.Fprint(t.out, compatUsage())
		return compatUsageCode
	}
	for _, w := range a.unknown {
		if a.has("cancel-job") {
			fmt.Fprintf(t.err, "Unknown option: %s%s\n", w, hint(w))
			return compatUsageCode
		}
		fmt.Fprintf(t.err, "warning: unknown option %s is ignored%s\n", w, hint(w))
	}
	log := slog.New(newLogHandler(t, slog.LevelInfo))
	switch {
	case a.has("check"):
		if !checkFile(ctx, t, a.last("config"), a.values["variable"], 0) {
			return exitFailed
		}
		return exitOK
	case a.has("encrypt"), a.has("decrypt"):
		return compatShade(t, a)
	}
	mode := strings.ToLower(a.last("deploy-mode"))
	switch mode {
	case "local":
	case "", "cluster":
		fmt.Fprintln(t.err, "error: this build runs jobs in local mode: add -m local")
		return exitFailed
	default:
		fmt.Fprintf(t.err, "error: -m %s: expected local or cluster\n", mode)
		return compatUsageCode
	}
	if code, asked := compatAsk(ctx, t, a); asked {
		return code
	}
	return compatSubmit(ctx, t, a, log)
}

func compatSubmit(ctx context.Context, t *terminal, a compatArgs, log *slog.Logger) int {
	if !a.has("config") {
		fmt.Fprintln(t.err, "error: The following option is required: -c, --config")
		fmt.Fprint(t.out, compatUsage())
		return compatUsageCode
	}
	if a.has("async") {
		log.Warn("--async is ignored in local mode: the job runs in this process")
	}
	if a.has("close-job") { // the job is not to be cancelled when the client stops
		log.Warn("-cj has no meaning in local mode: the job runs in this process and ends with it")
	}
	code := runJob(ctx, t, runRequest{file: a.last("config"), variables: a.values["variable"], name: a.last("name"),
		id: a.last("set-job-id"), restore: a.last("restore"), logs: slog.LevelInfo})
	switch code {
	case exitCanceled:
		return exitOK
	case exitConfig:
		return exitFailed
	}
	return code
}

func compatShade(t *terminal, a compatArgs) int {
	opts := job.Local(nil)
	opts.Raw = true
	file, err := job.Load(a.last("config"), opts)
	if err == nil {
		var out []byte
		if a.has("encrypt") {
			out, err = file.Encrypt(opts)
		} else {
			out, err = file.Decrypt(opts)
		}
		if err == nil {
			fmt.Fprintf(t.out, "%s\n", out)
			return exitOK
		}
	}
	t.show(err, file.TextOf)
	return exitFailed
}

// compatAsk answers the flags that ask about jobs.
func compatAsk(ctx context.Context, t *terminal, a compatArgs) (code int, asked bool) {
	var f func(l *node.Local) error
	switch {
	case a.has("list"):
		f = func(l *node.Local) error { return compatList(ctx, t, l) }
	case a.has("get_running_job_metrics"):
		f = func(l *node.Local) error { return compatRunning(ctx, t, l) }
	case a.has("job-id"):
		f = func(l *node.Local) error { return compatStatus(ctx, t, l, a.last("job-id")) }
	case a.has("cancel-job"):
		f = func(l *node.Local) error {
			var all error
			for _, id := range a.values["cancel-job"] {
				all = errors.Join(all, wish(ctx, l, id, state.WantCancel))
			}
			return all
		}
	case a.has("metrics"):
		f = func(l *node.Local) error { return compatMetrics(ctx, t, l, a.last("metrics")) }
	case a.has("savepoint"):
		f = func(l *node.Local) error { return wish(ctx, l, a.last("savepoint"), state.WantSavepoint) }
	default:
		return 0, false
	}
	if err := withLocal(ctx, t, f); err != nil {
		fmt.Fprintln(t.err, "error:", err)
		return exitFailed, true
	}
	return exitOK, true
}

func compatList(ctx context.Context, t *terminal, l *node.Local) error {
	jobs, err := allJobs(ctx, l)
	if err != nil {
		return err
	}
	rows := [][]string{{"Job ID", "Job Name", "Job Status", "Submit Time", "Finished Time"}}
	for _, j := range jobs {
		finished := ""
		if !j.Finished.IsZero() {
			finished = jdbcTime(j.Finished)
		}
		rows = append(rows, []string{j.ID, j.Name, string(j.Status), jdbcTime(j.Submitted), finished})
	}
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, c := range r {
			width[i] = max(width[i], len(c))
		}
	}
	dashes := make([]string, len(width))
	for i, n := range width {
		dashes[i] = strings.Repeat("-", n)
	}
	for _, r := range slices.Insert(rows, 1, dashes) {
		var b strings.Builder
		for c, text := range r {
			fmt.Fprintf(&b, "%-*s  ", width[c], text)
		}
		fmt.Fprintln(t.out, strings.TrimRight(b.String(), " "))
	}
	return nil
}

// jdbcTime is how a JDBC timestamp prints: trailing zeros trimmed to one digit.
func jdbcTime(at time.Time) string {
	s := strings.TrimRight(at.Local().Format("2006-01-02 15:04:05.000"), "0")
	if strings.HasSuffix(s, ".") {
		s += "0"
	}
	return s
}

func compatStatus(ctx context.Context, t *terminal, l *node.Local, id string) error {
	j, err := l.Jobs.Job(ctx, id)
	if errors.Is(err, state.ErrNotFound) {
		return printJSON(t, map[string]string{"err": "jobId : " + id + " not found"})
	}
	if err != nil {
		return err
	}
	pipelines, err := l.Jobs.Pipelines(ctx, id)
	if err != nil {
		return err
	}
	return printJSON(t, jobJSON(j, pipelines))
}

func compatMetrics(ctx context.Context, t *terminal, l *node.Local, id string) error {
	j, err := l.Jobs.Job(ctx, id)
	if err != nil {
		return err
	}
	return printJSON(t, metrics(j))
}

func compatRunning(ctx context.Context, t *terminal, l *node.Local) error {
	jobs, _, err := l.Jobs.Jobs(ctx, state.Live(), "", 1000)
	if err != nil {
		return err
	}
	out := map[string]any{}
	for _, j := range jobs {
		out[j.ID] = metrics(j)
	}
	return printJSON(t, out)
}

// metrics are SeaTunnel's names with their sums and, per table, with #table.
func metrics(j state.Job) map[string]any {
	m := counters(j)
	out := map[string]any{}
	for _, name := range []string{"SourceReceivedCount", "SourceReceivedBytes", "SinkWriteCount", "SinkWriteBytes"} {
		out[name] = task.Sum(m, name)
		tables := map[string]int64{}
		for k, v := range m {
			if n, table, ok := strings.Cut(k, "#"); ok && n == name && table != "" {
				tables[table] = v
			}
		}
		if len(tables) > 0 {
			out["Table"+name] = tables
		}
	}
	end := j.Finished
	if end.IsZero() {
		end = time.Now()
	}
	if s := end.Sub(j.Started).Seconds(); !j.Started.IsZero() && s > 0 {
		out["SourceReceivedQPS"] = float64(task.Sum(m, "SourceReceivedCount")) / s
		out["SinkWriteQPS"] = float64(task.Sum(m, "SinkWriteCount")) / s
		out["SourceReceivedBytesPerSeconds"] = float64(task.Sum(m, "SourceReceivedBytes")) / s
		out["SinkWriteBytesPerSeconds"] = float64(task.Sum(m, "SinkWriteBytes")) / s
	}
	return out
}

// compatConnector is seatunnel-connector.sh.
func compatConnector(t *terminal, argv []string) int {
	kind, name, list := "", "", false
	for i := 0; i < len(argv); i++ {
		value := ""
		if i+1 < len(argv) {
			value = argv[i+1]
		}
		switch argv[i] {
		case "-l", "--list":
			list = true
		case "-o", "--option-rule":
			name = value
			i++
		case "-pt", "--plugin-type":
			kind = strings.ToLower(value)
			i++
		}
	}
	switch {
	case name != "":
		if err := showConnector(t, kind, name); err != nil {
			fmt.Fprintln(t.err, "error:", err)
			return exitFailed
		}
	case list:
		for _, k := range []string{"source", "transform", "sink"} {
			if kind != "" && kind != k {
				continue
			}
			var names []string
			for _, s := range plugin.Specs(k) {
				names = append(names, s.Name)
			}
			fmt.Fprintf(t.out, "%s: %s\n", strings.ToUpper(k[:1])+k[1:], strings.Join(names, " "))
		}
	default:
		fmt.Fprintln(t.out, "Usage: seatunnel-connector.sh [options]\n  Options:\n    -l, --list\n      List all supported plugins(sources, sinks, transforms)\n    -o, --option-rule NAME\n      Get option rule of the plugin by the plugin identifier(connector name or transform name)\n    -pt, --plugin-type TYPE\n      SeaTunnel plugin type, support [source, sink, transform]\n    -h, --help\n      Show the usage message")
		return compatUsageCode
	}
	return exitOK
}
