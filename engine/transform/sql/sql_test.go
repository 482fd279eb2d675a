package sql

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/job/hocon"
	"seikan/engine/plugin"
	"seikan/engine/record"
	"seikan/engine/transform/transformtest"
)

func users() *record.Schema {
	length := int64(20)
	return (&record.Schema{
		Path: record.TablePath{Database: "shop", Table: "users"},
		Columns: []record.Column{
			{Name: "id", Type: record.Of(record.BigInt), NotNull: true, Comment: "the key"},
			{Name: "name", Type: record.Of(record.String), Length: &length, Default: "?"},
			{Name: "age", Type: record.Of(record.Int)},
		},
		PrimaryKey: &record.PrimaryKey{Name: "pk", Columns: []string{"id"}},
		Comment:    "all users",
	}).Freeze()
}

// batch has users 1 to n, "u1" and so on, of age 10, 20, …; every third has no name.
func batch(n int) *record.Batch {
	schema := users()
	b := array.NewRecordBuilder(memory.DefaultAllocator, schema.Arrow())
	defer b.Release()
	for i := 1; i <= n; i++ {
		b.Field(0).(*array.Int64Builder).Append(int64(i))
		if i%3 == 0 {
			b.Field(1).AppendNull()
		} else {
			b.Field(1).(*array.StringBuilder).Append("u" + string(rune('0'+i)))
		}
		b.Field(2).(*array.Int32Builder).Append(int32(10 * i))
	}
	out := record.NewBatch(schema, b.NewRecordBatch())
	out.Split, out.From, out.To = "s", record.Position{Rows: 100}, record.Position{Rows: 100 + int64(n)}
	return out
}

func build(t *testing.T, options ...string) (plugin.Transform, error) {
	t.Helper()
	block := &hocon.Value{Kind: hocon.Object}
	for i := 0; i < len(options); i += 2 {
		block.Fields = append(block.Fields, &hocon.Field{Key: options[i], Value: &hocon.Value{Kind: hocon.String, Text: options[i+1], Quoted: true}})
	}
	opts, problems := spec.Parse(block)
	if err := problems.Err(); err != nil {
		t.Fatal(err)
	}
	return newTransform(context.Background(), plugin.Job{}, users(), opts)
}

func apply(t *testing.T, in *record.Batch, task plugin.Task, options ...string) (*record.Batch, error) {
	t.Helper()
	tr, err := build(t, options...)
	if err != nil {
		t.Fatal(err)
	}
	return tr.Apply(context.Background(), task, in)
}

func column(b *record.Batch, i int) string {
	var out []string
	for r := range b.Rows() {
		out = append(out, b.Data.Column(i).ValueStr(r))
	}
	return strings.Join(out, " ")
}

func TestConformance(t *testing.T) {
	t.Parallel()
	const rows = `[{"id":1,"name":"a","age":10},{"id":2,"name":null,"age":20},{"id":3,"name":"c","age":30},{"id":4,"name":"d","age":40}]`
	kinds := []record.RowKind{record.Insert, record.UpdateBefore, record.UpdateAfter, record.Delete}
	schema := transformtest.Schema(t, "id bigint", "name string", "age int")
	for name, query := range map[string]string{
		"filtered": "SELECT name, UPPER(name) AS n, age + 1 AS next FROM t WHERE age <> 30",
		"all":      "SELECT *, CASE WHEN name IS NULL THEN 'none' ELSE name END AS n FROM t",
	} {
		t.Run(name, func(t *testing.T) {
			transformtest.Conformance(t, "sql", schema, "query = \""+query+"\"", rows, kinds...)
		})
	}
}

func TestBareColumnsKeepTheirDescription(t *testing.T) {
	t.Parallel()
	tr, err := build(t, "query", "SELECT *, age + 1, `name` AS `nick`, UPPER(name) FROM users")
	if err != nil {
		t.Fatal(err)
	}
	s := tr.Schema()
	if got := strings.Join(s.Names(), "|"); got != "id|name|age|age + 1|nick|UPPER(name)" {
		t.Errorf("names %s", got)
	}
	if c := s.Columns[4]; c.Length == nil || *c.Length != 20 || c.Default != "?" {
		t.Errorf("nick lost its description: %+v", c)
	}
	if c := s.Columns[0]; !c.NotNull || c.Comment != "the key" {
		t.Errorf("id lost its description: %+v", c)
	}
	if c := s.Columns[5]; c.Length != nil || c.NotNull || c.Type.Kind != record.String {
		t.Errorf("UPPER(name) is %+v", c)
	}
	if s.PrimaryKey == nil || s.Path != users().Path || s.Comment != "all users" {
		t.Errorf("the table lost its key or identity: %+v", s)
	}
}

