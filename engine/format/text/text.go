// Package text is the file format text: lines of fields between delimiters, without quotes.
package text

import (
	"io"
	"strings"

	"seikan/engine/format/delimited"
	"seikan/engine/format/value"
	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// defaultDelimiter separates fields where the job does not say otherwise.
const defaultDelimiter = "\x01"

// Format is the plugin.Format.
type Format struct{}

// Name implements plugin.Format.
func (Format) Name() string { return "text" }

// Suffix implements plugin.Format.
func (Format) Suffix() string { return ".txt" }

// ReadOptions implements plugin.Format.
func (Format) ReadOptions() []option.Option {
	return append(value.FormatOptions(), delimited.FieldDelimiter, delimited.SkipHeader, delimited.Encoding)
}

// WriteOptions implements plugin.Format.
func (Format) WriteOptions() []option.Option {
	return append(value.FormatOptions(), delimited.FieldDelimiter, delimited.RowDelimiter, delimited.EnableHeader, delimited.Encoding)
}

// Reading implements plugin.Format.
func (Format) Reading(opts *option.Values, declared *record.Schema, columns []string) (plugin.FileReading, error) {
	if _, err := value.FromOptions(opts); err != nil {
		return nil, err
	}
	charset, err := delimited.CharsetOption(opts)
	if err != nil {
		return nil, err
	}
	rows, cells, err := delimited.Project(opts, declared, columns, value.Options{Nested: value.Levels})
	if err != nil {
		return nil, err
	}
	scanner, err := Scanner(opts.String(delimited.FieldDelimiter.Key), declared == nil)
	if err != nil {
		return nil, opts.Problem(delimited.FieldDelimiter.Key, `a text, or a regular expression; write "\\|" for a bar`, "%v", err)
	}
	return &delimited.Source{
		Scanner: scanner, Values: value.Options{Nested: value.Levels}, Rows: rows, Cells: cells,
		Charset: charset, Header: opts.Int(delimited.SkipHeader.Key),
	}, nil
}

// Writing implements plugin.Format.
func (Format) Writing(opts *option.Values, schema *record.Schema) (plugin.FileWriting, error) {
	values, err := value.FromOptions(opts)
	if err != nil {
		return nil, err
	}
	values.Nested = value.Levels
	charset, err := delimited.CharsetOption(opts)
	if err != nil {
		return nil, err
	}
	if err := delimited.Supported(schema, values); err != nil {
		return nil, err
	}
	w := &writing{values: values, delim: opts.String(delimited.FieldDelimiter.Key), rowDelim: opts.String(delimited.RowDelimiter.Key),
		charset: charset, schema: schema}
	if w.delim == "" {
		w.delim = defaultDelimiter
	}
	if opts.Bool(delimited.EnableHeader.Key) {
		w.header = []byte(strings.Join(schema.Names(), w.delim))
	}
	return w, nil
}

type writing struct {
	values   value.Options
	delim    string
	rowDelim string
	charset  *delimited.Charset
	schema   *record.Schema
	header   []byte
}

// Extension implements plugin.FileWriting.
func (w *writing) Extension() string { return Format{}.Suffix() }

// Create implements plugin.FileWriting.
func (w *writing) Create(out io.Writer) (plugin.FileEncoder, error) {
	return delimited.NewEncoder(out, w.charset, w.rowDelim, w.header, func(b *record.Batch) delimited.RowPrinter {
		return Printer(b, w.delim, w.values)
	}), nil
}

// Printer prints the rows of b as text: fields in order with delim between them.
func Printer(b *record.Batch, delim string, o value.Options) delimited.RowPrinter {
	cells := make([]delimited.RowPrinter, len(b.Schema.Columns))
	for i, c := range b.Schema.Columns {
		cells[i] = value.Bind(c.Type, o, b.Data.Column(i))
	}
	return delimited.Join(cells, delim)
}
