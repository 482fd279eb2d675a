// Package job reads job files: HOCON, JSON or SQL text becomes the env, source, transform and
// sink blocks of one File, with variables filled in and secrets decoded, and every value still
// knowing where it was written.
package job

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"seikan/engine/job/hocon"
)

// The codes of what can be wrong with a job file beyond its syntax.
const (
	codeSection  = "CFG-050" // a missing or misshapen section
	codeVariable = "CFG-051"
	codeSQL      = "CFG-052"
	codeShade    = "CFG-053" // encrypted options
	codeSchema   = "CFG-054"
)

const (
	pluginName = "plugin_name"
	maxFile    = 16 << 20 // bytes, as hocon.Parse allows
)

// File is a job file. Each element of Source, Transform and Sink is an Object with plugin_name.
type File struct {
	Name      string
	Text      []byte
	Root      *hocon.Value // the whole configuration
	Env       *hocon.Value // an Object
	Source    []*hocon.Value
	Transform []*hocon.Value
	Sink      []*hocon.Value
	Warnings  hocon.Problems // what is odd but allowed

	included map[string][]byte
}

// Options says how a job file is read. The zero Options reads one that came over the network:
// it may not touch this machine's files or environment.
type Options struct {
	// Variables are those of -i. nil leaves ${name} as it is, as a job posted over REST has it;
	// an empty map fills in the defaults of ${name:default}.
	Variables map[string]string
	// Getenv finds environment variables. nil finds none.
	Getenv func(name string) (string, bool)
	// ReadFile opens included files and the shade key file. nil refuses both.
	ReadFile func(path string) ([]byte, error)
	// Raw leaves variables and encrypted options as written, to show or rewrite the file.
	Raw bool
}

// Local are the Options for files of the person at the command line.
func Local(variables map[string]string) Options {
	if variables == nil {
		variables = map[string]string{}
	}
	return Options{Variables: variables, Getenv: os.LookupEnv, ReadFile: readFile}
}

// readFile reads a file of bounded size.
func readFile(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err == nil && len(text) > maxFile {
		err = fmt.Errorf("%s has more than %d MiB", path, maxFile>>20)
	}
	return text, err
}

// Load reads and checks the job file at path. The error is hocon.Problems, warnings among them,
// or an error of the file system. The File is never nil: it has the texts to show problems in.
func Load(path string, opts Options) (*File, error) {
	text, err := readFile(path)
	if err != nil {
		return &File{Name: path}, fmt.Errorf("read job file: %w", err)
	}
	return Parse(path, text, opts)
}

// Parse is Load for a text at hand. The ending of name says what it is: .json, .sql, else HOCON.
func Parse(name string, text []byte, opts Options) (*File, error) {
	f := &File{Name: name, Text: text, included: map[string][]byte{}}
	var problems hocon.Problems
	root, err := f.parse(opts)
	if err != nil {
		problems = slices.Clone(f.Warnings)
		problems.AddErr(hocon.Pos{File: name}, err)
		return f, problems
	}
	f.Root = root
	f.sections(&problems)
	if len(problems) == 0 && !opts.Raw {
		f.fill(opts, &problems)
		f.decode(opts, &problems)
	}
	if problems.Err() != nil {
		return f, slices.Concat(f.Warnings, problems)
	}
	return f, nil
}

// TextOf returns the text of the job file or of a file that it includes, or nil.
func (f *File) TextOf(name string) []byte {
	if name == f.Name {
		return f.Text
	}
	return f.included[name]
}

func (f *File) parse(opts Options) (*hocon.Value, error) {
	switch strings.ToLower(filepath.Ext(f.Name)) {
	case ".json":
		return hocon.ParseJSON(f.Name, f.Text, f.Warnings.Add)
	case ".sql":
		return parseSQL(f, f.hocon(opts))
	}
	return hocon.Parse(f.Name, f.Text, f.hocon(opts))
}

