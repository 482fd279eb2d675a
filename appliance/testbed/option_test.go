package testbed

import (
	"fmt"
	"log/slog"
	"strconv"
	"strings"
	"testing"

	_ "seikan/engine/connector/assert"
	_ "seikan/engine/connector/console"
	_ "seikan/engine/connector/fakesource"
	_ "seikan/engine/connector/jdbc"
	_ "seikan/engine/connector/localfile"
	"seikan/engine/job"
	"seikan/engine/job/hocon"
	"seikan/engine/option"
	"seikan/engine/plan"
	"seikan/engine/plugin"
	_ "seikan/engine/transform/copy"
	_ "seikan/engine/transform/dynamiccompile"
	_ "seikan/engine/transform/embedding"
	_ "seikan/engine/transform/fieldmapper"
	_ "seikan/engine/transform/filter"
	_ "seikan/engine/transform/filterrowkind"
	_ "seikan/engine/transform/jsonpath"
	_ "seikan/engine/transform/llm"
	_ "seikan/engine/transform/replace"
	_ "seikan/engine/transform/rowkindextractor"
	_ "seikan/engine/transform/script"
	_ "seikan/engine/transform/split"
	_ "seikan/engine/transform/sql"
)

// wrongValues are values that an option cannot have, as a job file writes them.
func wrongValues(o *option.Option) []string {
	number := func(values ...string) []string {
		if o.Max > o.Min {
			values = append(values, strconv.FormatFloat(o.Max*2+1, 'f', -1, 64))
		}
		if o.Min != o.Max {
			values = append(values, strconv.FormatFloat(o.Min-1, 'f', -1, 64))
		}
		return append(values, "many", "[1]", "{ a = 1 }", "1e400")
	}
	switch o.Type {
	case option.Bool:
		return []string{"perhaps", "1", "[true]", "{ a = true }"}
	case option.Int:
		return number("3000000000", "0.5")
	case option.Long:
		return number("10000000000000000000", "0.5")
	case option.Double:
		return number("NaN")
	case option.Enum:
		return []string{"no-such-choice", "[1]", "{ a = 1 }"}
	case option.List:
		return []string{"{ a = 1 }"}
	case option.Map, option.Object:
		return []string{"7", "[1, 2]"}
	case option.Objects:
		return []string{"7", "[7]"}
	case option.Schema:
		return []string{"7", "[7]"}
	}
	return nil // texts take any value
}

// TestEveryOptionOfEveryPluginRefusesWrongValues: the message names the option and its line.
func TestEveryOptionOfEveryPluginRefusesWrongValues(t *testing.T) {
	t.Parallel()
	for _, spec := range append(plugin.Specs(""), plan.EnvSpec) {
		t.Run(spec.Kind+" "+spec.Name, func(t *testing.T) {
			t.Parallel()
			var check func(options []option.Option, wrap func(string) string)
			check = func(options []option.Option, wrap func(string) string) {
				for i := range options {
					o := &options[i]
					for _, key := range append([]string{o.Key}, o.Old...) {
						for _, value := range wrongValues(o) {
							wrongOption(t, spec, o.Key, wrap(fmt.Sprintf("\n%q = %s\n", key, value)))
						}
					}
					switch o.Type {
					case option.Object:
						check(o.Fields, func(inner string) string { return wrap(fmt.Sprintf("%q {%s}", o.Key, inner)) })
					case option.Objects:
						check(o.Fields, func(inner string) string { return wrap(fmt.Sprintf("%q = [{%s}]", o.Key, inner)) })
					}
				}
			}
			check(spec.Options, func(s string) string { return s })
		})
	}
}

func wrongOption(t *testing.T, spec *option.Spec, key, text string) {
	t.Helper()
	blocks := map[string]string{"env": "env {}", "source": `source { FakeSource { schema { table = t, fields { id = int } } } }`, "transform": "", "sink": "sink { Console {} }"}
	if spec == plan.EnvSpec {
		blocks["env"] = "env {" + text + "}"
	} else {
		blocks[spec.Kind] = spec.Kind + " { " + spec.Name + " {" + text + "} }"
	}
	file := strings.Join([]string{blocks["env"], blocks["source"], blocks["transform"], blocks["sink"]}, "\n")
	line := 1 + strings.Count(file[:strings.Index(file, text)+1+strings.Index(text, "\n")], "\n")
	f, err := job.Parse("job.conf", []byte(file), job.Options{})
	if err == nil {
		_, err = plan.Build(t.Context(), f, "", slog.New(slog.DiscardHandler))
	}
	var problems hocon.Problems
	problems.AddErr(hocon.Pos{}, err)
	for _, p := range problems {
		if !p.Warning && strings.Contains(p.Message, strconv.Quote(key)) && p.Pos.Line == line {
			return
		}
	}
	t.Errorf("nothing in line %d is said about %q of\n%s\nonly\n%v", line, key, file, err)
}

// TestWrongOptionsEndWithCodeThree checks what the process makes of such a problem.
func TestWrongOptionsEndWithCodeThree(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	e := p.job(`
env {}
source { FakeSource { row.num = lots
  schema { fields { id = int } } } }
sink { Console {} }`)
	e.refused(t, 3, `"row.num"`, "job.conf:3:33", "1 error")
	e = p.job(`
env {}
source { FakeSauce { schema { fields { id = int } } } }
sink { Console {} }`)
	e.refused(t, 3, `there is no source called "FakeSauce"`, "job.conf:3:10", `did you mean "FakeSource"?`)
}