func TestPrimaryKeyGoesWithItsColumn(t *testing.T) {
	t.Parallel()
	tr, err := build(t, "query", "SELECT name FROM users")
	if err != nil {
		t.Fatal(err)
	}
	if tr.Schema().PrimaryKey != nil {
		t.Error("the key of a column that is gone is kept")
	}
}

func TestWhereKeepsKindsAndOrdinals(t *testing.T) {
	t.Parallel()
	in := batch(6)
	in.Kinds = []record.RowKind{record.Insert, record.Delete, record.Insert, record.UpdateAfter, record.Insert, record.Delete}
	out, err := apply(t, in, plugin.Task{}, "query", "SELECT id, CONCAT(name, '!') AS n FROM users WHERE age IN (20, 40, 60)")
	if err != nil {
		t.Fatal(err)
	}
	if got := column(out, 0); got != "2 4 6" {
		t.Errorf("ids %s", got)
	}
	if got := column(out, 1); got != "u2! u4! !" {
		t.Errorf("names %s", got)
	}
	if !slices.Equal(out.Kinds, []record.RowKind{record.Delete, record.UpdateAfter, record.Delete}) {
		t.Errorf("kinds %v", out.Kinds)
	}
	if !slices.Equal(out.Ordinals, []int64{102, 104, 106}) || out.From.Rows != in.From.Rows || out.To.Rows != in.To.Rows || out.Split != "s" {
		t.Errorf("place %v %v %v %s", out.Ordinals, out.From, out.To, out.Split)
	}
}

func TestBareColumnsAreNotCopied(t *testing.T) {
	t.Parallel()
	in := batch(4)
	out, err := apply(t, in, plugin.Task{}, "query", "SELECT name, id + 1 AS next FROM users")
	if err != nil {
		t.Fatal(err)
	}
	if out.Data.Column(0).Data().Buffers()[2] != in.Data.Column(1).Data().Buffers()[2] {
		t.Error("name was copied")
	}
}

func TestEmptyBatchesPass(t *testing.T) {
	t.Parallel()
	for _, in := range []*record.Batch{batch(0), {Schema: users(), Split: "s", To: record.Position{Rows: 7, Done: true}}} {
		out, err := apply(t, in, plugin.Task{}, "query", "SELECT UPPER(name) AS n, 1 AS one FROM users WHERE age > 3")
		if err != nil {
			t.Fatal(err)
		}
		if out.Rows() != 0 || out.To.Done != in.To.Done || out.Schema.Names()[1] != "one" {
			t.Errorf("%d rows, %v", out.Rows(), out.To)
		}
	}
}

func TestConstantsFillEveryRow(t *testing.T) {
	t.Parallel()
	out, err := apply(t, batch(3), plugin.Task{}, "query", "SELECT 'x' AS c, 1 + 1 AS two, NULL AS nothing FROM users WHERE id <> 2")
	if err != nil {
		t.Fatal(err)
	}
	if column(out, 0) != "x x" || column(out, 1) != "2 2" || column(out, 2) != "(null) (null)" {
		t.Errorf("%s, %s, %s", column(out, 0), column(out, 1), column(out, 2))
	}
}

