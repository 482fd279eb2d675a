// Package filetest has what the tests of columnar file formats share: files in memory, options,
// and batches of random rows of every type.
package filetest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"syscall"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/job/hocon"
	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// File is a file in memory.
type File []byte

// Name is the same for all.
func (File) Name() string { return "/data/test" }

// Size in bytes.
func (f File) Size() int64 { return int64(len(f)) }

// Open reads from the start.
func (f File) Open(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(f)), nil
}

// OpenAt gives random access.
func (f File) OpenAt(context.Context) (plugin.ReaderAtCloser, error) {
	return closable{bytes.NewReader(f)}, nil
}

type closable struct{ io.ReaderAt }

func (closable) Close() error { return nil }

// Options parses a block of options.
func Options(t testing.TB, options []option.Option, block string) *option.Values {
	t.Helper()
	v, err := hocon.Parse("job", []byte("{"+block+"}"), hocon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	out, problems := (&option.Spec{Name: "Test", Kind: "sink", Options: options}).Parse(v)
	if problems.Err() != nil {
		t.Fatal(problems)
	}
	return out
}

// Write makes a file of batches.
func Write(t testing.TB, format plugin.Format, block string, batches ...*record.Batch) File {
	t.Helper()
	w, err := format.Writing(Options(t, format.WriteOptions(), block), batches[0].Schema)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	f, err := w.Create(&out)
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range batches {
		if err := f.Write(b); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// Reading is a FileReading without options.
func Reading(t testing.TB, format plugin.Format, declared *record.Schema, columns ...string) plugin.FileReading {
	t.Helper()
	r, err := format.Reading(Options(t, format.ReadOptions(), ""), declared, columns)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// Read reads one piece from row at on. Dirty rows are an error, unless dirty takes them.
func Read(r plugin.FileReading, f plugin.File, piece plugin.Range, at int64, dirty func(plugin.DirtyRow)) ([]*record.Batch, error) {
	ctx := context.Background()
	schema, err := r.Schema(ctx, f)
	if err != nil {
		return nil, err
	}
	task := plugin.Task{Dirty: func(_ context.Context, row plugin.DirtyRow) error {
		if dirty == nil {
			return row.Err
		}
		dirty(row)
		return nil
	}}
	rows, err := r.Open(ctx, task, plugin.Split{ID: "s", At: record.Position{Rows: at}}, f, piece, schema)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []*record.Batch
	for {
		b, err := rows.Next(ctx)
		if err == plugin.ErrEnd {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if b.From.Rows != at {
			return nil, fmt.Errorf("a batch begins at row %d, the one before ended at %d", b.From.Rows, at)
		}
		at = b.To.Rows
		out = append(out, b)
	}
}

// Whole is the piece of a whole file.
var Whole = plugin.Range{From: 0, To: -1}

// Column joins one column of batches.
func Column(t testing.TB, batches []*record.Batch, i int) arrow.Array {
	t.Helper()
	parts := make([]arrow.Array, len(batches))
	for k, b := range batches {
		parts[k] = b.Data.Column(i)
	}
	out, err := array.Concatenate(parts, memory.DefaultAllocator)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// SameRows fails unless both have the same rows.
func SameRows(t testing.TB, want, got []*record.Batch) {
	t.Helper()
	if len(got) == 0 {
		t.Fatal("no rows came")
	}
	for i, c := range want[0].Schema.Columns {
		w, g := Column(t, want, i), Column(t, got, i)
		if w.Len() != g.Len() {
			t.Fatalf("column %s: %d rows, want %d", c.Name, g.Len(), w.Len())
		}
		if !arrow.TypeEqual(w.DataType(), g.DataType()) {
			t.Fatalf("column %s: type %s, want %s", c.Name, g.DataType(), w.DataType())
		}
		if array.Equal(w, g) {
			continue
		}
		for r := range w.Len() {
			if a, b := w.ValueStr(r), g.ValueStr(r); a != b {
				t.Fatalf("column %s row %d: %s, want %s", c.Name, r, b, a)
			}
		}
		t.Fatalf("column %s differs", c.Name)
	}
}

// Schema makes a schema of columns given as "name type" in turn.
func Schema(t testing.TB, columns ...string) *record.Schema {
	t.Helper()
	s := &record.Schema{Path: record.TablePath{Table: "t"}}
	for i := 0; i < len(columns); i += 2 {
		typ, err := record.ParseType(columns[i+1])
		if err != nil {
			t.Fatal(err)
		}
		s.Columns = append(s.Columns, record.Column{Name: columns[i], Type: typ})
	}
	return s.Freeze()
}

// Random makes rows; a tenth of the values, at every depth, is null. Values of a column come
// from distinct ones.
func Random(schema *record.Schema, rows, distinct int, seed uint64) *record.Batch {
	rng := rand.New(rand.NewPCG(seed, 1))
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
	defer b.Release()
	for i, c := range schema.Columns {
		for range rows {
			random(b.Field(i), c.Type, rng, distinct, true)
		}
	}
	return record.NewBatch(schema, b.NewRecordBatch())
}

func random(b array.Builder, t record.Type, rng *rand.Rand, distinct int, nulls bool) {
	if nulls && rng.IntN(10) == 0 {
		b.AppendNull()
		return
	}
	n := int64(rng.IntN(distinct)) * 7919
	if rng.IntN(2) == 0 {
		n = -n
	}
	switch b := b.(type) {
	case *array.BooleanBuilder:
		b.Append(n%2 == 0)
	case *array.Int8Builder:
		b.Append(int8(n))
	case *array.Int16Builder:
		b.Append(int16(n))
	case *array.Int32Builder:
		b.Append(int32(n))
	case *array.Int64Builder:
		b.Append(n * 1_000_003)
	case *array.Float32Builder:
		b.Append(float32(n) / 3)
	case *array.Float64Builder:
		b.Append(float64(n) / 3)
	case *array.Decimal128Builder:
		b.Append(decimal128.FromI64(n % 10_000).Mul(decimal128.GetScaleMultiplier(max(0, t.Precision-4))))
	case *array.StringBuilder:
		b.Append(fmt.Sprintf("text %d \u00e4", n))
	case *array.BinaryBuilder:
		b.Append(fmt.Appendf(nil, "\xff%d", n))
	case *array.Date32Builder:
		b.Append(arrow.Date32(n % 100_000))
	case *array.Time64Builder:
		unit := int64(86_400_000_000)
		if t.Nanos() {
			unit *= 1000
		}
		b.Append(arrow.Time64((n*1_000_003%unit + unit) % unit))
	case *array.TimestampBuilder:
		span := int64(6_000_000_000_000_000) // 190 years
		if t.Nanos() {
			span *= 1000
		}
		b.Append(arrow.Timestamp(n * 1_000_003 % span))
	case *array.ListBuilder:
		b.Append(true)
		for range rng.IntN(4) {
			random(b.ValueBuilder(), *t.Elem, rng, distinct, true)
		}
	case *array.MapBuilder:
		b.Append(true)
		for range rng.IntN(3) {
			random(b.KeyBuilder(), *t.Key, rng, distinct, false)
			random(b.ItemBuilder(), *t.Elem, rng, distinct, true)
		}
	case *array.StructBuilder:
		b.Append(true)
		for i, f := range t.Fields {
			random(b.FieldBuilder(i), f.Type, rng, distinct, true)
		}
	default:
		panic(fmt.Sprintf("no random values of %s", b.Type()))
	}
}

// CPU is the processor time of this process so far, for benchmarks on machines that others use too.
func CPU() time.Duration {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return 0
	}
	return time.Duration(r.Utime.Nano() + r.Stime.Nano())
}
