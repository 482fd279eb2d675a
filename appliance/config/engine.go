package config

import (
	"path/filepath"
	"strings"
	"time"

	"seikan/engine/job/hocon"
	"seikan/engine/option"
	"seikan/storage/open"
)

const (
	stateDirKey  = "seatunnel.seikan.state-dir"
	logsDirKey   = "seatunnel.seikan.logs.dir"
	namespaceKey = "seatunnel.engine.checkpoint.storage.plugin-config.namespace"
)

func seconds(v *option.Values, key string) time.Duration {
	return time.Duration(v.Int(key)) * time.Second
}

func millis(v *option.Values, key string) time.Duration {
	return time.Duration(v.Int(key)) * time.Millisecond
}

func (l *loader) seatunnel(v *option.Values) {
	root := v.Object("seatunnel")
	e, s, c := root.Object("engine"), root.Object("seikan"), l.cfg
	if s.Given("state-dir") { // the walk over the file has put the file's value there
		origin := from(s.ValuePos("state-dir"), true)
		if l.o.Env("SEIKAN_STATE_DIR") != "" {
			origin = "environment SEIKAN_STATE_DIR"
		}
		l.set(Setting{Key: stateDirKey, Value: c.StateDir, From: origin})
	}
	c.BackupCount = int(e.Int("backup-count"))
	if c.BackupCount > 3 {
		l.note("seatunnel.engine.backup-count", "at most seven nodes keep the state: three may fail at once")
	}
	c.PrintExecutionInfoEvery = seconds(e, "print-execution-info-interval")
	c.PrintJobMetricsEvery = seconds(e, "print-job-metrics-info-interval")
	c.HistoryJobExpire = time.Duration(e.Int("history-job-expire-minutes")) * time.Minute
	c.JobScheduleStrategy = e.String("job-schedule-strategy")
	slots := e.Object("slot-service")
	c.Slots = Slots{Dynamic: slots.Bool("dynamic-slot"), Num: int(slots.Int("slot-num"))}
	if c.Slots.Dynamic && c.JobScheduleStrategy == "WAIT" {
		l.note("seatunnel.engine.job-schedule-strategy", "holds with dynamic slots too: jobs wait for memory")
	}
	if c.Slots.Dynamic {
		l.note("seatunnel.engine.slot-service.slot-num", "used when dynamic-slot is false")
	}
	c.Telemetry = Telemetry{Metrics: e.Object("telemetry").Object("metric").Bool("enabled"), DeleteJobLogs: e.Object("telemetry").Object("logs").Bool("scheduled-deletion-enable")}
	l.eventReport(e.Object("event-report-http"))
	l.checkpoint(e.Object("checkpoint"), s)
	l.http(e.Object("http"), s)
	l.seikan(s)
	l.history(s)
	l.logs(s.Object("logs"))
}

func (l *loader) eventReport(v *option.Values) {
	l.cfg.EventReport.URL = v.String("url")
	if u := l.cfg.EventReport.URL; u != "" && !validURL(u) {
		l.problems.Add(v.Problem("url", "expected http://host/path", "%q is not an http or https address", show("", u)))
	}
	for _, p := range v.Map("headers") {
		if l.cfg.EventReport.Headers == nil {
			l.cfg.EventReport.Headers = map[string]string{}
		}
		l.cfg.EventReport.Headers[p.Key] = p.Value
	}
}

func (l *loader) checkpoint(v, seikan *option.Values) {
	st := v.Object("storage")
	c := &l.cfg.Checkpoint
	*c = Checkpoint{Interval: millis(v, "interval"), Timeout: millis(v, "timeout"), MaxRetained: int(st.Int("max-retained"))}
	if n := int(seikan.Int("retained-checkpoints")); n > 0 {
		c.MaxRetained = n
		l.note("seatunnel.engine.checkpoint.storage.max-retained", "seikan.retained-checkpoints has precedence")
	}
	in := storageInput{where: "checkpoint storage", pos: v.KeyPos("storage"), kind: st.String("type"), namespace: "/seatunnel/checkpoint/",
		local: filepath.Join(l.cfg.StateDir, "checkpoint"), base: l.cfg.StateDir, pairs: flatten(st.Tree("plugin-config"))}
	problems := &l.problems
	if l.cfg.Role == Client { // it opens no storage, and may lack the files that keys name
		problems = new(hocon.Problems)
	}
	c.Storage = readStorage(in, problems)
	l.noteStorage("seatunnel.engine.checkpoint.storage.plugin-config.", c.Storage.Kind, in.pairs)
	s := Setting{Key: namespaceKey, Value: c.Storage.Keys["namespace"], From: "default"}
	if f := st.Tree("plugin-config").Get("namespace"); f != nil {
		s.From = from(f.Value.Pos, true)
	} else if c.Storage.Kind == open.Local {
		s.Note = "below the state directory, not below /tmp as in SeaTunnel"
	}
	l.set(s)
}

// flatten makes pairs of a map and the maps in it, whose keys are joined by dots.
func flatten(v *hocon.Value) []option.Pair {
	var out []option.Pair
	var walk func(prefix string, v *hocon.Value)
	walk = func(prefix string, v *hocon.Value) {
		if v == nil {
			return
		}
		for _, f := range v.Fields {
			switch {
			case f.Value.Kind == hocon.Object:
				walk(prefix+f.Key+".", f.Value)
			case f.Value.Scalar():
				out = append(out, option.Pair{Key: prefix + f.Key, Value: f.Value.Text, Pos: f.Value.Pos})
			default:
				out = append(out, option.Pair{Key: prefix + f.Key, Value: string(hocon.JSON(f.Value)), Pos: f.Value.Pos})
			}
		}
	}
	walk("", v)
	return out
}

func (l *loader) http(v, s *option.Values) {
	own := s.Object("http")
	h := HTTP{Enabled: v.Bool("enable-http"), Port: int(v.Int("port")), DynamicPort: v.Bool("enable-dynamic-port"), PortRange: int(v.Int("port-range")),
		BindAddress: own.String("bind-address"), AllowRemoteWithoutLogin: own.Bool("allow-remote-without-login"), MaxBodyBytes: l.size(s, "max-body-bytes")}
	if !v.Given("enable-http") {
		l.note("seatunnel.engine.http.enable-http", "as in SeaTunnel; the shipped file says true")
	}
	if h.BindAddress == "" {
		h.BindAddress = s.String("bind-address")
	}
	if p := strings.Trim(v.String("context-path"), "/"); p != "" && p != "*" { // a servlet's word for everything
		h.ContextPath = "/" + p
		if strings.ContainsAny(p, " ?#%\\") || strings.Contains("/"+p+"/", "/../") {
			l.problems.Add(v.Problem("context-path", "expected /name", "%q is not a path", v.String("context-path")))
		}
	}
	if h.AllowRemoteWithoutLogin {
		l.warn(own.ValuePos("allow-remote-without-login"), codeUnsafe, "", "whoever reaches the HTTP port can run any job: allow-remote-without-login is true")
	}
	l.cfg.HTTP = h
}
