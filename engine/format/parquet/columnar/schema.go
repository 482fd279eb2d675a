package columnar

import (
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"seikan/engine/record"
)

// Column says how to read one column of a file.
type Column struct {
	Index   int // in the file
	Convert Converter
}

// Match finds the columns of schema in a file's fields, by name; a name that differs in case
// only is taken when there is just one. The error names the column.
func Match(fields []arrow.Field, schema *record.Schema) ([]Column, error) {
	out := make([]Column, len(schema.Columns))
	for i, c := range schema.Columns {
		at, err := Find(fields, c.Name)
		if err != nil {
			return nil, err
		}
		convert, err := To(fields[at].Type, c.Type)
		if err != nil {
			return nil, fmt.Errorf("column %q: %w", c.Name, err)
		}
		out[i] = Column{at, convert}
	}
	return out, nil
}

// Find returns the index of the field called name, or else of the only one that differs in case.
func Find(fields []arrow.Field, name string) (int, error) {
	at, near := -1, 0
	for i, f := range fields {
		if f.Name == name {
			return i, nil
		}
		if strings.EqualFold(f.Name, name) {
			at = i
			near++
		}
	}
	if near == 1 {
		return at, nil
	}
	names := make([]string, 0, len(fields))
	for _, f := range fields {
		names = append(names, f.Name)
	}
	return 0, fmt.Errorf("there is no column %q; the file has %s", name, strings.Join(names, ", "))
}

// Wish is what a job says of the columns to read.
type Wish struct {
	Declared *record.Schema // nil or without columns: all of the file
	Columns  []string       // read_columns, in output order; none: all
}

// Check reports columns that the declared schema does not have.
func (w Wish) Check() error {
	if w.Declared == nil || len(w.Declared.Columns) == 0 {
		return nil
	}
	_, err := w.selected(w.Declared)
	return err
}

// Schema is the schema of the rows, given the fields of the first file and the type of each; nil
// fields mean that there is no file.
func (w Wish) Schema(fields []arrow.Field, typeOf func(i int) (record.Type, error)) (*record.Schema, error) {
	schema := &record.Schema{}
	if w.Declared != nil {
		schema = w.Declared
	}
	declared := len(schema.Columns) > 0
	if fields == nil && !declared {
		return schema.Freeze(), nil
	}
	if !declared {
		var columns []record.Column
		for i, f := range fields {
			if !w.wants(f.Name) {
				continue
			}
			t, err := typeOf(i)
			if err != nil {
				return nil, fmt.Errorf("column %q: %w; leave it out with read_columns", f.Name, err)
			}
			columns = append(columns, record.Column{Name: f.Name, Type: t, Source: f.Type.String()})
		}
		schema = schema.WithColumns(columns)
	}
	schema, err := w.selected(schema)
	if err != nil || fields == nil {
		return schema, err
	}
	_, err = Match(fields, schema)
	return schema, err
}

func (w Wish) wants(name string) bool {
	return len(w.Columns) == 0 || slices.ContainsFunc(w.Columns, func(c string) bool { return strings.EqualFold(c, name) })
}

// selected orders and cuts the columns.
func (w Wish) selected(schema *record.Schema) (*record.Schema, error) {
	if len(w.Columns) == 0 {
		return schema.Freeze(), nil
	}
	fields := make([]arrow.Field, len(schema.Columns))
	for i, c := range schema.Columns {
		fields[i].Name = c.Name
	}
	columns := make([]record.Column, len(w.Columns))
	for i, n := range w.Columns {
		at, err := Find(fields, n)
		if err != nil {
			return nil, fmt.Errorf("read_columns: %w", err)
		}
		columns[i] = schema.Columns[at]
	}
	return schema.WithColumns(columns), nil
}
