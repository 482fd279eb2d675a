package config

import (
	"fmt"
	"math"
	"path/filepath"
	"strings"
	"time"

	"seikan/engine/job/hocon"
	"seikan/engine/option"
)

// stateDirProperty is what a file writes as ${…} for the state directory.
const stateDirProperty = "seikan.state-dir"

// stateDir settles the state directory before anything that may be below it: the environment,
// the file, systemd's, the user's.
func (l *loader) stateDir(tree *hocon.Value) {
	dir, origin := l.o.Env("SEIKAN_STATE_DIR"), "environment SEIKAN_STATE_DIR"
	if root := tree.Get("seatunnel"); dir == "" && root.Value.Get("seikan") != nil {
		if f := root.Value.Get("seikan").Value.Get("state-dir"); f != nil && f.Value.Kind == hocon.String {
			l.source().replace(f.Value)
			dir, origin = f.Value.Text, from(f.Value.Pos, true)
			if dir != "" {
				dir = l.beside(dir)
			}
		}
	}
	for _, e := range []struct{ name, below string }{{"STATE_DIRECTORY", ""}, {"XDG_STATE_HOME", "seikan"}, {"HOME", ".local/state/seikan"}} {
		if v := l.o.Env(e.name); dir == "" && v != "" {
			v, _, _ = strings.Cut(v, ":") // systemd lists several
			dir, origin = filepath.Join(v, e.below), "environment "+e.name
		}
	}
	if dir == "" {
		l.fail(hocon.Pos{}, codeValue, "set SEIKAN_STATE_DIR or seatunnel.seikan.state-dir", "there is no directory for the state")
		return
	}
	l.cfg.StateDir = filepath.Clean(dir)
	l.set(Setting{Key: stateDirKey, Value: l.cfg.StateDir, From: origin})
}

// beside makes a path absolute: a relative one starts at the directory of seatunnel.yaml.
func (l *loader) beside(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(l.cfg.Dir, path)
}

func (l *loader) seikan(s *option.Values) {
	c := l.cfg
	c.Network.BindAddress = s.String("bind-address")
	c.Lease, c.VoterReplace = millis(s, "lease-ms"), seconds(s, "voter-replace-seconds")
	c.Drain = seconds(s, "drain-seconds")
	c.EarlyDeathProof, c.MinFreeBytes = s.Bool("early-death-proof"), l.size(s, "min-free-bytes")
	c.ClusterKeyFile = l.beside(s.String("cluster-key-file"))
	l.memory(s)
	l.tls(s.Object("tls"))
}

// memory settles the limit: Go's own variable, -Xmx of the command line, the file's key, -Xmx of
// the options file.
func (l *loader) memory(s *option.Values) {
	const key = "seatunnel.seikan.memory-bytes"
	c := l.cfg
	c.MemoryBytes = c.JVM.Xmx
	if n := l.size(s, "memory-bytes"); n > 0 && l.xmxFrom == "" {
		c.MemoryBytes = n
		l.note("jvm.-Xmx", "seikan.memory-bytes has precedence")
	} else if n > 0 {
		l.note(key, "-Xmx of "+l.xmxFrom+" has precedence")
	}
	limit := l.o.Env("GOMEMLIMIT")
	if limit == "" {
		return
	}
	n, err := ParseSize(limit)
	switch {
	case limit == "off":
		n = math.MaxInt64
	case err != nil || n == 0:
		l.fail(hocon.Pos{}, codeValue, "expected a size such as 3GiB, or off", "environment GOMEMLIMIT: %q is not a size", limit)
		return
	}
	c.MemoryBytes = n
	l.set(Setting{Key: key, Value: limit, From: "environment GOMEMLIMIT"})
}

func (l *loader) tls(t *option.Values) {
	c := l.cfg
	c.TLS = TLS{Cert: l.beside(t.String("cert")), Key: l.beside(t.String("key")), CA: l.beside(t.String("ca")), ClientAuth: t.String("client-auth")}
	switch {
	case (c.TLS.Cert == "") != (c.TLS.Key == ""):
		l.fail(t.Pos(), codeConflict, "give both", "seikan.tls: cert and key belong together")
	case c.TLS.Cert == "" && c.TLS.CA != "":
		l.fail(t.ValuePos("ca"), codeConflict, "give cert and key too", "seikan.tls: ca without a certificate turns nothing on")
	case c.TLS.Cert != "" && c.TLS.CA == "" && c.TLS.ClientAuth != "none":
		l.fail(t.ValuePos("cert"), codeConflict, "give ca, or client-auth: none", "seikan.tls: other nodes cannot be checked without ca")
	}
	for _, f := range []struct{ key, path string }{{"cert", c.TLS.Cert}, {"key", c.TLS.Key}, {"ca", c.TLS.CA}} {
		if f.path != "" && !l.exists(f.path) {
			l.problems.Add(t.Problem(f.key, "a PEM file that can be read", "%s cannot be read", f.path))
		}
	}
}

func (l *loader) logs(v *option.Values) {
	lg := Logs{Dir: l.beside(v.String("dir")), Level: v.String("level"), PerJob: v.Bool("per-job"), MaxBytes: l.size(v, "max-bytes"), MaxTotal: l.size(v, "max-total-bytes"),
		MaxAge: time.Duration(v.Int("max-age-days")) * 24 * time.Hour, MaxFiles: int(v.Int("max-files"))}
	lg.FileName = map[Role]string{Hybrid: "seatunnel-engine-server", Master: "seatunnel-engine-master", Worker: "seatunnel-engine-worker", Client: "seatunnel-client"}[l.cfg.Role]
	if n := l.props["seatunnel.logs.file_name"]; n != "" && n == filepath.Base(n) {
		lg.FileName = n
	}
	s := Setting{Key: logsDirKey, Value: lg.Dir}
	switch dir := l.o.Env("LOGS_DIRECTORY"); {
	case lg.Dir != "":
		s.From = from(v.ValuePos("dir"), true)
	case l.props["seatunnel.logs.path"] != "":
		s.Value, s.From = l.props["seatunnel.logs.path"], "-Dseatunnel.logs.path"
	case dir != "":
		dir, _, _ = strings.Cut(dir, ":")
		s.Value, s.From = dir, "environment LOGS_DIRECTORY"
	case l.cfg.Home != "":
		s.Value, s.From = filepath.Join(l.cfg.Home, "logs"), "default"
	default:
		s.Value, s.From = filepath.Join(l.cfg.StateDir, "logs"), "default"
	}
	lg.Dir = s.Value
	s.Note = fmt.Sprintf("the file is %s.log", lg.FileName)
	l.set(s)
	l.cfg.Logs = lg
}
