// Package excel is the file format excel: one sheet of an .xlsx workbook.
package excel

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"seikan/engine/format/delimited"
	"seikan/engine/format/rowwise"
	"seikan/engine/format/value"
	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// The options of excel files.
var (
	sheetName = option.Option{Key: "sheet_name", Type: option.String,
		Doc: "excel: name of the sheet. A source reads the first one when it is not set; a sink writes Sheet1."}
	maxRowsInMemory = option.Option{Key: "max_rows_in_memory", Type: option.Int,
		Doc: "excel: accepted and not used; rows are never kept in memory."}
)

// Format is the plugin.Format.
type Format struct{}

// Name implements plugin.Format.
func (Format) Name() string { return "excel" }

// Suffix implements plugin.Format.
func (Format) Suffix() string { return ".xlsx" }

// ReadOptions implements plugin.Format.
func (Format) ReadOptions() []option.Option {
	return append(value.FormatOptions(), sheetName, delimited.SkipHeader)
}

// WriteOptions implements plugin.Format.
func (Format) WriteOptions() []option.Option {
	return []option.Option{sheetName, maxRowsInMemory}
}

// Reading implements plugin.Format.
func (Format) Reading(opts *option.Values, declared *record.Schema, columns []string) (plugin.FileReading, error) {
	if _, err := value.FromOptions(opts); err != nil {
		return nil, err
	}
	if declared == nil {
		return nil, plugin.Permanent(fmt.Errorf(`%s: excel needs a schema { fields { name = type } }`, opts.Owner()))
	}
	rows, cells, err := delimited.Project(opts, declared, columns, value.Options{})
	if err != nil {
		return nil, err
	}
	r := &reading{sheet: opts.String(sheetName.Key), header: opts.Int(delimited.SkipHeader.Key), schema: rows}
	for _, c := range rows.Columns {
		r.from = append(r.from, slices.Index(cells, c.Name))
	}
	return r, nil
}

type reading struct {
	sheet  string // "" for the first
	header int64
	schema *record.Schema
	from   []int // column of the sheet for each of the schema
}

// Schema implements plugin.FileReading.
func (r *reading) Schema(context.Context, plugin.File) (*record.Schema, error) { return r.schema, nil }

// Cut implements plugin.FileReading: a sheet is one compressed stream.
func (r *reading) Cut(context.Context, plugin.File, int64) ([]plugin.Range, error) {
	return []plugin.Range{{From: 0, To: -1}}, nil
}

// Open implements plugin.FileReading.
func (r *reading) Open(ctx context.Context, task plugin.Task, split plugin.Split, f plugin.File, _ plugin.Range, schema *record.Schema) (plugin.SplitReader, error) {
	book, err := openBook(ctx, f)
	if err != nil {
		return nil, fmt.Errorf("opening the workbook %s: %w", f.Name(), err)
	}
	s, err := newScanner(book, r, schema)
	if err != nil {
		book.close()
		return nil, fmt.Errorf("opening the workbook %s: %w", f.Name(), err)
	}
	return rowwise.New(task, split, f.Name(), schema, s), nil
}

// Writing implements plugin.Format.
func (Format) Writing(opts *option.Values, schema *record.Schema) (plugin.FileWriting, error) {
	w := &writing{sheet: opts.String(sheetName.Key), schema: schema}
	if w.sheet == "" {
		w.sheet = "Sheet1"
	}
	if utf8.RuneCountInString(w.sheet) > maxSheetName || strings.ContainsAny(w.sheet, `:\/?*[]`) || strings.Trim(w.sheet, "'") != w.sheet || checkText(w.sheet) != nil {
		return nil, opts.Problem(sheetName.Key, "up to 31 characters without : \\ / ? * [ ], no quote at an end", "%q cannot be the name of a sheet", w.sheet)
	}
	if n := len(schema.Columns); n > maxColumns {
		return nil, plugin.Permanent(fmt.Errorf("%s: a sheet has at most %d columns, the table has %d", opts.Owner(), maxColumns, n))
	}
	return w, delimited.Supported(schema, value.Options{})
}

type writing struct {
	sheet  string
	schema *record.Schema
}

// Extension implements plugin.FileWriting.
func (w *writing) Extension() string { return Format{}.Suffix() }

// Create implements plugin.FileWriting.
func (w *writing) Create(out io.Writer) (plugin.FileEncoder, error) { return newEncoder(w, out) }
