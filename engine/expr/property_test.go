package expr

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"seikan/engine/expr/javaregex"
	"seikan/engine/expr/syntax"
	"seikan/engine/record"
)

// randomBatch has the columns of schema with values that like to be special.
func randomBatch(schema *record.Schema, r *rand.Rand, n int) *record.Batch {
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
	defer b.Release()
	for range n {
		for k := range schema.Columns {
			fill(b.Field(k), r)
		}
	}
	return record.NewBatch(schema, b.NewRecordBatch())
}

var texts = []string{"", " ", "a", "Hello", "hello world", "42", "-1.5", "äß😀x", "2024-02-29", "100%", "line\nend", "(", "null", "INT", "00410042"}

func fill(b array.Builder, r *rand.Rand) {
	if r.IntN(4) == 0 {
		b.AppendNull()
		return
	}
	ints := []int64{0, 1, -1, 2, 7, 42, -300, 1 << 31, -1 << 31, 1 << 53, -1 << 63, 1<<63 - 1}
	v := ints[r.IntN(len(ints))]
	switch b := b.(type) {
	case *array.Int8Builder:
		b.Append(int8(v))
	case *array.Int16Builder:
		b.Append(int16(v))
	case *array.Int32Builder:
		b.Append(int32(v))
	case *array.Int64Builder:
		b.Append(v)
	case *array.Float32Builder:
		b.Append(float32(r.NormFloat64() * 10))
	case *array.Float64Builder:
		b.Append([]float64{0, 1, -2.5, 1e300, 0.1, r.NormFloat64()}[r.IntN(6)])
	case *array.Decimal128Builder:
		b.Append(decimal128.FromI64(r.Int64N(2e10) - 1e10))
	case *array.StringBuilder:
		b.Append(texts[r.IntN(len(texts))])
	case *array.BinaryBuilder:
		b.Append([]byte(texts[r.IntN(len(texts))]))
	case *array.BooleanBuilder:
		b.Append(r.IntN(2) == 0)
	case *array.Date32Builder:
		b.Append(arrow.Date32(r.IntN(40000) - 10000))
	case *array.Time64Builder:
		b.Append(arrow.Time64(r.Int64N(86400e6)))
	case *array.TimestampBuilder:
		b.Append(arrow.Timestamp(r.Int64N(4e15)))
	case *array.StructBuilder:
		b.Append(true)
		for k := range b.NumField() {
			fill(b.FieldBuilder(k), r)
		}
	case *array.MapBuilder:
		b.Append(true)
		for k := range r.IntN(3) {
			switch key := b.KeyBuilder().(type) {
			case *array.StringBuilder:
				key.Append([]string{"k", "missing"}[k])
			case *array.Int32Builder:
				key.Append(int32(k))
			}
			fill(b.ItemBuilder(), r)
		}
	case *array.ListBuilder:
		b.Append(true)
		for range r.IntN(3) {
			fill(b.ValueBuilder(), r)
		}
	default:
		panic(fmt.Sprintf("no value for %T", b))
	}
}

// goldenExpressions are all expressions of testdata.
func goldenExpressions(t testing.TB) []string {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no golden files", err)
	}
	var out []string
	for _, file := range files {
		in, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(in)) {
			if text, _, ok := strings.Cut(line, " => "); ok {
				out = append(out, text)
			}
		}
	}
	return out
}

// A row's result is the same in a batch, in a slice of one, and after other batches went
// through the program: no memory is mistaken for another's.
func TestRowsDoNotInfluenceEachOther(t *testing.T) {
	t.Parallel()
	schema := sample(t).Schema
	r := rand.New(rand.NewPCG(3, 4))
	batches := []*record.Batch{randomBatch(schema, r, 15), randomBatch(schema, r, 24), randomBatch(schema, r, 5).Slice(1, 4)}
	for _, text := range goldenExpressions(t) {
		e, err := syntax.ParseExpr(text)
		if err != nil {
			continue
		}
		for _, mode := range []Mode{ZETA, ANSI} {
			p, err := Compile(e, schema, mode)
			if err != nil || strings.Contains(text, "RAND()") || strings.Contains(text, "UUID") {
				continue
			}
			p = p.WithEnv(testEnv())
			for _, b := range batches {
				all, bad := evalRows(t, p, b)
				for i := range b.Rows() {
					one, badOne := evalRows(t, p, b.Slice(i, i+1))
					if all.ValueStr(i) != one.ValueStr(0) || fmt.Sprint(bad[i]) != fmt.Sprint(badOne[0]) {
						t.Errorf("%s in %s: row %d is %s (%v), alone %s (%v)", text, mode, i, all.ValueStr(i), bad[i], one.ValueStr(0), badOne[0])
						break
					}
				}
			}
		}
	}
}