func TestBadRowsGoToDirtyAndOthersGoOn(t *testing.T) {
	t.Parallel()
	var dirty []plugin.DirtyRow
	task := plugin.Task{Dirty: func(_ context.Context, row plugin.DirtyRow) error { dirty = append(dirty, row); return nil }}
	out, err := apply(t, batch(5), task, "query",
		"SELECT id, 10 / (id - 3) AS q, CAST(SUBSTRING(name, 2) AS INT) AS k, 1 / (id - 3) AS again FROM users WHERE 100 / (id - 1) >= 0 AND id <> 2")
	if err != nil {
		t.Fatal(err)
	}
	if got := column(out, 0) + ", " + column(out, 1); got != "4 5, 10 5" {
		t.Errorf("rows %s", got)
	}
	if !slices.Equal(out.Ordinals, []int64{104, 105}) {
		t.Errorf("ordinals %v", out.Ordinals)
	}
	if len(dirty) != 2 {
		t.Fatalf("%d dirty rows: %v", len(dirty), dirty)
	}
	if d := dirty[0]; d.At.Rows != 100 || string(d.Raw) != `{"id":1,"name":"u1","age":10}` || !strings.Contains(d.Err.Error(), "WHERE: division by zero") {
		t.Errorf("first dirty row %s %v %v", d.Raw, d.At, d.Err)
	}
	if d := dirty[1]; d.At.Rows != 102 || string(d.Raw) != `{"id":3,"name":null,"age":30}` || !strings.Contains(d.Err.Error(), `column "q": division by zero`) || d.Split != "s" || d.Table != "shop.users" {
		t.Errorf("second dirty row %s %v %v", d.Raw, d.At, d.Err)
	}
}

func TestDirtyBudgetStopsTheBatch(t *testing.T) {
	t.Parallel()
	full := errors.New("too many dirty rows")
	task := plugin.Task{Dirty: func(context.Context, plugin.DirtyRow) error { return full }}
	if _, err := apply(t, batch(3), task, "query", "SELECT 1 / (id - 2) AS x FROM users"); !errors.Is(err, full) {
		t.Errorf("got %v", err)
	}
}

func TestClockOfTheTask(t *testing.T) {
	t.Parallel()
	task := plugin.Task{Now: func() time.Time { return time.Date(2031, 5, 6, 12, 0, 0, 0, time.Local) }}
	out, err := apply(t, batch(1), task, "query", "SELECT CURRENT_DATE AS d FROM users")
	if err != nil {
		t.Fatal(err)
	}
	if got := column(out, 0); got != "2031-05-06" {
		t.Errorf("today is %s", got)
	}
}

func TestEngineOption(t *testing.T) {
	t.Parallel()
	for engine, want := range map[string]string{"ZETA": "1 2 3 4 5", "ansi": "1 2 4 5"} {
		out, err := apply(t, batch(5), plugin.Task{}, "engine", engine, "query", "SELECT id FROM users WHERE name <> 'x'")
		if err != nil {
			t.Fatal(err)
		}
		if got := column(out, 0); got != want {
			t.Errorf("%s: %s, expected %s", engine, got, want)
		}
	}
}

func TestRefusals(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"DELETE FROM users": "SQL validate failed: DELETE FROM users, cause: ",
		"SELECT id FROM users UNION SELECT id FROM users":     "Unsupported SQL syntax: UNION",
		"SELECT id FROM shop.users":                           "SQL validate failed",
		"SELECT u.id FROM users u":                            "a table alias is not supported",
		"SELECT u.id FROM users AS u":                         "a table alias is not supported",
		"SELECT id FROM (SELECT id FROM users)":               "a sub-select in FROM",
		"SELECT id FROM users JOIN b ON a = b":                "Unsupported SQL syntax: JOIN",
		"SELECT id FROM users LEFT JOIN b ON a = b":           "Unsupported SQL syntax: JOIN",
		"SELECT id FROM users, b":                             "several tables in FROM",
		"SELECT id FROM users ORDER BY id":                    "Unsupported SQL syntax: ORDER BY",
		"SELECT id FROM users WHERE id > 1 GROUP BY id":       "Unsupported SQL syntax: GROUP BY",
		"SELECT id FROM users LIMIT 1":                        "Unsupported SQL syntax: LIMIT",
		"SELECT id FROM users OFFSET 1":                       "Unsupported SQL syntax: OFFSET",
		"SELECT id FRM users":                                 `SQL parse failed: SELECT id FRM users, cause: line 1, column 15: expected FROM after the select list, found "users", at: users`,
		"SELECT id, FROM users":                               "SQL parse failed",
		"SELECT id":                                           "expected FROM",
		"SELECT 'id FROM users":                               "the quote ' is not closed, at: 'id FROM users",
		"":                                                    "the query is empty",
		"SELECT nam FROM users":                               "can't find field [nam]; did you mean name?",
		"SELECT id.x FROM users":                              "can't find field [id.x]",
		"SELECT UPER(name) FROM users":                        "line 1, column 8: Unsupported function: UPER; did you mean UPPER?",
		"SELECT id FROM users WHERE age":                      "a condition must be BOOLEAN",
		"SELECT id FROM users WHERE EXISTS (SELECT 1 FROM b)": "Unsupported SQL Expression: EXISTS",
		"SELECT id FROM users WHERE id IN (SELECT id FROM b)": "Unsupported SQL Expression: a sub-select",
		"SELECT SUM(age) FROM users":                          "Unsupported function: SUM; a transform sees one row at a time and cannot aggregate",
		"SELECT TRY_CAST(age AS INT) FROM users":              "Unsupported SQL Expression: TRY_CAST",
		"SELECT CAST(age AS BOOLEAN) FROM users":              "Unsupported CAST AS type: BOOLEAN",
		"SELECT id FROM users WHERE age > 'x'":                "Filed types not matched",
	} {
		_, err := build(t, "query", query)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s\n  got  %v\n  want %s", query, err, want)
		}
	}
}

