package parquet

import (
	"context"
	"fmt"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"seikan/engine/format/parquet/conform"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

type reading struct {
	declared *record.Schema // nil or without columns: the file's
	columns  []string       // nil: all
}

func errNotDeclared(name string, declared *record.Schema) error {
	return fmt.Errorf("read_columns names %q, which the schema does not have; it has %s", name, strings.Join(declared.Names(), ", "))
}

// Schema takes the columns of the first file, unless the job declares them; those of the file
// must then be readable as declared.
func (r *reading) Schema(ctx context.Context, first plugin.File) (*record.Schema, error) {
	schema := &record.Schema{}
	if r.declared != nil {
		schema = r.declared
	}
	declared := len(schema.Columns) > 0
	if first == nil {
		if declared {
			return selected(schema, r.columns)
		}
		return schema.Freeze(), nil
	}
	f, err := open(ctx, first)
	if err != nil {
		return nil, err
	}
	defer f.close()
	fields := f.fields()
	if !declared {
		var columns []record.Column
		for i, field := range fields {
			if r.columns != nil && !contains(r.columns, field.Name) {
				continue
			}
			t, err := f.columnType(i)
			if err != nil {
				return nil, f.fail(fmt.Errorf("column %q: %w; leave it out with read_columns", field.Name, err))
			}
			columns = append(columns, record.Column{Name: field.Name, Type: t, Source: field.Type.String()})
		}
		schema = schema.WithColumns(columns)
	}
	schema, err = selected(schema, r.columns)
	if err != nil {
		return nil, f.fail(err)
	}
	if _, err := conform.Match(fields, schema); err != nil {
		return nil, f.fail(err)
	}
	return schema, nil
}

func contains(names []string, name string) bool {
	for _, n := range names {
		if strings.EqualFold(n, name) {
			return true
		}
	}
	return false
}

// selected orders and cuts the columns; names may differ in case when that is not ambiguous.
func selected(schema *record.Schema, names []string) (*record.Schema, error) {
	if names == nil {
		return schema.Freeze(), nil
	}
	fields := make([]arrow.Field, len(schema.Columns))
	for i, c := range schema.Columns {
		fields[i].Name = c.Name
	}
	columns := make([]record.Column, len(names))
	for i, n := range names {
		at, err := conform.Find(fields, n)
		if err != nil {
			return nil, fmt.Errorf("read_columns: %w", err)
		}
		columns[i] = schema.Columns[at]
	}
	return schema.WithColumns(columns), nil
}

// Cut makes pieces of whole row groups.
func (r *reading) Cut(ctx context.Context, file plugin.File, target int64) ([]plugin.Range, error) {
	f, err := open(ctx, file)
	if err != nil {
		return nil, err
	}
	defer f.close()
	var out []plugin.Range
	var size int64
	n := f.reader.NumRowGroups()
	for i := range n {
		if size == 0 {
			out = append(out, plugin.Range{From: int64(i)})
		}
		size += max(1, f.groupSize(i))
		out[len(out)-1].To = int64(i) + 1
		if target > 0 && size >= target {
			size = 0
		}
	}
	if len(out) == 0 {
		out = []plugin.Range{{}}
	}
	return out, nil
}

// Open reads the row groups of one piece.
func (r *reading) Open(ctx context.Context, task plugin.Task, split plugin.Split, file plugin.File, piece plugin.Range, schema *record.Schema) (plugin.SplitReader, error) {
	f, err := open(ctx, file)
	if err != nil {
		return nil, err
	}
	rows, err := newRows(ctx, task, split, f, piece, schema)
	if err != nil {
		f.close()
		return nil, f.fail(err)
	}
	return rows, nil
}
