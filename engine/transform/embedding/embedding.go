// Package embedding is the Embedding transform: texts become vectors.
package embedding

import (
	"context"
	"fmt"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"golang.org/x/sync/errgroup"

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
	Name:    "Embedding",
	Summary: "Turns texts into vectors with an embedding model.",
	Doc: "Each output is a FLOAT_VECTOR column; null stays null. A request carries `single_vectorized_input_number` texts: raise it where the " +
		"service takes several. `process_batch_size` has no effect here; it is accepted for the job files that set it.",
	Options: append([]option.Option{
		{Key: "vectorization_fields", Type: option.Map, Doc: "Name of the vector column = column with the text."},
		{Key: "single_vectorized_input_number", Type: option.Int, Default: int64(1), Min: 1, Max: 2048, Doc: "Texts in one request."},
	}, model.Options...),
	Rules: append([]option.Rule{option.Required("vectorization_fields")}, model.Rules...),
	Example: `Embedding {
  plugin_input = "books"
  plugin_output = "vectors"
  model_provider = OPENAI
  model = text-embedding-3-small
  api_key = "${env:OPENAI_API_KEY}"
  vectorization_fields { intro_vector = intro }
}`,
}

type transform struct {
	input       *record.Schema
	layout      *column.Layout
	client      *model.Client
	places      []int // of the texts, one for each vector column
	texts       []func(arrow.Array, int) string
	size        int // texts a request
	concurrency int
}

func open(_ context.Context, _ plugin.Job, input *record.Schema, opts *option.Values) (plugin.Transform, error) {
	client, err := model.Open(model.Embeddings, opts)
	if err != nil {
		return nil, err
	}
	t := &transform{input: input, client: client, size: int(opts.Int("single_vectorized_input_number")), concurrency: int(opts.Int("request_concurrency"))}
	var added []record.Column
	for _, p := range opts.Map("vectorization_fields") {
		i, err := column.Find(input, opts, "vectorization_fields", p.Value)
		if err != nil {
			return nil, err
		}
		t.places, t.texts = append(t.places, i), append(t.texts, column.Text(input.Columns[i].Type))
		added = append(added, record.Column{Name: p.Key, Type: record.Of(record.FloatVector)})
	}
	if len(added) == 0 {
		return nil, opts.Problem("vectorization_fields", "vector = text", "no column is named")
	}
	t.layout = column.Put(input, added...)
	return t, nil
}

func (t *transform) Schema() *record.Schema { return t.layout.Schema() }

// wanted is a text and where its vector goes.
type wanted struct {
	field, row int
	text       string
}

func (t *transform) Apply(ctx context.Context, _ plugin.Task, in *record.Batch) (*record.Batch, error) {
	if in.Data == nil {
		return in.With(t.Schema(), nil), nil
	}
	var all []wanted
	vectors := make([][][]float32, len(t.places)) // by field and row; nil is null
	for f, place := range t.places {
		vectors[f] = make([][]float32, in.Rows())
		col := in.Data.Column(place)
		for row := range in.Rows() {
			if !col.IsNull(row) {
				all = append(all, wanted{f, row, t.texts[f](col, row)})
			}
		}
	}
	if err := t.ask(ctx, all, vectors); err != nil {
		return nil, fmt.Errorf("embedding texts of table %s: %w", t.input.Table(), err)
	}
	added := make([]arrow.Array, len(vectors))
	for f, column := range vectors {
		added[f] = list(column)
	}
	return t.layout.Apply(in, added), nil
}

// ask fills in the vectors, several requests at a time.
func (t *transform) ask(ctx context.Context, all []wanted, vectors [][][]float32) error {
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(t.concurrency)
	for from := 0; from < len(all); from += t.size {
		part := all[from:min(from+t.size, len(all))]
		group.Go(func() error {
			texts := make([]string, len(part))
			for i, w := range part {
				texts[i] = w.text
			}
			found, err := t.client.Embed(ctx, texts)
			if err != nil {
				return err
			}
			for i, w := range part {
				vectors[w.field][w.row] = found[i]
			}
			return nil
		})
	}
	return group.Wait()
}

func list(vectors [][]float32) arrow.Array {
	b := array.NewListBuilder(memory.DefaultAllocator, arrow.PrimitiveTypes.Float32)
	defer b.Release()
	values := b.ValueBuilder().(*array.Float32Builder)
	for _, v := range vectors {
		if b.Append(v != nil); v != nil {
			values.AppendValues(v, nil)
		}
	}
	return b.NewArray()
}

func (t *transform) Close() error { return nil }
