package fakesource

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/job/hocon"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

var planTime = time.Date(2024, 3, 9, 10, 11, 12, 0, time.UTC)

func testTask() plugin.Task {
	return plugin.Task{RunID: "run-1", Parallelism: 1, Now: func() time.Time { return planTime }}
}

func parse(job plugin.Job, text string) (*source, error) {
	tree, err := hocon.Parse("job.conf", []byte(text), hocon.Options{})
	if err != nil {
		return nil, err
	}
	opts, problems := spec.Parse(tree)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	s, err := open(context.Background(), job, opts)
	if err != nil {
		return nil, err
	}
	return s.(*source), nil
}

func mustParse(t testing.TB, job plugin.Job, text string) *source {
	t.Helper()
	s, err := parse(job, text)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func discover(t testing.TB, s *source, task plugin.Task) []plugin.Split {
	t.Helper()
	e, err := s.Enumerator(context.Background(), task, nil)
	if err != nil {
		t.Fatal(err)
	}
	d, err := e.Discover(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	return d.Splits
}

// read reads the splits to their ends and writes each row as "kind v|v|v".
func read(t testing.TB, s *source, splits []plugin.Split) []string {
	t.Helper()
	r, err := s.Reader(context.Background(), testTask())
	if err != nil {
		t.Fatal(err)
	}
	for _, split := range splits {
		if err := r.Add(context.Background(), split); err != nil {
			t.Fatal(err)
		}
	}
	var out []string
	for done := 0; done < len(splits); {
		e, err := r.Poll(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if e.Batch == nil {
			continue
		}
		if e.Batch.To.Done {
			done++
		}
		out = append(out, show(e.Batch)...)
		e.Batch.Release()
	}
	return out
}

func show(b *record.Batch) []string {
	out := make([]string, b.Rows())
	for i := range out {
		cells := make([]string, b.Data.NumCols())
		for j, c := range b.Data.Columns() {
			cells[j] = c.ValueStr(i)
		}
		out[i] = b.Kind(i).Short() + " " + strings.Join(cells, "|")
	}
	return out
}

const everyType = `schema { fields {
  s = string, b = boolean, t = tinyint, sm = smallint, i = int, l = bigint, f = float, d = double,
  dec = "decimal(10,2)", big = "decimal(30,5)", huge = "decimal(38,0)", n = "null", by = bytes, da = date, ti = time, ts = timestamp, ns = "timestamp(9)",
  a = "array<int>", m = "map<string, array<int>>", mb = "map<boolean, int>", r { x = int, y = string },
  bv = binary_vector, fv = float_vector, f16 = float16_vector, bf16 = bfloat16_vector, sv = sparse_float_vector } }
`

func TestEveryTypeIsGenerated(t *testing.T) {
	t.Parallel()
	s := mustParse(t, plugin.Job{Parallelism: 1}, everyType+`row.num = 300`)
	splits := discover(t, s, testTask())
	rows, err := s.tables[0].open(bounds{Seed: 7, Rows: 300, Now: planTime})
	if err != nil {
		t.Fatal(err)
	}
	b, err := rows.batch(0, maxBatch)
	if err != nil {
		t.Fatal(err)
	}
	for i, c := range b.Data.Columns() {
		a, ok := c.(interface{ ValidateFull() error })
		if ok {
			if err := a.ValidateFull(); err != nil {
				t.Errorf("column %s: %v", s.tables[0].schema.Columns[i].Name, err)
			}
		}
		if c.Len() != b.Rows() {
			t.Errorf("column %d has %d values", i, c.Len())
		}
	}
	if got := read(t, s, splits); len(got) != 300 {
		t.Fatalf("%d rows", len(got))
	}
	column := func(name string) []string {
		j := s.tables[0].schema.Index(name)
		out := make([]string, b.Rows())
		for i := range out {
			out[i] = b.Data.Column(j).ValueStr(i)
		}
		return out
	}
	for i := range b.Rows() {
		if d := column("da")[i]; !strings.HasPrefix(d, "2024-") || d[8:] > "28" {
			t.Fatalf("date %s is not in days 1 to 28 of the current year", d)
		}
		if s := column("s")[i]; len(s) != 5 || strings.Trim(s, alphabet) != "" {
			t.Fatalf("text %q is not five letters", s)
		}
	}
	if d := column("dec")[0]; len(strings.Replace(d, ".", "", 1)) != 10 {
		t.Errorf("decimal %s does not fill its precision", d)
	}
	if d := column("huge")[0]; len(d) != 38 {
		t.Errorf("decimal %s does not fill its precision", d)
	}
	maps := b.Data.Column(s.tables[0].schema.Index("mb")).(*array.Map)
	for i := range maps.Len() {
		if from, to := maps.ValueOffsets(i); to-from > 2 {
			t.Fatalf("a map with boolean keys has %d entries", to-from)
		}
	}
}

func TestRowNumIsPerSubtaskAndSplitsCoverIt(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ rows, splits, parallelism, wantSplits, wantRows int }{
		{5, 1, 1, 1, 5}, {5, 1, 3, 3, 15}, {10, 3, 1, 3, 10}, {10, 4, 2, 8, 20}, {3, 10, 1, 3, 3}, {0, 2, 2, 0, 0}, {10000, 1, 1, 1, 10000},
	} {
		s := mustParse(t, plugin.Job{Parallelism: c.parallelism}, fmt.Sprintf("schema { fields { id = int } }\nrow.num = %d\nsplit.num = %d\nsplit.read-interval = 0", c.rows, c.splits))
		splits := discover(t, s, testTask())
		if len(splits) != c.wantSplits {
			t.Errorf("%+v: %d splits", c, len(splits))
		}
		for _, split := range splits {
			if split.Owner < 1 || split.Owner > c.parallelism {
				t.Errorf("%+v: split %s has owner %d", c, split.ID, split.Owner)
			}
		}
		if got := len(read(t, s, splits)); got != c.wantRows {
			t.Errorf("%+v: %d rows", c, got)
		}
	}
}

func TestResumedSplitContinuesWithTheSameRows(t *testing.T) {
	t.Parallel()
	s := mustParse(t, plugin.Job{Parallelism: 1}, everyType+`row.num = 1500`)
	splits := discover(t, s, testTask())
	all := read(t, s, splits)
	for _, at := range []int64{0, 1, 1234, 1499, 1500} {
		resumed := splits[0]
		resumed.At.Rows = at
		if got := read(t, s, []plugin.Split{resumed}); strings.Join(got, "\n") != strings.Join(all[at:], "\n") {
			t.Errorf("rows from %d on differ", at)
		}
	}
}

func TestSplitsPlannedAgainInTheSameRunAreTheSame(t *testing.T) {
	t.Parallel()
	s := mustParse(t, plugin.Job{Parallelism: 2}, `schema { fields { id = bigint } }`)
	first, again := discover(t, s, testTask()), discover(t, s, testTask())
	if fmt.Sprint(read(t, s, first)) != fmt.Sprint(read(t, s, again)) {
		t.Error("the rows differ")
	}
	other := testTask()
	other.RunID = "run-2"
	if fmt.Sprint(read(t, s, first)) == fmt.Sprint(read(t, s, discover(t, s, other))) {
		t.Error("another run made the same rows")
	}
	seeded := mustParse(t, plugin.Job{Parallelism: 2}, `schema { fields { id = bigint } }
seed = 42`)
	if fmt.Sprint(read(t, seeded, discover(t, seeded, testTask()))) != fmt.Sprint(read(t, seeded, discover(t, seeded, other))) {
		t.Error("seed does not make the same rows in every run")
	}
	if a, b := read(t, s, first[:1]), read(t, s, first[1:]); fmt.Sprint(a) == fmt.Sprint(b) {
		t.Error("two subtasks made the same rows")
	}
}

func TestRestoredEnumeratorHandsOutNothingAgain(t *testing.T) {
	t.Parallel()
	s := mustParse(t, plugin.Job{Parallelism: 1}, `schema { fields { id = int } }`)
	e, _ := s.Enumerator(context.Background(), testTask(), nil)
	before, _ := e.Snapshot()
	if _, err := e.Discover(context.Background()); err != nil {
		t.Fatal(err)
	}
	after, _ := e.Snapshot()
	for _, c := range []struct {
		state plugin.State
		want  int
	}{{before, 1}, {after, 0}} {
		e, _ := s.Enumerator(context.Background(), testTask(), &c.state)
		d, err := e.Discover(context.Background())
		if err != nil || len(d.Splits) != c.want || !d.Done {
			t.Errorf("after state %q: %d splits, done %v, %v", c.state.Data, len(d.Splits), d.Done, err)
		}
	}
}

func TestStreamStaysOpenAfterItsRows(t *testing.T) {
	t.Parallel()
	s := mustParse(t, plugin.Job{Parallelism: 1, Streaming: true}, `schema { fields { id = int } }`)
	if !s.Traits().Unbounded {
		t.Error("a stream is bounded")
	}
	e, _ := s.Enumerator(context.Background(), testTask(), nil)
	d, err := e.Discover(context.Background())
	if err != nil || d.Done || d.Again <= 0 {
		t.Fatalf("done %v, again %v, %v", d.Done, d.Again, err)
	}
	r, _ := s.Reader(context.Background(), testTask())
	_ = r.Add(context.Background(), d.Splits[0])
	if ev, err := r.Poll(context.Background()); err != nil || ev.Batch.Rows() != 5 {
		t.Fatal(ev, err)
	}
	if ev, err := r.Poll(context.Background()); err != nil || ev.Batch != nil {
		t.Fatalf("an idle stream gave %+v, %v", ev, err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	if _, err := r.Poll(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("an idle Poll of a cancelled job: %v", err)
	}
}

func TestRangesAndTemplates(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		options, typ string
		want         func(string) bool
	}{
		"max is exclusive":   {`int.min = 3, int.max = 5`, "int", in("3", "4")},
		"empty range":        {`bigint.min = 9, bigint.max = 9`, "bigint", in("9")},
		"full bigint":        {`bigint.min = -9223372036854775808`, "bigint", func(string) bool { return true }},
		"tinyint":            {`tinyint.min = -2, tinyint.max = 0`, "tinyint", in("-2", "-1")},
		"template wins":      {`smallint.template = [7, 8]`, "smallint", in("7", "8")},
		"text template":      {`string.template = ["a", "bcd"], string.fake.mode = template`, "string", in("a", "bcd")},
		"double template":    {`double.template = [1.5]`, "double", in("1.5")},
		"date parts":         {`date.year.template = [2023], date.month.template = [2], date.day.template = [31]`, "date", in("2023-02-28")},
		"time parts":         {`time.hour.template = [1], time.minute.template = [2], time.second.template = [3]`, "time", in("01:02:03", "01:02:03.000000")},
		"length with fields": {`string.length = 12`, "string", func(s string) bool { return len(s) == 12 }},
	} {
		s := mustParse(t, plugin.Job{Parallelism: 1}, "schema { fields { v = "+c.typ+" } }\nrow.num = 200\n"+strings.ReplaceAll(c.options, ", ", "\n"))
		for _, row := range read(t, s, discover(t, s, testTask())) {
			if !c.want(strings.TrimPrefix(row, "+I ")) {
				t.Errorf("%s: %s", name, row)
				break
			}
		}
	}
}

func in(values ...string) func(string) bool {
	return func(s string) bool {
		for _, v := range values {
			if s == v {
				return true
			}
		}
		return false
	}
}

func TestColumnsGiveTextLengthAndDefault(t *testing.T) {
	t.Parallel()
	s := mustParse(t, plugin.Job{Parallelism: 1}, `schema { columns = [
  { name = a, type = string, columnLength = 7 }, { name = b, type = string }, { name = c, type = bigint, defaultValue = 42 }, { name = d, type = string, defaultValue = "it" } ] }`)
	for _, row := range read(t, s, discover(t, s, testTask())) {
		cells := strings.Split(strings.TrimPrefix(row, "+I "), "|")
		if len(cells[0]) != 7 || cells[1] != "" || cells[2] != "42" || cells[3] != "it" {
			t.Errorf("%q", row)
		}
	}
}

func TestWrittenRowsComeOncePerSubtask(t *testing.T) {
	t.Parallel()
	s := mustParse(t, plugin.Job{Parallelism: 2}, `schema { fields { id = int, name = string, at = timestamp, list = "array<int>" } }
split.num = 3
rows = [
  { kind = INSERT, fields = [1, "a", "2020-01-02T03:04:05", [1, 2]] }
  { kind = UPDATE_BEFORE, fields = [1, null, CURRENT_TIMESTAMP, null] }
  { kind = UPDATE_AFTER, fields = { name = b, id = 2 } }
  { kind = DELETE, fields = [3, 4, "2020-01-02 03:04:05", []] }
]`)
	splits := discover(t, s, testTask())
	got := read(t, s, splits)
	want := []string{
		"+I 1|a|2020-01-02T03:04:05|[1,2]",
		"-U 1|(null)|2024-03-09T10:11:12|(null)",
		"+U 2|b|(null)|(null)",
		"-D 3|4|2020-01-02T03:04:05|[]",
	}
	if want = append(want, want...); strings.Join(got, "\n") != strings.Join(want, "\n") {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	resumed := splits[0]
	resumed.At.Rows = 3
	if got := read(t, s, []plugin.Split{resumed}); len(got) != 1 || got[0] != want[3] {
		t.Errorf("resumed after row 3: %q", got)
	}
}

func TestSeveralTables(t *testing.T) {
	t.Parallel()
	s := mustParse(t, plugin.Job{Parallelism: 1}, `tables_configs = [
  { schema { table = db.one, fields { id = int } }, row.num = 2 }
  { schema { table = db.two, fields { name = string } }, row.num = 3 }
]`)
	tables := s.Tables()
	if len(tables) != 2 || tables[0].Table() != "db.one" || tables[1].Table() != "db.two" {
		t.Fatal(tables)
	}
	if rows := read(t, s, discover(t, s, testTask())); len(rows) != 5 {
		t.Errorf("%d rows", len(rows))
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	t.Parallel()
	const schema = "schema { fields { id = int, name = string, v = float_vector } }\n"
	for text, want := range map[string]string{
		"row.num = 5":                                                                               "mutually exclusive",
		schema + "int.min = 7\nint.max = 3":                                                         "7 is more than 3",
		schema + "int.template = [1, x]":                                                            `"x" cannot be used`,
		schema + "int.fake.mode = TEMPLATE":                                                         "int.template",
		schema + "split.num = 0":                                                                    "split.num",
		schema + "row.num = -1":                                                                     "row.num",
		schema + "string.length = 268435457":                                                        "string.length",
		schema + "vector.float.min = 3\nvector.float.max = 1":                                       "3 is more than 1",
		schema + "rows = [ { kind = INSERT, fields = [1] } ]":                                       "it has 1 values; the schema has 3 columns",
		schema + "rows = [ { kind = UPSERT, fields = [1, a, null] } ]":                              `row kind "UPSERT"`,
		schema + "rows = [ { kind = INSERT } ]":                                                     `"fields" is missing`,
		schema + "rows = [ { kind = INSERT, fields = { nme = a } } ]":                               `no column "nme"`,
		schema + "rows = [ { kind = INSERT, fields = [x, a, null] } ]":                              `column "id" in row 1`,
		"schema { fields { a = \"map<int, array<array<array<string>>>>\" } }\narray.size = 500":     "a row of table fake would take",
		"tables_configs = [ { schema { fields { a = int } } }, { schema { fields { a = int } } } ]": "appears twice",
		"tables_configs = []":                                                                       "the list is empty",
	} {
		_, err := parse(plugin.Job{Parallelism: 1}, text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\ngave %v\nwant %s", text, err, want)
		}
	}
}

func BenchmarkRows(b *testing.B) {
	s := mustParse(b, plugin.Job{Parallelism: 1}, "schema { fields { id = bigint, name = string, age = int } }\nrow.num = 2000000000")
	r, _ := s.Reader(context.Background(), testTask())
	for _, split := range discover(b, s, testTask()) {
		_ = r.Add(context.Background(), split)
	}
	rows := 0
	for b.Loop() {
		e, err := r.Poll(context.Background())
		if err != nil {
			b.Fatal(err)
		}
		rows += e.Batch.Rows()
		e.Batch.Release()
	}
	b.ReportMetric(float64(rows)/b.Elapsed().Seconds(), "rows/s")
}