func evalRows(t *testing.T, p *Program, b *record.Batch) (arrow.Array, map[int]error) {
	t.Helper()
	a, err := p.Eval(context.Background(), b)
	var bad RowErrors
	if err != nil && !errors.As(err, &bad) {
		t.Fatal(err)
	}
	out := map[int]error{}
	for _, e := range bad {
		out[e.Row] = e.Err
		if !a.IsNull(e.Row) {
			t.Errorf("row %d failed but is %s", e.Row, a.ValueStr(e.Row))
		}
	}
	return a, out
}

// truth is a random condition over three nullable BOOLEAN columns.
func truth(t *rapid.T, depth int) string {
	if depth == 0 || rapid.IntRange(0, 3).Draw(t, "leaf") == 0 {
		return rapid.SampledFrom([]string{"p", "q", "r", "NULL", "TRUE", "p = q", "r <> p", "q IS NULL", "p IN (q, TRUE)"}).Draw(t, "atom")
	}
	a := truth(t, depth-1)
	switch rapid.IntRange(0, 2).Draw(t, "op") {
	case 0:
		return "NOT (" + a + ")"
	case 1:
		return "(" + a + ") AND (" + truth(t, depth-1) + ")"
	}
	return "(" + a + ") OR (" + truth(t, depth-1) + ")"
}

// booleans has every combination of true, false and null in p, q and r.
func booleans() *record.Batch {
	schema := (&record.Schema{Columns: []record.Column{
		{Name: "p", Type: record.Of(record.Boolean)}, {Name: "q", Type: record.Of(record.Boolean)}, {Name: "r", Type: record.Of(record.Boolean)},
	}}).Freeze()
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
	defer b.Release()
	for i := range 27 {
		for k, v := range []int{i % 3, i / 3 % 3, i / 9} {
			if v == 2 {
				b.Field(k).AppendNull()
			} else {
				b.Field(k).(*array.BooleanBuilder).Append(v == 1)
			}
		}
	}
	return record.NewBatch(schema, b.NewRecordBatch())
}

func values(t *rapid.T, text string, b *record.Batch, mode Mode) string {
	e, err := syntax.ParseExpr(text)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	p, err := Compile(e, b.Schema, mode)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	a, err := p.Eval(context.Background(), b)
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return fmt.Sprint(a)
}

func TestLawsOfThreeValuedLogic(t *testing.T) {
	t.Parallel()
	b := booleans()
	rapid.Check(t, func(t *rapid.T) {
		x, y, z := truth(t, 2), truth(t, 2), truth(t, 2)
		for _, law := range [][2]string{
			{"NOT ((%[1]s) AND (%[2]s))", "NOT (%[1]s) OR NOT (%[2]s)"},
			{"NOT ((%[1]s) OR (%[2]s))", "NOT (%[1]s) AND NOT (%[2]s)"},
			{"NOT (NOT (%[1]s))", "(%[1]s) AND (%[1]s)"},
			{"(%[1]s) AND (%[2]s)", "(%[2]s) AND (%[1]s)"},
			{"(%[1]s) OR (%[2]s)", "(%[2]s) OR (%[1]s)"},
			{"(%[1]s) AND ((%[2]s) OR (%[3]s))", "(%[1]s) AND (%[2]s) OR (%[1]s) AND (%[3]s)"},
			{"(%[1]s) OR ((%[1]s) AND (%[2]s))", "(%[1]s) OR (%[1]s)"},
			{"(%[1]s) <> (%[2]s)", "NOT ((%[1]s) = (%[2]s))"},
		} {
			l, r := fmt.Sprintf(law[0]+"%[4]s", x, y, z, ""), fmt.Sprintf(law[1]+"%[4]s", x, y, z, "")
			if a, c := values(t, l, b, ANSI), values(t, r, b, ANSI); a != c {
				t.Fatalf("%s is %s\n%s is %s", l, a, r, c)
			}
		}
		for _, s := range []string{x, y, z} { // conditions of ZETA are never unknown
			if v := values(t, "NOT ("+s+")", b, ZETA); strings.Contains(v, "null") {
				t.Fatalf("NOT (%s) is %s", s, v)
			}
		}
	})
}

