// Package csv is the file format csv: RFC 4180 in both directions, line ends inside quotes
// included.
package csv

import (
	"bytes"
	"io"
	"strings"

	"seikan/engine/format/delimited"
	"seikan/engine/format/value"
	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// Format is the plugin.Format.
type Format struct{}

// Name implements plugin.Format.
func (Format) Name() string { return "csv" }

// Suffix implements plugin.Format.
func (Format) Suffix() string { return ".csv" }

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
	delim, err := delimiter(opts)
	if err != nil {
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
	return &delimited.Source{
		Scanner: &delimited.Lines{Delim: delim, Quotes: true, Whole: declared == nil, SkipEmpty: len(cells) > 1},
		Rules:   delimited.Rules{Unescape: unescape, QuotedBlankIsNull: true},
		Values:  value.Options{Nested: value.Levels},
		Rows:    rows, Cells: cells, Charset: charset, Header: opts.Int(delimited.SkipHeader.Key),
	}, nil
}

// Writing implements plugin.Format.
func (Format) Writing(opts *option.Values, schema *record.Schema) (plugin.FileWriting, error) {
	values, err := value.FromOptions(opts)
	if err != nil {
		return nil, err
	}
	values.Nested = value.Levels
	delim, err := delimiter(opts)
	if err != nil {
		return nil, err
	}
	charset, err := delimited.CharsetOption(opts)
	if err != nil {
		return nil, err
	}
	if err := delimited.Supported(schema, values); err != nil {
		return nil, err
	}
	rowDelim := opts.String(delimited.RowDelimiter.Key)
	if rowDelim != "\n" && rowDelim != "\r\n" {
		if rowDelim == "" || bytes.Contains(delim, []byte(rowDelim)) || strings.ContainsAny(rowDelim, `"`) {
			return nil, opts.Problem(delimited.RowDelimiter.Key, `"\n" or another text that cannot be taken for a field's`, "%q cannot separate rows of csv", rowDelim)
		}
	}
	return &writing{values: values, delim: delim, rowDelim: rowDelim, charset: charset, schema: schema,
		header: opts.Bool(delimited.EnableHeader.Key)}, nil
}

// delimiter is the text between fields. One escape of a regular expression, which text files
// need ("\\|"), is understood too.
func delimiter(opts *option.Values) ([]byte, error) {
	given := opts.String(delimited.FieldDelimiter.Key)
	if given == "" {
		return []byte{','}, nil
	}
	if literal, ok := delimited.Unescape(given); ok && strings.HasPrefix(given, `\`) {
		given = literal
	}
	if strings.ContainsAny(given, "\"\r\n") {
		return nil, opts.Problem(delimited.FieldDelimiter.Key, "a text without quotes and line ends", "%q cannot separate fields of csv", given)
	}
	return []byte(given), nil
}

// unescape turns "" into ".
func unescape(dst, raw []byte) ([]byte, error) {
	for {
		i := bytes.IndexByte(raw, '"')
		if i < 0 || i+1 == len(raw) {
			return append(dst, raw...), nil
		}
		dst = append(dst, raw[:i+1]...)
		raw = raw[i+2:]
	}
}

type writing struct {
	values   value.Options
	delim    []byte
	rowDelim string
	charset  *delimited.Charset
	schema   *record.Schema
	header   bool
}

// Extension implements plugin.FileWriting.
func (w *writing) Extension() string { return Format{}.Suffix() }

// Create implements plugin.FileWriting.
func (w *writing) Create(out io.Writer) (plugin.FileEncoder, error) {
	q := newQuoting(w.delim, w.rowDelim)
	var header []byte
	if w.header {
		header = []byte{}
		for i, name := range w.schema.Names() {
			if i > 0 {
				header = append(header, w.delim...)
			}
			header = q.append(header, name)
		}
	}
	kinds := make([]record.Type, len(w.schema.Columns))
	for i, c := range w.schema.Columns {
		kinds[i] = c.Type
	}
	return delimited.NewEncoder(out, w.charset, w.rowDelim, header, func(b *record.Batch) delimited.RowPrinter {
		cells := make([]delimited.RowPrinter, len(kinds))
		for i, t := range kinds {
			cells[i] = q.bind(t, w.values, b.Data.Column(i))
		}
		return delimited.Join(cells, string(w.delim))
	}), nil
}
