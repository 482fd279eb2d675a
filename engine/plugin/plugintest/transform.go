package plugintest

import (
	"testing"

	"seikan/engine/plugin"
	"seikan/engine/record"
)

// TransformCase is a transform and a batch it takes.
type TransformCase struct {
	New   func(t *testing.T) plugin.Transform
	Input func(t *testing.T) *record.Batch // at least two rows
}

// Transform runs the suite for transforms.
func Transform(t *testing.T, c TransformCase) {
	t.Run("OutputHasTheDeclaredSchema", func(t *testing.T) {
		in, out := c.apply(t, nil)
		defer in.Release()
		defer out.Release()
		tr := c.New(t)
		defer closing(t, tr)
		if !out.Data.Schema().Equal(tr.Schema().Arrow()) {
			t.Fatalf("batch has %s, the transform says %s", out.Data.Schema(), tr.Schema().Arrow())
		}
	})
	t.Run("PositionsAndOrdinalsAreKept", func(t *testing.T) {
		in, out := c.apply(t, func(b *record.Batch) {
			b.Split, b.From, b.To = "s", record.Position{Rows: 100}, record.Position{Rows: 100 + int64(b.Rows())}
		})
		defer in.Release()
		defer out.Release()
		if out.Split != in.Split || out.From.Rows != in.From.Rows || out.To.Rows != in.To.Rows {
			t.Fatalf("split %q from %d to %d became %q from %d to %d", in.Split, in.From.Rows, in.To.Rows, out.Split, out.From.Rows, out.To.Rows)
		}
		last := in.From.Rows
		for i := range out.Rows() {
			if n := out.Ordinal(i); n <= last || n > in.To.Rows {
				t.Fatalf("row %d says it is number %d of the split", i, n)
			} else {
				last = n
			}
		}
	})
	t.Run("TheInputStaysAsItWas", func(t *testing.T) {
		before := c.Input(t)
		defer before.Release()
		in, out := c.apply(t, nil)
		defer in.Release()
		out.Release()
		if a, b := Rows(before), Rows(in); len(a) != len(b) || a[0] != b[0] || a[len(a)-1] != b[len(b)-1] {
			t.Fatalf("the input changed:\n%v\n%v", a, b)
		}
	})
	t.Run("ABatchWithoutRowsIsFine", func(t *testing.T) {
		b := c.Input(t)
		defer b.Release()
		none := b.Slice(0, 0)
		defer none.Release()
		tr := c.New(t)
		defer closing(t, tr)
		out, err := tr.Apply(t.Context(), Task(t, 1), none)
		if err != nil {
			t.Fatalf("apply: %v", err)
		}
		defer out.Release()
		if out.Rows() != 0 {
			t.Fatalf("%d rows out of none", out.Rows())
		}
	})
}

func (c TransformCase) apply(t *testing.T, place func(*record.Batch)) (in, out *record.Batch) {
	t.Helper()
	in = c.Input(t)
	if place != nil {
		place(in)
	}
	tr := c.New(t)
	defer closing(t, tr)
	out, err := tr.Apply(t.Context(), Task(t, 1), in)
	if err != nil {
		t.Fatalf("apply: %v", err)
	}
	return in, out
}
