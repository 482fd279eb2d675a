// Package json is the file format json: one object a line (JSON Lines), and JSON messages.
package json

import (
	"fmt"
	"io"

	"seikan/engine/format/delimited"
	"seikan/engine/format/value"
	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// Format is the plugin.Format.
type Format struct{}

// Name implements plugin.Format.
func (Format) Name() string { return "json" }

// Suffix implements plugin.Format.
func (Format) Suffix() string { return ".json" }

// ReadOptions implements plugin.Format.
func (Format) ReadOptions() []option.Option {
	return append(value.FormatOptions(), delimited.Encoding)
}

// WriteOptions implements plugin.Format.
func (Format) WriteOptions() []option.Option {
	return []option.Option{delimited.RowDelimiter, delimited.Encoding}
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
	if declared == nil {
		return nil, plugin.Permanent(fmt.Errorf(`%s: json needs a schema { fields { name = type } }`, opts.Owner()))
	}
	rows, _, err := delimited.Project(opts, declared, columns, value.Options{})
	if err != nil {
		return nil, err
	}
	return &delimited.Source{
		Scanner: newLines(rows), Rules: rules, Rows: rows, Cells: rows.Names(), Charset: charset,
	}, nil
}

// rules are those of cells found by this package's scanners.
var rules = delimited.Rules{Unescape: value.UnescapeJSON, JSON: true}

// Writing implements plugin.Format.
func (Format) Writing(opts *option.Values, schema *record.Schema) (plugin.FileWriting, error) {
	charset, err := delimited.CharsetOption(opts)
	if err != nil {
		return nil, err
	}
	if err := delimited.Supported(schema, value.Options{}); err != nil {
		return nil, err
	}
	return &writing{rowDelim: opts.String(delimited.RowDelimiter.Key), charset: charset}, nil
}

type writing struct {
	rowDelim string
	charset  *delimited.Charset
}

// Extension implements plugin.FileWriting.
func (w *writing) Extension() string { return Format{}.Suffix() }

// Create implements plugin.FileWriting.
func (w *writing) Create(out io.Writer) (plugin.FileEncoder, error) {
	return delimited.NewEncoder(out, w.charset, w.rowDelim, nil, Printer), nil
}
