package job

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"seikan/engine/job/hocon"
)

// placeholders are the names that stand for parts of a sink's table. They are no variables.
var placeholders = []string{"database_name", "schema_name", "table_name", "schema_full_name", "table_full_name", "primary_key", "unique_key", "field_names"}

func reserved(name string) bool { return slices.Contains(placeholders, name) }

// ParseVariables reads the arguments of -i: k=v, or several with commas between them. A comma
// inside "…" or […] belongs to the value; quotes and brackets stay in it. The problems are warnings for what is ignored
// and errors for names that cannot be used.
func ParseVariables(args []string) (map[string]string, hocon.Problems) {
	out := map[string]string{}
	var problems hocon.Problems
	for _, arg := range args {
		for _, entry := range splitCommas(arg) {
			name, value, ok := strings.Cut(entry, "=")
			name = strings.TrimSpace(name)
			switch {
			case strings.TrimSpace(entry) == "":
			case !ok || name == "":
				problems.Add(hocon.Problem{Code: codeVariable, Warning: true, Message: fmt.Sprintf("-i %q is ignored", entry), Label: "expected name=value"})
			case reserved(name):
				problems.Add(hocon.Problem{Code: codeVariable, Message: "System placeholders cannot be used. Incorrect config parameter: " + name,
					Help: "choose another name: ${" + name + "} stands for a part of the sink's table"})
			default:
				out[name] = value
			}
		}
	}
	return out, problems
}

// splitCommas splits at commas outside of "…" and […].
func splitCommas(text string) []string {
	var out []string
	quoted, depth, from := false, 0, 0
	for i, r := range text {
		switch {
		case r == '"':
			quoted = !quoted
		case quoted:
		case r == '[':
			depth++
		case r == ']' && depth > 0:
			depth--
		case r == ',' && depth == 0:
			out = append(out, text[from:i])
			from = i + 1
		}
	}
	return append(out, text[from:])
}

var variable = regexp.MustCompile(`\$\{([^:{}]+)(:[^}]*)?\}`)

// fill puts variables into the texts of env and of the plugins, at any depth.
func (f *File) fill(opts Options, problems *hocon.Problems) {
	if opts.Variables == nil {
		return
	}
	for _, name := range placeholders {
		if _, given := opts.Variables[name]; given {
			problems.Add(hocon.Problem{Code: codeVariable, Pos: hocon.Pos{File: f.Name},
				Message: "System placeholders cannot be used. Incorrect config parameter: " + name})
		}
	}
	fillValue(f.Env, opts.Variables)
	for _, plugins := range [][]*hocon.Value{f.Source, f.Transform, f.Sink} {
		for _, plugin := range plugins {
			fillValue(plugin, opts.Variables)
		}
	}
}

func fillValue(v *hocon.Value, variables map[string]string) {
	for _, item := range v.Items {
		fillValue(item, variables)
	}
	for _, e := range v.Fields {
		fillValue(e.Value, variables)
	}
	if v.Kind == hocon.String && strings.Contains(v.Text, "${") {
		v.Text = fillText(v.Text, variables)
	}
}

// fillText replaces ${name} and ${name:default}. An empty value counts as none; what has neither
// value nor default stays, and so do the placeholders of sinks.
func fillText(text string, variables map[string]string) string {
	return variable.ReplaceAllStringFunc(text, func(match string) string {
		parts := variable.FindStringSubmatch(match)
		value := variables[parts[1]]
		switch {
		case reserved(parts[1]):
			return match
		case value != "":
			return value
		case parts[2] != "":
			return parts[2][1:]
		}
		return match
	})
}
