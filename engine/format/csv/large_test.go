package csv

import (
	"bytes"
	"context"
	"encoding/csv"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"

	"seikan/engine/format/delimited/delimitedtest"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// large is a file of several buffers whose rows are short, long and longer than a buffer, with
// quotes and line ends at every place, as encoding/csv writes it.
func large(t *testing.T) (text []byte, rows [][]any) {
	r := rand.New(rand.NewPCG(1, 2))
	parts := []string{`"`, "\n", "\r\n", ",", "x", "some words ", `""`, "é"}
	var b bytes.Buffer
	w := csv.NewWriter(&b)
	for b.Len() < 6<<20 {
		row, want := make([]string, 3), make([]any, 3)
		for i := range row {
			n := 1 + r.IntN(20)
			switch r.IntN(2000) {
			case 0:
				n = 400_000
			case 1, 2:
				n = 20_000
			}
			var s strings.Builder
			s.WriteByte('|')
			for range n {
				s.WriteString(parts[r.IntN(len(parts))])
			}
			row[i] = s.String()
			want[i] = row[i]
		}
		if err := w.Write(row); err != nil {
			t.Fatal(err)
		}
		rows = append(rows, want)
		w.Flush()
	}
	return b.Bytes(), rows
}

func TestLargeFilesAreReadWholeAndInPieces(t *testing.T) {
	t.Parallel()
	text, want := large(t)
	r := reader(t, "", abc)
	for _, target := range []int64{1 << 40, 3 << 20, 1 << 20, 100_000, 1_000} {
		f := delimitedtest.File("f", text)
		pieces, err := r.Cut(context.Background(), f, target)
		if err != nil {
			t.Fatal(err)
		}
		if most := int64(len(text))/target + 1; int64(len(pieces)) > most || target < 1<<20 && int64(len(pieces)) < most/20 {
			t.Errorf("target %d: %d pieces", target, len(pieces))
		}
		var got [][]any
		for _, p := range pieces {
			err := delimitedtest.Read(context.Background(), plugin.Task{}, r, f, p, record.Position{}, func(b *record.Batch) {
				if b.Bytes > 8<<20 {
					t.Errorf("a batch of %d bytes", b.Bytes)
				}
				got = append(got, values(b)...)
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		if !reflect.DeepEqual(got, want) {
			t.Fatalf("target %d: %d rows differ from the %d written", target, len(got), len(want))
		}
	}
	w, err := Format{}.Writing(delimitedtest.Options(t, Format{}.WriteOptions(), ""), abc)
	if err != nil {
		t.Fatal(err)
	}
	out, err := delimitedtest.Write(w, batch(abc, want...))
	if err != nil {
		t.Fatal(err)
	}
	all, err := csv.NewReader(bytes.NewReader(out)).ReadAll()
	if err != nil || len(all) != len(want) {
		t.Fatalf("encoding/csv reads %d of %d rows: %v", len(all), len(want), err)
	}
}

func TestAStreamInSmallPiecesIsReadTheSame(t *testing.T) {
	t.Parallel()
	text, want := large(t)
	text = text[:len(text)/20]
	r := reader(t, "", abc)
	var got [][]any
	task := plugin.Task{Dirty: func(context.Context, plugin.DirtyRow) error { return nil }}
	err := delimitedtest.Read(context.Background(), task, r, delimitedtest.Trickle("f", text), whole, record.Position{}, func(b *record.Batch) {
		got = append(got, values(b)...)
	})
	if err != nil || len(got) < 100 {
		t.Fatal(len(got), err)
	}
	got = got[:len(got)-1] // cut off
	if !reflect.DeepEqual(got, want[:len(got)]) {
		t.Error("rows differ")
	}
}
