package plan_test

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
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
	"seikan/engine/record"
	_ "seikan/engine/transform/copy"
	_ "seikan/engine/transform/sql"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// odd is a source with any traits.
type odd struct {
	traits plugin.SourceTraits
	tables []*record.Schema
}

func (s odd) Tables() []*record.Schema    { return s.tables }
func (s odd) Traits() plugin.SourceTraits { return s.traits }
func (odd) Enumerator(context.Context, plugin.Task, *plugin.State) (plugin.Enumerator, error) {
	return nil, errors.New("never run")
}
func (odd) Reader(context.Context, plugin.Task) (plugin.Reader, error) {
	return nil, errors.New("never run")
}

func init() {
	plugin.RegisterSource(&plugin.SourceFactory{
		Spec: &option.Spec{Name: "Odd", Options: []option.Option{{Key: "unbounded", Type: option.Bool}, {Key: "stored", Type: option.Bool}, {Key: "replayable", Type: option.Bool}}},
		New: func(_ context.Context, _ plugin.Job, o *option.Values) (plugin.Source, error) {
			schema := &record.Schema{Path: record.TablePath{Table: "odd"}, Columns: []record.Column{{Name: "id", Type: record.Of(record.Int)}},
				PrimaryKey: &record.PrimaryKey{Name: "pk", Columns: []string{"id"}}}
			return odd{plugin.SourceTraits{Unbounded: o.Bool("unbounded"), Stored: o.Bool("stored"), Replayable: o.Bool("replayable")}, []*record.Schema{schema}}, nil
		},
	})
}

// TestPlans compares each testdata/NAME.conf with NAME.golden: the plan, or all that is wrong.
func TestPlans(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob("testdata/*.conf")
	if err != nil || len(files) == 0 {
		t.Fatalf("no job files: %v", err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			var got bytes.Buffer
			f, err := job.Parse(filepath.Base(file), text, job.Options{ReadFile: func(string) ([]byte, error) { return nil, fs.ErrNotExist }})
			if err != nil {
				t.Fatal(err)
			}
			p, err := plan.Build(t.Context(), f, "", slog.New(slog.DiscardHandler))
			var problems hocon.Problems
			if err != nil {
				problems.AddErr(hocon.Pos{}, err)
			} else {
				show(&got, p)
				problems = p.Warnings
			}
			if err := hocon.Render(&got, problems, f.TextOf, false); err != nil {
				t.Fatal(err)
			}
			golden := file[:len(file)-len("conf")] + "golden"
			if *update {
				if err := os.WriteFile(golden, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil || !bytes.Equal(got.Bytes(), want) {
				t.Errorf("%v\ngot\n%s\nwant\n%s", err, got.Bytes(), want)
			}
		})
	}
}

func show(w io.Writer, p *plan.Plan) {
	for _, pl := range p.Pipelines {
		fmt.Fprintf(w, "pipeline %d: parallelism %d, slots %d\n", pl.ID, pl.Parallelism, pl.Slots())
		if b := pl.NodeBound(); b != "" {
			fmt.Fprintf(w, "  one node: %s\n", b)
		}
		fmt.Fprintf(w, "  0 %s →%s\n", pl.Source.Action, tables(pl.Vertex(0)))
		for i, t := range pl.Transforms {
			fmt.Fprintf(w, "  %d %s reads %v →%s\n", i+1, t.Action, t.Inputs, tables(pl.Vertex(i+1)))
		}
		for _, s := range pl.Sinks {
			d := pl.Deliver(s)
			fmt.Fprintf(w, "  - %s reads %v, replicas %d, exactly-once %t: %s\n", s.Action, s.Inputs, s.Replicas, d.ExactlyOnce, d.Reason)
			for _, t := range s.Tables {
				fmt.Fprintf(w, "    table %q", t.Table)
				for _, key := range []string{"path", "table", "primary_keys"} {
					if s.Factory.Spec.Find(key) != nil && t.Options.Given(key) {
						fmt.Fprintf(w, " %s=%s", key, value(t.Options, s.Factory.Spec.Find(key)))
					}
				}
				fmt.Fprintln(w)
			}
		}
	}
	if p.Dirty != nil {
		fmt.Fprintf(w, "dirty rows to %s\n", p.Dirty.Action)
	}
}

func value(o *option.Values, spec *option.Option) string {
	if spec.Type == option.List {
		return fmt.Sprint(o.List(spec.Key))
	}
	return o.String(spec.Key)
}

func tables(schemas []*record.Schema) string {
	out := ""
	for _, s := range schemas {
		out += " " + s.Table() + "("
		for i, c := range s.Columns {
			if i > 0 {
				out += ", "
			}
			out += c.Name + " " + c.Type.String()
		}
		out += ")"
	}
	return out
}
