package record

import (
	"fmt"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"
)

// mixed has a column of each way pick goes, with nulls.
func mixed(n int) *Batch {
	schema := (&Schema{Columns: []Column{
		{Name: "i", Type: Of(Int)}, {Name: "s", Type: Of(String)}, {Name: "b", Type: Of(Boolean)},
		{Name: "d", Type: DecimalOf(10, 2)}, {Name: "a", Type: ArrayOf(Of(Int))}, {Name: "n", Type: Of(Null)},
	}}).Freeze()
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
	defer b.Release()
	for i := range n {
		for k := range schema.Columns {
			if (i+k)%4 == 0 || k == 5 {
				b.Field(k).AppendNull()
				continue
			}
			if err := b.Field(k).AppendValueFromString([]string{fmt.Sprint(i), "text" + fmt.Sprint(i), "true", "1." + fmt.Sprint(i%10), "[1]"}[k]); err != nil {
				panic(err)
			}
		}
	}
	out := NewBatch(schema, b.NewRecordBatch())
	out.Kinds = make([]RowKind, n)
	for i := range out.Kinds {
		out.Kinds[i] = RowKind(i % 4)
	}
	out.Meta = map[string]arrow.Array{"m": out.Data.Column(0)}
	return out
}

func rowsOf(b *Batch) []string {
	out := make([]string, b.Rows())
	for i := range out {
		out[i] = fmt.Sprintf("%d %s %s", b.Ordinal(i), b.Kind(i), b.Meta["m"].ValueStr(i))
		for c := range int(b.Data.NumCols()) {
			out[i] += "|" + b.Data.Column(c).ValueStr(i)
		}
	}
	return out
}

func TestFilterKeepsJustTheRowsAskedFor(t *testing.T) {
	t.Parallel()
	in := mixed(50)
	rapid.Check(t, func(t *rapid.T) {
		b := in
		if rapid.Bool().Draw(t, "slice") {
			b = in.Slice(3, 29)
		}
		n := b.Rows()
		keep := rapid.SliceOfN(rapid.Bool(), n, n).Draw(t, "keep")
		if rapid.Bool().Draw(t, "extreme") {
			keep = slices.Repeat([]bool{keep[0]}, n)
		}
		var want []string
		for i, row := range rowsOf(b) {
			if keep[i] {
				want = append(want, row)
			}
		}
		got, err := Filter(b, keep)
		if err != nil {
			t.Fatal(err)
		}
		if rows := rowsOf(got); !slices.Equal(rows, want) {
			t.Fatalf("got %q\nwant %q", rows, want)
		}
		if got.Data.Schema() == nil || !got.Data.Schema().Equal(b.Data.Schema()) {
			t.Fatal("the schema changed")
		}
	})
}

func TestPartitionKeepsEveryRowOnceAndKeysTogether(t *testing.T) {
	t.Parallel()
	b := mixed(200)
	b.Schema.PrimaryKey = &PrimaryKey{Columns: []string{"d"}}
	parts, err := Partition(b, 3)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	home := map[string]int{}
	for i, p := range parts {
		all = append(all, rowsOf(p)...)
		for r := range p.Rows() {
			key := p.Data.Column(3).ValueStr(r)
			if other, seen := home[key]; seen && other != i {
				t.Fatalf("key %s is in parts %d and %d", key, other, i)
			}
			home[key] = i
		}
	}
	want := rowsOf(b)
	slices.Sort(all)
	slices.Sort(want)
	if !slices.Equal(all, want) {
		t.Fatalf("%d rows in %d parts, want %d", len(all), len(parts), len(want))
	}
}

func TestSkipDropsRowsUpToAnOrdinal(t *testing.T) {
	t.Parallel()
	b := mixed(10)
	b.From, b.To = Position{Rows: 100}, Position{Rows: 110}
	rest := b.Skip(104)
	if rest.Rows() != 6 || rest.Ordinal(0) != 105 || rest.To.Rows != 110 {
		t.Fatalf("%d rows from %d to %d", rest.Rows(), rest.Ordinal(0), rest.To.Rows)
	}
	if all := b.Skip(100); all.Rows() != 10 {
		t.Fatalf("%d rows, want all", all.Rows())
	}
}

func TestTypesAreReadAsTheyAreWritten(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"INT": "INT", " map<string , decimal(10,2)>": "MAP<STRING, Decimal(10, 2)>", "array<array<int>>": "ARRAY<ARRAY<INT>>",
		"{a = int, b = {c = \"timestamp(9)\"}}": "ROW<a INT, b ROW<c TIMESTAMP(9)>>", "long": "BIGINT", "\"null\"": "NULL",
	} {
		got, err := ParseType(text)
		if err != nil || got.String() != want {
			t.Errorf("%q is %s (%v), want %s", text, got, err, want)
		}
		if back, err := FromArrow(got.Arrow()); err != nil || !back.Equal(got) && got.Kind != Null {
			t.Errorf("%s comes back from Arrow as %s (%v)", got, back, err)
		}
	}
	for _, text := range []string{"", "integer", "decimal(39,0)", "decimal(5,6)", "array<>", "map<int>", "{a = int", "int x", "timestamp(10)"} {
		if got, err := ParseType(text); err == nil {
			t.Errorf("%q is taken for %s", text, got)
		}
	}
}

func FuzzParseType(f *testing.F) {
	f.Add("map<string, array<decimal(10,2)>>")
	f.Add("{a = int}")
	f.Fuzz(func(t *testing.T, text string) {
		if typ, err := ParseType(text); err == nil {
			_ = typ.Arrow()
		}
	})
}