func TestConditionsKeepWhatIsTrue(t *testing.T) {
	t.Parallel()
	b := sample(t)
	for text, want := range map[string]bool{
		"i = 42": true, "ni = 1": false, "NULL": false, "nb": false, "REGEXP_LIKE(nstr, 'x')": false, "IS_DATE(nstr, 'yyyy')": true, "1 / zero = 1": false,
	} {
		e, _ := syntax.ParseExpr(text)
		c, err := CompileCondition(e, b.Schema, ZETA)
		if err != nil {
			t.Fatal(err)
		}
		keep, err := c.WithEnv(testEnv()).Keep(context.Background(), b, nil)
		var bad RowErrors
		if errors.As(err, &bad) != (text == "1 / zero = 1") {
			t.Errorf("%s: %v", text, err)
		}
		if len(keep) != 2 || keep[0] != want || keep[1] != want {
			t.Errorf("%s keeps %v", text, keep)
		}
	}
	e, _ := syntax.ParseExpr("i + 1")
	if _, err := CompileCondition(e, b.Schema, ZETA); err == nil {
		t.Error("an INT was taken for a condition")
	}
}

func TestConditionsOfTextsNameLineAndColumn(t *testing.T) {
	t.Parallel()
	b := sample(t)
	c, err := ParseCondition("s LIKE 'H%'", b.Schema, ANSI)
	if err != nil {
		t.Fatal(err)
	}
	if keep, err := c.Keep(context.Background(), b, nil); err != nil || !keep[0] {
		t.Errorf("%v %v", keep, err)
	}
	for text, want := range map[string]string{
		"i = 1 AND\n nope = 2": "line 2, column 2: can't find field [nope]", "i = ": "line 1, column 5", "i + 1": "line 1, column 1: a condition must be BOOLEAN",
	} {
		if _, err := ParseCondition(text, b.Schema, ZETA); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("%s: %v, want %s", text, err, want)
		}
	}
}

func TestTheClockIsReadOnceABatchInANSIOnly(t *testing.T) {
	t.Parallel()
	b := sample(t)
	for mode, want := range map[Mode]int{ZETA: 4, ANSI: 1} {
		reads := 0
		env := testEnv()
		env.Now = func() time.Time { reads++; return time.Unix(int64(reads), 0) }
		e, _ := syntax.ParseExpr("CAST(CURRENT_TIMESTAMP AS STRING) || NOW()")
		p, err := Compile(e, b.Schema, mode)
		if err != nil {
			t.Fatal(err)
		}
		a, err := p.WithEnv(env).Eval(context.Background(), b)
		if err != nil || reads != want || (a.ValueStr(0) == a.ValueStr(1)) != (mode == ANSI) {
			t.Errorf("%s: %d reads, %v, %v", mode, reads, a, err)
		}
	}
}

func TestRegularExpressionsOutOfTimeStopTheBatch(t *testing.T) {
	t.Parallel()
	f := &frame{}
	f.start(context.Background(), nil, 10, ZETA, Env{})
	for i := range maxSlow {
		if f.finish() != nil {
			t.Fatalf("stopped after %d rows", i)
		}
		f.fail(i, javaregex.ErrTimeout)
	}
	if err := f.finish(); !errors.Is(err, javaregex.ErrTimeout) {
		t.Errorf("got %v", err)
	}
}

