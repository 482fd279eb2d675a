package fakesource

import (
	"fmt"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/job/hocon"
	"seikan/engine/option"
	"seikan/engine/record"
)

// written is a row of the job file: a value or nil for each column.
type written struct {
	kind   record.RowKind
	values []*hocon.Value
}

func parseRows(opts *option.Values, schema *record.Schema) ([]written, error) {
	tree := opts.Tree("rows")
	if tree.Kind == hocon.String {
		if inner, err := hocon.ParseJSON(tree.Pos.File, []byte(tree.Text)); err == nil {
			tree = inner
		}
	}
	if tree.Kind != hocon.List {
		return nil, opts.Problem("rows", "a list of { kind, fields }", "it is not a list")
	}
	out := make([]written, 0, len(tree.Items))
	for i, item := range tree.Items {
		row, err := parseRow(item, schema)
		if err != nil {
			return nil, hocon.Problem{Code: "CFG-040", Pos: item.Pos, Message: fmt.Sprintf("row %d of option \"rows\" of %s: %v", i+1, opts.Owner(), err)}
		}
		out = append(out, row)
	}
	return out, nil
}

func parseRow(item *hocon.Value, schema *record.Schema) (written, error) {
	var row written
	if f := item.Get("kind"); f != nil {
		kind, err := record.ParseRowKind(f.Value.Text)
		if err != nil {
			return row, err
		}
		row.kind = kind
	}
	fields := item.Get("fields")
	if fields == nil {
		return row, fmt.Errorf("\"fields\" is missing; expected { kind = INSERT, fields = [1, \"a\"] }")
	}
	row.values = make([]*hocon.Value, len(schema.Columns))
	switch v := fields.Value; v.Kind {
	case hocon.List:
		if len(v.Items) != len(schema.Columns) {
			return row, fmt.Errorf("it has %d values; the schema has %d columns", len(v.Items), len(schema.Columns))
		}
		copy(row.values, v.Items)
	case hocon.Object:
		for _, f := range v.Fields {
			i := schema.Index(f.Key)
			if i < 0 {
				return row, fmt.Errorf("the schema has no column %q", f.Key)
			}
			row.values[i] = f.Value
		}
	default:
		return row, fmt.Errorf("\"fields\" is neither a list nor a map")
	}
	return row, nil
}

// fix builds the rows of the job file; now is what CURRENT_TIMESTAMP stands for.
func (t *table) fix(r *rows, now time.Time) error {
	b := array.NewRecordBuilder(allocator, t.schema.Arrow())
	defer b.Release()
	if slices.ContainsFunc(t.written, func(w written) bool { return w.kind != record.Insert }) {
		r.kinds = make([]record.RowKind, len(t.written))
	}
	for n, row := range t.written {
		if r.kinds != nil {
			r.kinds[n] = row.kind
		}
		for i, v := range row.values {
			if v == nil {
				b.Field(i).AppendNull()
				continue
			}
			c := t.schema.Columns[i]
			if err := literal(b.Field(i), c.Type, v, now); err != nil {
				return hocon.Problem{Code: "CFG-040", Pos: v.Pos, Label: "expected " + c.Type.String(),
					Message: fmt.Sprintf("column %q in row %d of option \"rows\" of %s: %v", c.Name, n+1, t.opts.Owner(), err)}
			}
		}
	}
	r.fixed, r.count = b.NewRecordBatch(), int64(len(t.written))
	return nil
}
