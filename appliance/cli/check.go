package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"unicode"

	"github.com/spf13/cobra"

	"seikan/engine/plan"
	"seikan/engine/plugin"
	"seikan/engine/record"
	"seikan/engine/task"
)

func checkCommand(t *terminal) *cobra.Command {
	var variables []string
	var sample int
	c := &cobra.Command{
		Use:   "check FILE",
		Short: "Check a job file and show what it would do",
		Long: "Check reports every problem of a job file at once. Of a file without any it prints the pipelines, the schema at each\n" +
			"edge and what each sink guarantees. It connects to sources and sinks to learn their schemas; nothing is written.\n\n" +
			"Exit codes: 0 valid, 1 the sample could not be read, 3 invalid.",
		Example: "  seikan check job.conf -i date=2024-01-31\n  seikan check job.conf --sample 5",
		Args:    exactlyOne("a job file"),
		RunE: func(c *cobra.Command, args []string) error {
			if sample < 0 {
				return coded{exitUsage, fmt.Errorf("--sample %d: expected a number of rows", sample)}
			}
			return checkFile(c.Context(), t, args[0], variables, sample)
		},
	}
	c.Flags().StringArrayVarP(&variables, "variable", "i", nil, "set `key=value` for ${key} in the file (repeatable)")
	c.Flags().IntVar(&sample, "sample", 0, "also read `N` rows, run them through the transforms and print them; no sink is touched")
	return c
}

// checkFile checks a file and shows the plan, or everything that is wrong. Its error is said.
func checkFile(ctx context.Context, t *terminal, path string, variables []string, sample int) error {
	file, err := t.loadFile(path, variables)
	if err != nil {
		t.show(err, file.TextOf)
		return coded{code: exitConfig}
	}
	p, err := plan.Build(ctx, file, "", slog.New(newLogHandler(t, slog.LevelWarn)))
	if err != nil {
		t.show(err, file.TextOf)
		return coded{code: exitConfig}
	}
	if len(p.Warnings) > 0 {
		t.show(p.Warnings, file.TextOf)
	}
	for _, pipeline := range p.Pipelines {
		describe(t.out, pipeline)
		if sample > 0 {
			if err := printSample(ctx, t.out, p, pipeline, sample); err != nil {
				t.show(fmt.Errorf("sample of pipeline %d: %w", pipeline.ID, err), file.TextOf)
				return coded{code: exitFailed}
			}
		}
	}
	fmt.Fprintf(t.out, "%s is valid.\n", path)
	return nil
}

// describe prints one pipeline of the plan.
func describe(w io.Writer, p *plan.Pipeline) {
	fmt.Fprintf(w, "pipeline-%d: parallelism %d, %d slots\n", p.ID, p.Parallelism, p.Slots())
	fmt.Fprintf(w, "  %s\n", p.Source.Action)
	for _, s := range p.Source.Tables {
		schemaLine(w, s)
	}
	for _, t := range p.Transforms {
		fmt.Fprintf(w, "  %s <- %s\n", t.Action, strings.Join(inputs(p, t.Inputs), ", "))
		schemaLine(w, t.Output)
	}
	for _, s := range p.Sinks {
		fmt.Fprintf(w, "  %s <- %s\n", s.Action, strings.Join(inputs(p, s.Inputs), ", "))
		d := p.Deliver(s)
		word := "at-least-once"
		if d.ExactlyOnce {
			word = "exactly-once"
		}
		fmt.Fprintf(w, "      guarantee: %s: %s\n", word, d.Reason)
		for _, t := range s.Tables {
			if ledger, ok := t.Sink.(interface{ LedgerDDL() string }); ok && s.Guarantee == plugin.Ledger {
				fmt.Fprintf(w, "      ledger, created when it is missing:\n%s\n", indented(ledger.LedgerDDL(), "          "))
				break
			}
		}
	}
}

// printable keeps what stands in a row from steering the terminal, and its line from being endless.
func printable(text string) string {
	const most = 200 // characters
	text = strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '·'
		}
		return r
	}, strings.ToValidUTF8(text, "·"))
	if runes := []rune(text); len(runes) > most {
		text = string(runes[:most]) + "…"
	}
	return text
}

func indented(text, by string) string {
	return by + strings.ReplaceAll(strings.TrimSpace(text), "\n", "\n"+by)
}

func inputs(p *plan.Pipeline, vertices []int) []string {
	out := make([]string, len(vertices))
	for i, v := range vertices {
		out[i] = p.Source.Action
		if v > 0 {
			out[i] = p.Transforms[v-1].Action
		}
	}
	return out
}

func schemaLine(w io.Writer, s *record.Schema) {
	cols := make([]string, len(s.Columns))
	for i, c := range s.Columns {
		cols[i] = c.Name + " " + c.Type.String()
		if c.NotNull {
			cols[i] += " NOT NULL"
		}
	}
	table := s.Table()
	if table == "" {
		table = "rows"
	}
	fmt.Fprintf(w, "      %s(%s)\n", table, strings.Join(cols, ", "))
	if s.PrimaryKey != nil {
		fmt.Fprintf(w, "      primary key (%s)\n", strings.Join(s.PrimaryKey.Columns, ", "))
	}
}

// printSample prints what would reach each sink of a pipeline.
func printSample(ctx context.Context, w io.Writer, p *plan.Plan, pipeline *plan.Pipeline, n int) error {
	shown := 0
	err := task.Sample(ctx, p, pipeline, n, func(sink *plan.SinkNode, b *record.Batch) {
		shown += b.Rows()
		fmt.Fprintf(w, "  -> %s, %d rows of %s\n", sink.Action, b.Rows(), b.Schema.Table())
		fmt.Fprintf(w, "      %s\n", strings.Join(b.Schema.Names(), " | "))
		for i := range b.Rows() {
			cells := make([]string, b.Data.NumCols())
			for c := range cells {
				cells[c] = "∅"
				if col := b.Data.Column(c); col.IsValid(i) {
					cells[c] = printable(col.ValueStr(i))
				}
			}
			fmt.Fprintf(w, "      %s %s\n", b.Kind(i).Short(), strings.Join(cells, " | "))
		}
	})
	switch {
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("stopped: %w", err)
	case err == nil && shown == 0:
		fmt.Fprintf(w, "  of %d rows asked for none reached a sink\n", n)
	}
	return err
}