func TestProgramsAreSharedByGoroutines(t *testing.T) {
	t.Parallel()
	b := sample(t)
	e, _ := syntax.ParseExpr("CASE WHEN i > 1 THEN UPPER(s) || dec ELSE REGEXP_REPLACE(s, 'l', i) END")
	p, err := Compile(e, b.Schema, ZETA)
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			for range 50 {
				a, err := p.Eval(context.Background(), b)
				if err != nil || a.ValueStr(1) != "HELLO12.34" {
					t.Errorf("%v %v", a, err)
				}
			}
		})
	}
	wg.Wait()
}

func init() {
	Register(UDF{Name: "twice_it", Args: []string{"x"}, Doc: "x two times.",
		Type: func(args []record.Type) (record.Type, error) {
			if args[0].Kind == record.Array {
				return record.Type{}, errors.New("no arrays")
			}
			return args[0], nil
		},
		Eval: func(args []any) (any, error) {
			switch x := args[0].(type) {
			case string:
				return x + x, nil
			case int64:
				return 2 * x, nil
			case float64:
				return nil, errors.New("no doubles")
			}
			return args[0], nil
		}})
}

func TestAddedFunctions(t *testing.T) {
	t.Parallel()
	b := sample(t)
	for text, want := range map[string]string{
		"TWICE_IT(s)": "STRING 'HelloHello'", "twice_it(i)": "INT 84", "twice_it(nstr)": "STRING NULL", "twice_it(ts)": "TIMESTAMP 2024-02-29 13:14:15.123456",
		"twice_it(dec)": "Decimal(10, 2) 12.34", "twice_it(d)": "DOUBLE row error: no doubles", "twice_it(arr)": "error: TWICE_IT: no arrays", "twice_it(b)": "BOOLEAN true",
		"TWICE(s)": "error: Unsupported function: TWICE",
	} {
		if got := result(t, text, b, ZETA, false); !strings.HasPrefix(got, want) {
			t.Errorf("%s: %s, want %s", text, got, want)
		}
	}
	found := false
	for _, f := range Functions() {
		found = found || f.Group == "Added" && f.Usage == "TWICE_IT(x)"
		if f.Doc == "" || f.Usage == "" {
			t.Errorf("%s is not documented", f.Name)
		}
	}
	if !found {
		t.Error("the added function is not listed")
	}
}

func TestHugeExpressionsAreRefused(t *testing.T) {
	t.Parallel()
	e, err := syntax.ParseExpr("i = 0" + strings.Repeat(" OR i = 1", 20000))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Compile(e, sample(t).Schema, ZETA); err == nil || !strings.Contains(err.Error(), "more than 10000 parts") {
		t.Errorf("got %v", err)
	}
	e, err = syntax.ParseExpr("i IN (42" + strings.Repeat(", 1", 50000) + ")")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := Compile(e, sample(t).Schema, ZETA); err != nil {
		t.Errorf("a long list: %v", err)
	}
}

func TestCanceledEvaluationIsNoResult(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	e, _ := syntax.ParseExpr("i + 1")
	p, err := Compile(e, sample(t).Schema, ZETA)
	if err != nil {
		t.Fatal(err)
	}
	if a, err := p.Eval(ctx, sample(t)); !errors.Is(err, context.Canceled) || a != nil {
		t.Errorf("%v %v", a, err)
	}
}

func FuzzExpr(f *testing.F) {
	for i, text := range goldenExpressions(f) {
		if i%7 == 0 {
			f.Add(text)
		}
	}
	b := sample(f)
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 200 || strings.Contains(strings.ToUpper(text), "REGEXP") { // those may take their second
			return
		}
		e, err := syntax.ParseExpr(text)
		if err != nil {
			return
		}
		for _, mode := range []Mode{ZETA, ANSI} {
			p, err := Compile(e, b.Schema, mode)
			if err != nil {
				continue
			}
			a, err := p.Eval(context.Background(), b)
			var bad RowErrors
			if err != nil && !errors.As(err, &bad) {
				t.Fatal(err)
			}
			if a.Len() != b.Rows() {
				t.Fatalf("%d values", a.Len())
			}
			_ = a.ValueStr(0)
		}
	})
}
