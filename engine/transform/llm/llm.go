// Package llm is the LLM transform: a language model answers for each row.
package llm

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"golang.org/x/sync/errgroup"

	"seikan/engine/format/value"
	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
	"seikan/engine/transform/column"
	"seikan/engine/transform/model"
)

func init() {
	plugin.RegisterTransform(&plugin.TransformFactory{Spec: spec, New: open})
}

var spec = &option.Spec{
	Name:    "LLM",
	Summary: "Asks a language model about each row and adds its answer as a column.",
	Doc: "Up to `process_batch_size` rows go out in one request: the prompt and the demand for a JSON array of answers as system message, the rows as " +
		"a JSON array of objects as user message. When the model gives another number of answers the request is made again for each half of the rows, down to single ones. " +
		"An answer that is no value of `output_data_type` makes a bad row.\n\n" +
		"The model's answers are no function of the rows: rows that are read again after a failure may be answered differently.",
	Options: append([]option.Option{
		{Key: "prompt", Type: option.String, Doc: "What to do with a row."},
		{Key: "inference_columns", Type: option.List, Doc: "Columns the model sees; all of them when not given."},
		{Key: "output_column_name", Type: option.String, Default: "llm_output", Doc: "Name of the column; one that exists is overwritten."},
		{Key: "output_data_type", Type: option.Enum, Choices: []string{"STRING", "INT", "BIGINT", "DOUBLE", "BOOLEAN"}, Default: "STRING", Doc: "Type of the answers."},
	}, model.Options...),
	Rules: append([]option.Rule{option.Required("prompt")}, model.Rules...),
	Example: `LLM {
  plugin_input = "people"
  plugin_output = "answers"
  model_provider = OPENAI
  model = gpt-4o-mini
  api_key = "${env:OPENAI_API_KEY}"
  prompt = "From which country does the name come?"
}`,
}

type transform struct {
	input       *record.Schema
	layout      *column.Layout
	client      *model.Client
	prompt      string
	places      []int // of the columns the model sees
	output      record.Column
	size        int // rows a request
	concurrency int
}

func open(_ context.Context, _ plugin.Job, input *record.Schema, opts *option.Values) (plugin.Transform, error) {
	client, err := model.Open(model.Chat, opts)
	if err != nil {
		return nil, err
	}
	typ, err := record.ParseType(opts.String("output_data_type"))
	if err != nil {
		return nil, opts.Problem("output_data_type", "a type", "%v", err)
	}
	t := &transform{
		input: input, client: client, size: int(opts.Int("process_batch_size")), concurrency: int(opts.Int("request_concurrency")),
		output: record.Column{Name: opts.String("output_column_name"), Type: typ},
	}
	t.prompt = opts.String("prompt") + "\n\nThe input is a JSON array of rows. Answer with one JSON array and nothing else: it has exactly one element for each row, in the same order, each of type " +
		strings.ToLower(typ.String()) + ", or null if there is no answer."
	names := opts.List("inference_columns")
	if len(names) == 0 {
		names = input.Names()
	}
	for _, name := range names {
		i, err := column.Find(input, opts, "inference_columns", name)
		if err != nil {
			return nil, err
		}
		t.places = append(t.places, i)
	}
	t.layout = column.Put(input, t.output)
	return t, nil
}

func (t *transform) Schema() *record.Schema { return t.layout.Schema() }

func (t *transform) Apply(ctx context.Context, task plugin.Task, in *record.Batch) (*record.Batch, error) {
	if in.Data == nil {
		return in.With(t.Schema(), nil), nil
	}
	answers, err := t.ask(ctx, in)
	if err != nil {
		return nil, fmt.Errorf("computing column %q of table %s: %w", t.output.Name, t.input.Table(), err)
	}
	b := array.NewBuilder(memory.DefaultAllocator, t.output.Type.Arrow())
	defer b.Release()
	rows, read := column.Watch(in), value.JSONAppender(t.output.Type)
	for i, a := range answers {
		if a.err != nil {
			b.AppendNull()
		} else {
			a.err = read(b, a.json)
		}
		if a.err != nil {
			err := fmt.Errorf("computing column %q: %w", t.output.Name, a.err)
			if err = rows.Bad(ctx, task, i, t.rows(in, i, i+1), err); err != nil {
				return nil, err
			}
		}
	}
	return rows.Finish(ctx, t.layout.Apply(in, []arrow.Array{b.NewArray()}))
}

// answer is what the model says of one row.
type answer struct {
	json []byte
	err  error // it says nothing that can be used
}

// ask gets the answers for all rows, several requests at a time.
func (t *transform) ask(ctx context.Context, in *record.Batch) ([]answer, error) {
	answers := make([]answer, in.Rows())
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(t.concurrency)
	for from := 0; from < len(answers); from += t.size {
		to := min(from+t.size, len(answers))
		group.Go(func() error { return t.stretch(ctx, in, from, to, answers) })
	}
	return answers, group.Wait()
}

// stretch asks for rows [from, to), by halves when the answer cannot be used.
func (t *transform) stretch(ctx context.Context, in *record.Batch, from, to int, answers []answer) error {
	text, err := t.client.Answer(ctx, t.prompt, string(t.rows(in, from, to)))
	if err != nil {
		return err
	}
	found, err := elements(text)
	if err == nil && len(found) != to-from {
		err = fmt.Errorf("the model gave %d answers for %d rows", len(found), to-from)
	}
	switch {
	case err == nil:
		for i, json := range found {
			answers[from+i].json = json
		}
		return nil
	case to-from > 1:
		middle := (from + to) / 2
		return errors.Join(t.stretch(ctx, in, from, middle, answers), t.stretch(ctx, in, middle, to, answers))
	}
	answers[from].err = err
	return nil
}

// rows writes rows [from, to) as a JSON array of objects.
func (t *transform) rows(in *record.Batch, from, to int) []byte {
	out := []byte{'['}
	for row := from; row < to; row++ {
		if row > from {
			out = append(out, ',')
		}
		out = append(out, '{')
		for i, place := range t.places {
			if i > 0 {
				out = append(out, ',')
			}
			c := t.input.Columns[place]
			out = append(value.AppendJSONString(out, c.Name), ':')
			out = value.AppendJSON(out, c.Type, in.Data.Column(place), row)
		}
		out = append(out, '}')
	}
	return append(out, ']')
}

func (t *transform) Close() error { return nil }
