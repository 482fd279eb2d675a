package file

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/compute"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/format/value"
	"seikan/engine/option"
	"seikan/engine/record"
)

// layout says which directory, or for binary rows which file, a row belongs to.
type layout struct {
	columns []int // in the table
	steps   []dirStep
	binary  bool
}

// dirStep is a piece of a directory's name: fixed text, or the value of a column.
type dirStep struct {
	text   string
	column int // in the batch, -1 for fixed text
	print  value.Print
}

func newLayout(opts *option.Values, table *record.Schema) (*layout, error) {
	l := &layout{}
	names := opts.List("partition_by")
	for _, name := range names {
		i := table.Index(name)
		if i < 0 {
			return nil, unknownColumn(opts, "partition_by", name, table)
		}
		if slices.Contains(l.columns, i) {
			return nil, opts.Problem("partition_by", "name it once", "column %q appears twice", name)
		}
		l.columns = append(l.columns, i)
	}
	if len(names) == 0 {
		return nil, opts.Problem("partition_by", "name columns", "the list is empty")
	}
	expression := opts.String("partition_dir_expression")
	if expression == defaultPartition {
		var b strings.Builder
		for i := range names {
			fmt.Fprintf(&b, "${k%d}=${v%d}/", i, i)
		}
		expression = b.String()
	}
	for rest := expression; rest != ""; {
		before, after, ok := strings.Cut(rest, "${")
		if slices.Contains(strings.Split(before, "/"), "..") {
			return nil, opts.Problem("partition_dir_expression", "directories below path", "%q leads out of path", expression)
		}
		if before != "" {
			l.steps = append(l.steps, dirStep{text: before, column: -1})
		}
		if !ok {
			break
		}
		name, tail, closed := strings.Cut(after, "}")
		n, err := strconv.Atoi(strings.TrimLeft(name, "kv"))
		if !closed || err != nil || n < 0 || n >= len(names) || name[0] != 'k' && name[0] != 'v' {
			return nil, opts.Problem("partition_dir_expression", fmt.Sprintf("${k0} to ${k%d} and ${v0} to ${v%d}", len(names)-1, len(names)-1), "unknown variable %q", "${"+name+"}")
		}
		if name[0] == 'k' {
			l.steps = append(l.steps, dirStep{text: escapeDir(names[n]), column: -1})
		} else {
			c := l.columns[n]
			l.steps = append(l.steps, dirStep{column: c, print: value.Printer(table.Columns[c].Type, value.Options{})})
		}
		rest = tail
	}
	return l, nil
}

// dir appends the directory of a row: relative, without a slash at the end.
func (l *layout) dir(dst []byte, data arrow.RecordBatch, row int) []byte {
	for _, s := range l.steps {
		if s.column < 0 {
			dst = append(dst, s.text...)
			continue
		}
		from := len(dst)
		col := data.Column(s.column)
		if !col.IsNull(row) {
			dst = s.print(dst, col, row)
		}
		if len(dst) == from {
			dst = append(dst, nullPartition...)
		} else if text := dst[from:]; mustEscape(text) {
			dst = append(dst[:from:from], escapeDir(string(text))...)
		}
	}
	return dst
}

func mustEscape(text []byte) bool {
	if len(text) <= 2 && strings.Trim(string(text), ".") == "" {
		return true
	}
	return slices.ContainsFunc(text, func(c byte) bool { return c < ' ' || c == '/' || c == '\\' || c == '%' || c == 0x7f })
}

// escapeDir makes any text the name of a directory, with %XX as Hive does.
func escapeDir(text string) string {
	if !mustEscape([]byte(text)) {
		return text
	}
	dots := strings.Trim(text, ".") == ""
	var b strings.Builder
	for _, c := range []byte(text) {
		if c < ' ' || c == '/' || c == '\\' || c == '%' || c == 0x7f || dots {
			fmt.Fprintf(&b, "%%%02X", c)
		} else {
			b.WriteByte(c)
		}
	}
	return b.String()
}

// group is a run of a batch's rows that belong together.
type group struct {
	dir      string
	from, to int // rows of the ordered batch
}

// order brings the rows of b into the order of their directories, keeping it inside each. The
// caller owns the result.
func (l *layout) order(ctx context.Context, b *record.Batch) (*record.Batch, []group, error) {
	byDir := map[string]int{}
	var groups []group
	rows := make([]int32, b.Rows()) // group of each row
	var dir []byte
	for i := range rows {
		if l.binary {
			name, err := binaryName(b.Data, l.columns[0], i)
			if err != nil {
				return nil, nil, err
			}
			dir = append(dir[:0], name...)
		} else {
			dir = l.dir(dir[:0], b.Data, i)
		}
		g, ok := byDir[string(dir)]
		if !ok {
			g = len(groups)
			groups = append(groups, group{dir: string(dir)})
			byDir[groups[g].dir] = g
		}
		rows[i] = int32(g)
		groups[g].to++
	}
	at := 0
	for g := range groups {
		n := groups[g].to
		groups[g].from, groups[g].to = at, at+n
		at += n
	}
	if slices.IsSorted(rows) {
		b.Retain()
		return b, groups, nil
	}
	next := make([]int, len(groups))
	for g := range groups {
		next[g] = groups[g].from
	}
	order := make([]int32, len(rows))
	for i, g := range rows {
		order[next[g]] = int32(i)
		next[g]++
	}
	data, err := take(ctx, b.Data, order)
	if err != nil {
		return nil, nil, err
	}
	out := record.NewBatch(b.Schema, data)
	return out, groups, nil
}

func take(ctx context.Context, data arrow.RecordBatch, order []int32) (arrow.RecordBatch, error) {
	b := array.NewInt32Builder(memory.DefaultAllocator)
	defer b.Release()
	b.AppendValues(order, nil)
	indices := b.NewInt32Array()
	defer indices.Release()
	columns := make([]arrow.Array, data.NumCols())
	for i, c := range data.Columns() {
		t, err := compute.TakeArray(ctx, c, indices)
		if err != nil {
			return nil, fmt.Errorf("order the rows by partition: %w", err)
		}
		defer t.Release()
		columns[i] = t
	}
	return array.NewRecordBatch(data.Schema(), columns, int64(len(order))), nil
}