// hocon returns the options to read HOCON with.
func (f *File) hocon(opts Options) hocon.Options {
	out := hocon.Options{PluginSections: true, Warn: f.Warnings.Add}
	if opts.ReadFile != nil {
		out.Include = func(path string) ([]byte, string, error) {
			text, err := opts.ReadFile(path)
			if err == nil {
				f.included[path] = text
			}
			return text, path, err
		}
	}
	if !opts.Raw {
		out.Lookup = func(name string) (string, bool) {
			if text := opts.Variables[name]; text != "" {
				return text, true
			}
			if opts.Getenv == nil || reserved(name) {
				return "", false
			}
			return opts.Getenv(name)
		}
	}
	return out
}

// sections finds env and the plugins, and reports everything that is wrong with them.
func (f *File) sections(problems *hocon.Problems) {
	top := hocon.Pos{File: f.Name, Line: 1, Col: 1, EndCol: 2}
	if f.Root.Kind != hocon.Object {
		problems.Add(hocon.Problem{Code: codeSection, Pos: f.Root.Pos, Message: "a job is an object with env, source and sink", Label: "this is " + f.Root.Kind.String()})
		return
	}
	switch env := f.Root.Get("env"); {
	case env == nil:
		problems.Add(hocon.Problem{Code: codeSection, Pos: top, Message: "the job has no env section", Help: `add env { job.mode = "BATCH" }`})
	case env.Value.Kind != hocon.Object:
		problems.Add(hocon.Problem{Code: codeSection, Pos: env.Value.Pos, Message: "env is not an object", Label: "expected { … }"})
	default:
		f.Env = env.Value
	}
	f.Source = f.plugins("source", top, problems)
	f.Transform = f.plugins("transform", top, problems)
	f.Sink = f.plugins("sink", top, problems)
	for _, e := range f.Root.Fields {
		if slices.Contains([]string{"sources", "transforms", "sinks"}, e.Key) {
			f.Warnings.Add(hocon.Problem{Code: codeSection, Pos: e.KeyPos, Warning: true, Message: fmt.Sprintf("section %q is not read", e.Key),
				Label: fmt.Sprintf("did you mean %q?", strings.TrimSuffix(e.Key, "s"))})
		}
	}
}

func (f *File) plugins(section string, top hocon.Pos, problems *hocon.Problems) []*hocon.Value {
	e := f.Root.Get(section)
	title := strings.ToUpper(section[:1]) + section[1:]
	switch {
	case section == "transform" && (e == nil || e.Value.Kind == hocon.Null):
		return nil
	case e == nil:
		problems.Add(hocon.Problem{Code: codeSection, Pos: top, Message: fmt.Sprintf("Miss <%s> config! Please check the config file.", title),
			Help: fmt.Sprintf("add %s { … } with at least one plugin", section)})
		return nil
	case e.Value.Kind != hocon.List:
		problems.Add(hocon.Problem{Code: codeSection, Pos: e.Value.Pos, Message: section + " does not hold plugins",
			Label: "expected a list of objects with plugin_name"})
		return nil
	case len(e.Value.Items) == 0 && section != "transform":
		problems.Add(hocon.Problem{Code: codeSection, Pos: e.KeyPos, Message: fmt.Sprintf("Miss <%s> config! Please check the config file.", title),
			Label: "this section is empty"})
	}
	for _, plugin := range e.Value.Items {
		if plugin.Kind != hocon.Object {
			problems.Add(hocon.Problem{Code: codeSection, Pos: plugin.Pos, Message: fmt.Sprintf("an element of %s is %s", section, plugin.Kind),
				Label: "expected an object with plugin_name"})
			continue
		}
		name := plugin.Get(pluginName)
		switch {
		case name == nil:
			problems.Add(hocon.Problem{Code: codeSection, Pos: plugin.Pos, Message: fmt.Sprintf("a plugin of %s has no plugin_name", section),
				Help: `write "plugin_name": "…" in it`})
		case name.Value.Kind != hocon.String || strings.TrimSpace(name.Value.Text) == "":
			problems.Add(hocon.Problem{Code: codeSection, Pos: name.Value.Pos, Message: "plugin_name is not the name of a plugin", Label: "expected text"})
		}
	}
	return e.Value.Items
}