func TestMistakesAreFoundInTheJobFile(t *testing.T) {
	t.Parallel()
	at := func(query string, pos hocon.Pos) hocon.Pos {
		block := &hocon.Value{Kind: hocon.Object, Fields: []*hocon.Field{{Key: "query", Value: &hocon.Value{Kind: hocon.String, Text: query, Pos: pos}}}}
		opts, _ := spec.Parse(block)
		_, err := newTransform(context.Background(), plugin.Job{}, users(), opts)
		var p hocon.Problem
		if !errors.As(err, &p) {
			t.Fatalf("%v is no problem of the job file", err)
		}
		return p.Pos
	}
	query := "SELECT nope FROM users" // column 8
	length := len(query)
	for name, c := range map[string]struct {
		query string
		pos   hocon.Pos
		want  [2]int
	}{
		"in quotes":        {query, hocon.Pos{Line: 5, Col: 11, EndCol: 13 + length}, [2]int{5, 19}},
		"in triple quotes": {query, hocon.Pos{Line: 5, Col: 11, EndCol: 17 + length}, [2]int{5, 21}},
		"over lines":       {"SELECT id,\n  nope FROM users", hocon.Pos{Line: 5, Col: 11, EndCol: 14}, [2]int{6, 3}},
		"substituted":      {query, hocon.Pos{Line: 5, Col: 11, EndCol: 20}, [2]int{5, 11}},
	} {
		if p := at(c.query, c.pos); p.Line != c.want[0] || p.Col != c.want[1] {
			t.Errorf("%s: line %d, column %d, expected %v", name, p.Line, p.Col, c.want)
		}
	}
}

func TestIgnoredClausesAreSaid(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	job := plugin.Job{Log: slog.New(slog.NewTextHandler(&log, nil))}
	block := func(engine, query string) *hocon.Value {
		return &hocon.Value{Kind: hocon.Object, Fields: []*hocon.Field{
			{Key: "engine", Value: &hocon.Value{Kind: hocon.String, Text: engine}},
			{Key: "query", Value: &hocon.Value{Kind: hocon.String, Text: query}},
		}}
	}
	opts, _ := spec.Parse(block("ZETA", "SELECT DISTINCT id FROM people HAVING id > 1"))
	if _, err := newTransform(context.Background(), job, users(), opts); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"DISTINCT, HAVING", "from=people"} {
		if !strings.Contains(log.String(), want) {
			t.Errorf("the log does not say %s: %s", want, log.String())
		}
	}
	opts, _ = spec.Parse(block("ANSI", "SELECT DISTINCT id FROM users"))
	if _, err := newTransform(context.Background(), job, users(), opts); err == nil || !strings.Contains(err.Error(), "Unsupported SQL syntax: DISTINCT") {
		t.Errorf("ANSI took DISTINCT: %v", err)
	}
}

func TestColumnsMayComeTwice(t *testing.T) {
	t.Parallel()
	out, err := apply(t, batch(2), plugin.Task{}, "query", "SELECT *, id, id + 1 AS id FROM users WHERE id > 1")
	if err != nil {
		t.Fatal(err)
	}
	if column(out, 0) != "2" || column(out, 3) != "2" || column(out, 4) != "3" {
		t.Errorf("%v", out.Data)
	}
}

func TestTableStarIsExpanded(t *testing.T) {
	t.Parallel()
	tr, err := build(t, "query", "SELECT users.*, users.id AS again FROM users")
	if err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(tr.Schema().Names(), " "); got != "id name age again" {
		t.Error(got)
	}
}
