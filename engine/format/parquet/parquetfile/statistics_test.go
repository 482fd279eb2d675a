package parquetfile

import (
	"bytes"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	pqfile "github.com/apache/arrow-go/v18/parquet/file"
	"github.com/apache/arrow-go/v18/parquet/metadata"

	"seikan/engine/record"
)

// written returns the statistics of the only column of a file, as another implementation reads them.
func written(t *testing.T, typ record.Type, fill func(array.Builder)) metadata.TypedStatistics {
	t.Helper()
	schema := (&record.Schema{Columns: []record.Column{{Name: "c", Type: typ}}}).Freeze()
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
	fill(b.Field(0))
	var out bytes.Buffer
	w, err := NewWriter(&out, schema, Options{Message: "m"})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Write(b.NewRecordBatch()); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	r, err := pqfile.NewParquetReader(bytes.NewReader(out.Bytes()))
	if err != nil {
		t.Fatal(err)
	}
	c, err := r.MetaData().RowGroup(0).ColumnChunk(0)
	if err != nil {
		t.Fatal(err)
	}
	s, err := c.Statistics()
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestNaNHasNoPlaceInStatistics(t *testing.T) {
	t.Parallel()
	nan := math.NaN()
	s := written(t, record.Of(record.Double), func(b array.Builder) {
		b.(*array.Float64Builder).AppendValues([]float64{nan, 2, nan, -1.5, nan}, nil)
	}).(*metadata.Float64Statistics)
	if s.Min() != -1.5 || s.Max() != 2 {
		t.Errorf("bounds %g to %g, want -1.5 to 2", s.Min(), s.Max())
	}
	if s := written(t, record.Of(record.Double), func(b array.Builder) {
		b.(*array.Float64Builder).AppendValues([]float64{nan, nan}, nil)
	}); s.HasMinMax() {
		t.Error("a column of NaN alone has bounds")
	}
}

func TestZerosAreBoundedWithTheirOuterSign(t *testing.T) {
	t.Parallel()
	s := written(t, record.Of(record.Float), func(b array.Builder) {
		b.(*array.Float32Builder).AppendValues([]float32{0, 0}, nil)
	}).(*metadata.Float32Statistics)
	if !math.Signbit(float64(s.Min())) || math.Signbit(float64(s.Max())) {
		t.Errorf("bounds %g to %g, want -0 to 0", s.Min(), s.Max())
	}
}

func TestNullsAloneHaveNoBounds(t *testing.T) {
	t.Parallel()
	s := written(t, record.Of(record.String), func(b array.Builder) { b.AppendNulls(3) })
	if s.HasMinMax() || s.NullCount() != 3 {
		t.Errorf("bounds %v, %d nulls", s.HasMinMax(), s.NullCount())
	}
}

func TestEmptyTextIsABound(t *testing.T) {
	t.Parallel()
	s := written(t, record.Of(record.String), func(b array.Builder) {
		b.(*array.StringBuilder).AppendValues([]string{"", ""}, nil)
	})
	if !s.HasMinMax() || len(s.EncodeMin()) != 0 || len(s.EncodeMax()) != 0 {
		t.Errorf("bounds %v %q %q", s.HasMinMax(), s.EncodeMin(), s.EncodeMax())
	}
}

func TestLongBoundsAreCutAndStillBound(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("m", 100)
	for _, c := range []struct{ in, lo, hi string }{
		{"short", "short", "short"},
		{long, long[:64], long[:63] + "n"},
		{strings.Repeat("ä", 60), strings.Repeat("ä", 32), ""},
		{"x" + strings.Repeat("ä", 60), "x" + strings.Repeat("ä", 31), "y"},
		{strings.Repeat("~", 100), strings.Repeat("~", 64), ""},
	} {
		lo, _ := cutMin([]byte(c.in))
		hi, _ := cutMax([]byte(c.in))
		if string(lo) != c.lo || string(hi) != c.hi {
			t.Errorf("%.10q…: bounds %q and %q, want %q and %q", c.in, lo, hi, c.lo, c.hi)
		}
	}
}

func TestDecimalsAreOrderedAsNumbers(t *testing.T) {
	t.Parallel()
	for _, p := range []int{9, 38} {
		s := written(t, record.DecimalOf(p, 1), func(b array.Builder) {
			for _, v := range []string{"-300.5", "0.1", "-0.1", "7.0"} {
				if err := b.AppendValueFromString(v); err != nil {
					t.Fatal(err)
				}
			}
		})
		n := decimalWidth(p)
		lo, hi := make([]byte, n), make([]byte, n)
		for i := range lo {
			lo[i] = 0xff
		}
		lo[n-2], lo[n-1], hi[n-1] = 0xf4, 0x43, 70 // -3005 and 70
		if !bytes.Equal(s.EncodeMin(), lo) || !bytes.Equal(s.EncodeMax(), hi) {
			t.Errorf("precision %d: bounds %x and %x, want %x and %x", p, s.EncodeMin(), s.EncodeMax(), lo, hi)
		}
	}
}

func TestDecimalThatDoesNotFitIsRefused(t *testing.T) {
	t.Parallel()
	for _, p := range []int{4, 20} {
		schema := (&record.Schema{Columns: []record.Column{{Name: "c", Type: record.DecimalOf(p, 0)}}}).Freeze()
		b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
		b.Field(0).(*array.Decimal128Builder).Append(decimal128.GetScaleMultiplier(p))
		w, err := NewWriter(io.Discard, schema, Options{})
		if err != nil {
			t.Fatal(err)
		}
		rec := b.NewRecordBatch()
		if err := w.Write(rec); err == nil {
			t.Errorf("10^%d was taken as DECIMAL(%d, 0)", p, p)
		}
		if err := w.Close(); err == nil {
			t.Error("the first error did not stick")
		}
	}
}
