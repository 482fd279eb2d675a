package config

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"seikan/engine/job/hocon"
	"seikan/engine/option"
)

// Options say where to look. The zero value reads what the environment of the process says.
type Options struct {
	Home        string // SEATUNNEL_HOME
	Role        Role   // "" is Hybrid
	Executable  string // path of the running program; home is above its bin directory
	ClusterName string // -cn

	// Paths of files given on the command line; they must exist.
	SeaTunnelFile, HazelcastFile, ClientFile, JVMFile string

	JVMOption  string            // the text of -DJvmOption="…"
	Properties map[string]string // further -Dname=value

	Env      func(string) string          // nil is os.Getenv; "" means not set
	ReadFile func(string) ([]byte, error) // nil is os.ReadFile
}

type loader struct {
	o        Options
	cfg      *Config
	problems hocon.Problems
	props    map[string]string // JVM system properties
	dirs     []string          // where files are looked for
	xmxFrom  string            // what gave -Xmx, when it was not the options file
	settings []Setting
	index    map[string]int
}

// Load reads every file that concerns the role. It reports everything wrong at once; the Config
// is usable when problems.Err() is nil. It never returns a nil Config.
func Load(o Options) (*Config, hocon.Problems) {
	if o.Env == nil {
		o.Env = os.Getenv
	}
	if o.ReadFile == nil {
		o.ReadFile = os.ReadFile
	}
	l := &loader{o: o, cfg: &Config{Role: Hybrid}, index: map[string]int{}, props: map[string]string{}}
	l.role()
	l.home()
	l.jvm()
	tree, path := l.document(fileKind{name: "seatunnel.yaml", root: "seatunnel", property: "seatunnel.config", env: "SEATUNNEL_CONFIG", flag: o.SeaTunnelFile, shipped: shippedSeaTunnel})
	l.cfg.Dir = filepath.Dir(path)
	l.stateDir(tree)
	l.seatunnel(l.parse(seatunnelSpec, tree))
	if l.cfg.Role != Client {
		l.hazelcast()
	}
	l.client()
	l.crossChecks()
	l.place(namespaceKey)
	l.place(logsDirKey)
	slices.SortStableFunc(l.settings, func(a, b Setting) int { return cmp.Compare(rank(a.Key), rank(b.Key)) })
	l.cfg.settings = l.settings
	return l.cfg, l.problems
}

func (l *loader) role() {
	r := Role(strings.ToLower(string(l.o.Role)))
	switch r {
	case "":
	case Hybrid, Master, Worker, Client:
		l.cfg.Role = r
	default:
		l.fail(hocon.Pos{}, codeValue, "expected master, worker or master_and_worker", "Unknown node role: %s", l.o.Role)
	}
}

func (l *loader) source() *source {
	return &source{read: l.o.ReadFile, lookup: l.lookup, problems: &l.problems}
}

// lookup is what ${name} stands for: a property of the JVM, our own, env:NAME, file:/path, or a
// variable of the environment.
func (l *loader) lookup(name string) (string, bool) {
	if v, ok := l.props[name]; ok {
		return v, true
	}
	switch {
	case name == stateDirProperty && l.cfg.StateDir != "":
		return l.cfg.StateDir, true
	case strings.HasPrefix(name, "file:"):
		data, err := l.o.ReadFile(strings.TrimPrefix(name, "file:"))
		if err != nil || len(data) > 64<<10 {
			return "", false
		}
		return strings.TrimRight(string(data), "\r\n"), true
	}
	v := l.o.Env(strings.TrimPrefix(name, "env:"))
	return v, v != ""
}

// parse checks a tree against its spec and lists every setting in it.
func (l *loader) parse(spec *option.Spec, tree *hocon.Value) *option.Values {
	l.source().replace(tree)
	l.fill(tree, spec.Options, spec.Name)
	values, problems := spec.Parse(tree)
	l.problems = append(l.problems, problems...)
	l.list("", spec.Options, values)
	return values
}

// fill gives every section that is absent or empty an empty map, so that its defaults can be read.
func (l *loader) fill(v *hocon.Value, options []option.Option, path string) {
	for i := range options {
		o := &options[i]
		if o.Type != option.Object {
			continue
		}
		f := v.Get(o.Key)
		if f != nil && f.Value.Kind != hocon.Object && f.Value.Kind != hocon.Null {
			l.fail(f.Value.Pos, codeValue, "expected entries below it", "%s: %q is %s", path, o.Key, f.Value.Kind)
		}
		if f == nil || f.Value.Kind != hocon.Object {
			v.Set(o.Key, v.Pos, &hocon.Value{Kind: hocon.Object, Pos: v.Pos})
			f = v.Get(o.Key)
		}
		l.fill(f.Value, o.Fields, o.Key+" of "+path)
	}
}

func (l *loader) fail(pos hocon.Pos, code, label, format string, args ...any) {
	l.problems.Add(hocon.Problem{Code: code, Pos: pos, Label: label, Message: fmt.Sprintf(format, args...)})
}

func (l *loader) warn(pos hocon.Pos, code, label, format string, args ...any) {
	l.problems.Add(hocon.Problem{Code: code, Pos: pos, Label: label, Message: fmt.Sprintf(format, args...), Warning: true})
}

// size reads a String option that holds a number of bytes.
func (l *loader) size(v *option.Values, key string) int64 {
	if v.String(key) == "" {
		return 0
	}
	n, err := ParseSize(v.String(key))
	if err != nil {
		l.problems.Add(v.Problem(key, "expected a size such as 512m or 2g", "%v", err))
	}
	return n
}
