package jdbc

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"seikan/engine/plugin"
	"seikan/engine/plugin/plugintest"
	"seikan/engine/record"
)

// series fills a table with n rows.
func series(table, columns string, n int, expressions string) []string {
	return []string{
		"CREATE TABLE " + table + " (" + columns + ")",
		fmt.Sprintf("WITH RECURSIVE s(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM s WHERE i < %d) INSERT INTO %s SELECT %s FROM s", n, table, expressions),
	}
}

func TestSourceConformance(t *testing.T) {
	t.Parallel()
	path := plain(t, slices.Concat(
		series("byid", "id INTEGER PRIMARY KEY, name TEXT, at TIMESTAMP", 10000, "i, 'n' || i, datetime(i, 'unixepoch')"),
		series("bytext", "code TEXT COLLATE NOCASE, v INT", 500, "CASE WHEN i % 7 = 0 THEN NULL WHEN i % 2 THEN 'k' || (i / 10) ELSE 'K' || (i / 10) END, i"),
		series("nokey", "a DOUBLE, b INT", 300, "i % 5, i"),
		series("repeats", "k TEXT COLLATE NOCASE, v INT", 13000, "CASE i % 3 WHEN 0 THEN 'b' WHEN 1 THEN 'B' ELSE 'a' END, i / 2"),
		series("pair", "a INT NOT NULL, b TEXT NOT NULL, c, PRIMARY KEY (a, b)", 900, "i % 30, 'b' || i, i"),
	)...)
	for name, c := range map[string]struct {
		text string
		rows int
	}{
		"PrimaryKeyInRanges":    {"table_path = byid\n split.size = 1000", 10000},
		"OneSplit":              {"table_path = byid\n split.size = 100000", 10000},
		"RowIDWhenThereIsNoKey": {"table_path = nokey\n split.size = 70", 300},
		"PairKey":               {"table_path = pair\n split.size = 100", 900},
		"TextKeyWithNulls":      {"table_path = bytext\n partition_column = code\n split.size = 60", 500},
		"ManyRowsOfOneKey":      {"table_list = [{query = \"select * from repeats\", partition_column = k}]\n split.size = 100000", 13000},
		"FixedRanges":           {"query = \"select * from byid where id % 2 = 0\"\n partition_column = id\n partition_num = 7", 5000},
		"FixedTextHash":         {"query = \"select code, v from bytext\"\n partition_column = code\n partition_num = 4", 500},
		"QueryOfOneTable":       {"query = \"select name, id from byid;\"\n split.size = 900", 10000},
		"SeveralTables":         {"table_list = [{table_path = byid}, {table_path = pair, query = \"select * from pair where a < 10\"}]", 10300},
		"WhereCondition":        {"table_path = nokey\n where_condition = \"WHERE b <= 100\"\n partition_column = b\n split.size = 30", 100},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			plugintest.Source(t, plugintest.SourceCase{Rows: c.rows,
				New: func(t *testing.T) plugin.Source { return mustSource(t, path, c.text) }})
			if got := distinct(read(t, path, c.text)); len(got) != c.rows && name != "ManyRowsOfOneKey" {
				t.Fatalf("%d distinct rows, want %d", len(got), c.rows)
			}
		})
	}
}

func distinct(in []string) []string {
	out := slices.Clone(in)
	slices.Sort(out)
	return slices.Compact(out)
}

func TestRowsWithANullSplitKeyAreRead(t *testing.T) {
	t.Parallel()
	path := plain(t, series("t", "k INT, v INT", 1000, "CASE WHEN i % 3 = 0 THEN NULL ELSE i END, i")...)
	for _, text := range []string{
		"table_path = t\n partition_column = k\n split.size = 100",
		"query = \"select * from t\"\n partition_column = k\n partition_num = 5",
	} {
		s := mustSource(t, path, text)
		splits := splitsOf(t, s)
		if len(splits) < 3 {
			t.Fatalf("%d splits, want several", len(splits))
		}
		got, err := readAll(t, s, plugintest.Task(t, 1), splits...)
		if err != nil || len(distinct(got)) != 1000 {
			t.Fatalf("%s: %d distinct rows, want 1000 (%v)", text, len(distinct(got)), err)
		}
	}
}

func TestSplitsCoverEveryRowOnce(t *testing.T) {
	t.Parallel()
	path := plain(t, slices.Concat(
		series("even", "id INTEGER PRIMARY KEY", 5000, "i"),
		series("sparse", "id BIGINT PRIMARY KEY", 3000, "i * i * 1000003"),
		series("extreme", "id INTEGER PRIMARY KEY", 3, "CASE i WHEN 1 THEN -9223372036854775808 WHEN 2 THEN 0 ELSE 9223372036854775807 END"),
		series("text", "id VARCHAR(20) PRIMARY KEY", 3000, "'key-' || (i * 7919 % 100003)"),
		series("day", "d DATE PRIMARY KEY", 2000, "date('2000-01-01', '+' || i || ' days')"),
		series("num", "n DECIMAL(10,2) PRIMARY KEY", 2000, "i * 1.25"),
		series("same", "n INT", 2000, "7"),
		series("mixed", "n INT", 2000, "CASE i % 4 WHEN 0 THEN 'x' || i ELSE i END"),
		[]string{"CREATE TABLE none (id INTEGER PRIMARY KEY)"},
	)...)
	for _, c := range []struct {
		text         string
		rows, splits int // splits: at least
	}{
		{"table_path = even\n split.size = 500", 5000, 10},
		{"table_path = sparse\n split.size = 300", 3000, 9},
		{"table_path = sparse\n split.size = 300\n split.sample-sharding.threshold = 2\n split.inverse-sampling.rate = 10", 3000, 9},
		{"query = \"select * from extreme\"\n partition_column = id\n partition_num = 4", 3, 4},
		{"table_path = extreme\n split.size = 1", 3, 1},
		{"table_path = text\n split.size = 300", 3000, 9},
		{"table_path = day\n split.size = 200", 2000, 9},
		{"query = \"select d from day\"\n partition_column = d\n partition_num = 8", 2000, 8},
		{"table_path = num\n split.size = 200", 2000, 9},
		{"query = \"select n from num\"\n partition_column = n\n partition_num = 8", 2000, 8},
		{"table_path = same\n partition_column = n\n split.size = 200", 2000, 1},
		{"query = \"select n from same\"\n partition_column = n\n partition_num = 8", 2000, 1},
		{"table_path = none\n split.size = 200", 0, 1},
		{"query = \"select id from none\"\n partition_column = id", 0, 1},
	} {
		s := mustSource(t, path, c.text)
		splits := splitsOf(t, s)
		got, err := readAll(t, s, plugintest.Task(t, 1), splits...)
		if err != nil || len(got) != c.rows || len(splits) < c.splits {
			t.Errorf("%s: %d rows in %d splits, want %d in at least %d (%v)", c.text, len(got), len(splits), c.rows, c.splits, err)
		}
		if !strings.Contains(c.text, "same") && len(distinct(got)) != c.rows {
			t.Errorf("%s: %d distinct rows, want %d", c.text, len(distinct(got)), c.rows)
		}
	}
	// Texts in a number column come behind all numbers: in the last range.
	task, bad := tolerant(t)
	s := mustSource(t, path, "table_path = mixed\n partition_column = n\n split.size = 200")
	got, err := readAll(t, s, task, splitsOf(t, s)...)
	if err != nil || len(got) != 1500 || len(*bad) != 500 {
		t.Fatalf("%d good and %d bad rows, want 1500 and 500 (%v)", len(got), len(*bad), err)
	}
}

func TestGivenBoundsLimitWhatIsRead(t *testing.T) {
	t.Parallel()
	path := plain(t, series("t", "id INTEGER PRIMARY KEY, s TEXT", 1000, "i, 'x' || i")...)
	for text, want := range map[string]int{
		"query = \"select * from t\"\n partition_column = id\n partition_num = 3\n partition_lower_bound = 101\n partition_upper_bound = 200": 100,
		"query = \"select * from t\"\n partition_column = id\n partition_num = 3\n partition_lower_bound = 901":                               100,
		"table_path = t\n partition_column = id\n split.size = 10\n partition_upper_bound = 50":                                               50,
		"table_path = t\n partition_column = s\n split.size = 10\n partition_lower_bound = x99":                                               11,
		"query = \"select * from t\"\n partition_column = s\n partition_num = 3\n partition_lower_bound = x99":                                11,
		"query = \"select * from t\"\n partition_column = id\n partition_num = 3\n partition_lower_bound = 20\n partition_upper_bound = 10":   0,
	} {
		if got := read(t, path, text); len(got) != want {
			t.Errorf("%s: %d rows, want %d", text, len(got), want)
		}
	}
}

func TestTypesAreReadAsDeclared(t *testing.T) {
	t.Parallel()
	path := plain(t, `CREATE TABLE t (a TINYINT, b SMALLINT, c INT, d BIGINT, e BOOLEAN, f REAL, g DECIMAL(10,2), h NUMERIC, i VARCHAR(10), j BLOB,
		k DATE, l TIME, m DATETIME, n TIMESTAMP(9), o TIMESTAMP_TZ, p INT UNSIGNED, q UUID, r DECIMAL_TEXT(38,18))`,
		`INSERT INTO t VALUES (-128, 32767, -2147483648, 9223372036854775807, 1, 1.5, 12.345, '0.1', 'text', x'00ff',
		'2024-02-29', '23:59:58.5', '2024-02-29 01:02:03.123', '2024-02-29T01:02:03.123456789', '2024-02-29 01:02:03+02:00', 4294967295, 'f81d', '12345678901234567890.123456789012345678')`,
		`INSERT INTO t VALUES (NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)`,
		`INSERT INTO t VALUES (1, 1, 1, 1, 'false', 2, 3, 4, 5, '', 1709164800000, 3600000, 1709168523004, 2460369.5, 1709168523004, 0, 1.5, 1)`)
	s := mustSource(t, path, "table_path = t")
	var types []string
	for _, c := range s.Tables()[0].Columns {
		types = append(types, c.Type.String())
	}
	wantRows(t, types, "TINYINT", "SMALLINT", "INT", "BIGINT", "BOOLEAN", "DOUBLE", "Decimal(10, 2)", "Decimal(38, 18)", "STRING", "BYTES",
		"DATE", "TIME", "TIMESTAMP", "TIMESTAMP(9)", "TIMESTAMP_TZ", "BIGINT", "STRING", "Decimal(38, 18)")
	wantRows(t, read(t, path, "table_path = t"),
		"+I|-128|32767|-2147483648|9223372036854775807|true|1.5|12.35|0.1|text|AP8=|2024-02-29|23:59:58.500000|2024-02-29T01:02:03.123|2024-02-29T01:02:03.123456789|2024-02-28T23:02:03Z|4294967295|f81d|12345678901234567890.123456789012345678",
		"+I"+strings.Repeat("|∅", 18),
		"+I|1|1|1|1|false|2|3|4|5||2024-02-29|01:00:00.000000|2024-02-29T01:02:03.004|2024-02-29T00:00:00|2024-02-29T01:02:03.004Z|0|1.5|1")
}

func TestTypesOfExpressionsComeFromTheFirstRows(t *testing.T) {
	t.Parallel()
	path := plain(t, "CREATE TABLE t (a INT)", "INSERT INTO t VALUES (1), (2)")
	s := mustSource(t, path, `query = "select count(*) as n, avg(a) as m, 'x' as s, null as e, case when a = 1 then 1 else 1.5 end as w from t group by a"`)
	var types []string
	for _, c := range s.Tables()[0].Columns {
		types = append(types, c.Name+" "+c.Type.String())
	}
	wantRows(t, types, "n BIGINT", "m DOUBLE", "s STRING", "e STRING", "w DOUBLE")
	if s.Traits().Replayable {
		t.Error("a query without a key says its rows come in a fixed order")
	}
}

func TestAValueThatDoesNotFitItsColumnIsABadRow(t *testing.T) {
	t.Parallel()
	path := plain(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INT, d DATE)",
		"INSERT INTO t VALUES (1, 1, '2024-01-01'), (2, 'twelve', '2024-01-02'), (3, 3000000000, NULL), (4, 4, 'soon'), (5, 5, x'00'), (6, 6, NULL)")
	s := mustSource(t, path, "table_path = t")
	task, bad := tolerant(t)
	splits := splitsOf(t, s)
	got, err := readAll(t, s, task, splits...)
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, got, "+I|1|1|2024-01-01", "+I|6|6|∅")
	if len(*bad) != 4 {
		t.Fatalf("%d bad rows, want 4", len(*bad))
	}
	first := (*bad)[0]
	wantError(t, first.Err, "table t", "column n", `"twelve"`, "a whole number from")
	if string(first.Raw) != `id = 2, n = "twelve", d = "2024-01-02"` || first.At.Rows != 2 || first.Split != splits[0].ID || !plugin.IsPermanent(first.Err) {
		t.Errorf("dead letter %q at row %d of %q", first.Raw, first.At.Rows, first.Split)
	}
	if _, err := readAll(t, s, plugintest.Task(t, 1), splits...); err == nil {
		t.Error("a bad row does not fail a task that takes none")
	}
}

func TestABadRowKeepsItsPlaceInTheSplit(t *testing.T) {
	t.Parallel()
	path := plain(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, n INT)", "INSERT INTO t VALUES (1, 1), (2, 'x'), (3, 3)")
	s := mustSource(t, path, "table_path = t")
	task, _ := tolerant(t)
	r, err := s.Reader(t.Context(), task)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Add(t.Context(), splitsOf(t, s)[0]); err != nil {
		t.Fatal(err)
	}
	for {
		e, err := r.Poll(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if b := e.Batch; b != nil {
			defer b.Release()
			if b.Rows() != 2 || b.To.Rows != 3 || b.Ordinal(1) != 3 {
				t.Fatalf("%d rows up to %d, the second is number %d; want 2, 3, 3", b.Rows(), b.To.Rows, b.Ordinal(1))
			}
			return
		}
	}
}

// Neither a row too many nor one too few, where thousands of rows have the same key and the
// database takes no notice of its case.
func TestReadingGoesOnInTheMiddleOfEqualKeys(t *testing.T) {
	t.Parallel()
	path := plain(t, series("t", "k TEXT COLLATE NOCASE, v INT", 13000, "CASE i % 3 WHEN 0 THEN 'b' WHEN 1 THEN 'B' ELSE 'a' END, i / 2")...)
	s := mustSource(t, path, "table_list = [{query = \"select * from t\", partition_column = k}]\n split.size = 100000")
	split := splitsOf(t, s)[0]
	whole, err := readAll(t, s, plugintest.Task(t, 1), split)
	if err != nil || len(whole) != 13000 {
		t.Fatal(len(whole), err)
	}
	r, err := s.Reader(t.Context(), plugintest.Task(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	if err := r.Add(t.Context(), split); err != nil {
		t.Fatal(err)
	}
	for at := (record.Position{}); !at.Done; {
		e, err := r.Poll(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if e.Batch == nil {
			continue
		}
		at = e.Batch.To
		e.Batch.Release()
		part := split
		part.At = at
		part.At.Done = false
		rest, err := readAll(t, s, plugintest.Task(t, 1), part)
		if err != nil || !slices.Equal(rest, whole[at.Rows:]) {
			t.Fatalf("after row %d: %d other rows, want %d (%v)", at.Rows, len(rest), 13000-at.Rows, err)
		}
	}
}

// The database may give rows with equal keys in any order, so the order has to name every column.
func TestRowsWithEqualKeysAreOrderedByAllColumns(t *testing.T) {
	t.Parallel()
	path := plain(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, k INT, v TEXT)")
	for text, want := range map[string]string{
		"query = \"select k, v from t\"\n partition_column = k": `ORDER BY tmp."k", tmp."k", tmp."v" COLLATE BINARY`,
		"query = \"select v, id from t\"":                       `ORDER BY tmp."id", tmp."v" COLLATE BINARY, tmp."id"`,
		"table_path = t\n partition_column = k":                 `ORDER BY tmp."k", tmp."id"`,
		"query = \"select k, v from t\"":                        `tmp`,
	} {
		s := mustSource(t, path, text).(*source)
		r := &splitReader{r: &reader{s: s}, t: s.tables[0], split: plugin.Split{Data: []byte("{}")}}
		r.order, _ = r.t.order()
		statement, _, _, err := r.statement()
		if err != nil || !strings.HasSuffix(statement, want) {
			t.Errorf("%s: %s does not end in %s (%v)", text, statement, want, err)
		}
	}
}

// A split that goes on after rows were deleted behind its position loses none.
func TestReadingGoesOnByKeyNotByCount(t *testing.T) {
	t.Parallel()
	path := plain(t, series("t", "id INTEGER PRIMARY KEY, v TEXT", 10000, "i, 'v' || i")...)
	s := mustSource(t, path, "table_path = t\n split.size = 100000")
	split := splitsOf(t, s)[0]
	r, err := s.Reader(t.Context(), plugintest.Task(t, 1))
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Add(t.Context(), split); err != nil {
		t.Fatal(err)
	}
	for split.At.Rows == 0 {
		e, err := r.Poll(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		if e.Batch != nil {
			split.At = e.Batch.To
			e.Batch.Release()
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	exec(t, path, "DELETE FROM t WHERE id <= 1000")
	rest, err := readAll(t, s, plugintest.Task(t, 1), split)
	if err != nil || int64(len(rest)) != 10000-split.At.Rows {
		t.Fatalf("%d rows after row %d, want %d (%v)", len(rest), split.At.Rows, 10000-split.At.Rows, err)
	}
}

func TestWhatIsWrongWithASourceIsSaid(t *testing.T) {
	t.Parallel()
	path := plain(t, "CREATE TABLE t (id INTEGER PRIMARY KEY, b BLOB)")
	for text, want := range map[string][]string{
		"":                            {"one of query, table_path and table_list"},
		"table_path = missing":        {"no table missing", "table_path"},
		"query = \"selec 1\"":         {"selec 1", "syntax error"},
		"query = \"select x from t\"": {"select x from t", "no such column: x"},
		"query = \"select id, id from t\"\n partition_column = c":              {`no column "c"`},
		"table_path = t\n partition_column = b":                                {"BYTES", "partition_column"},
		"table_path = t\n table_list = [{table_path = t}]":                     {"Please configure either `table_list`"},
		"table_list = [{table_path = t}, {table_path = t}]":                    {"listed twice"},
		"table_path = t\n where_condition = \"id > 1\"":                        {"must start with where"},
		"table_path = t\n where_condition = \"where nope > 1\"":                {"no such column: nope"},
		"table_path = t\n properties { cache_size = \"1); ATTACH 'x' AS x\" }": {"cache_size"},
		"table_path = a.b.c.d":                                                 {"4 parts"},
	} {
		_, err := openSource(t, path, text)
		wantError(t, err, want...)
		if !plugin.IsPermanent(err) {
			t.Errorf("%v: would be tried again", err)
		}
	}
	_, err := openSource(t, path+".not", "table_path = t")
	wantError(t, err, "#1.db.not", "no such file")
	values := options(t, sourceSpec(), path, "table_path = t\nurl = \"jdbc:mysql://u:secret@h/db?password=secret\"")
	_, err = newSource(t.Context(), job(t), values)
	wantError(t, err, "no dialect", "jdbc:sqlite:", "jdbc:mysql://h/db")
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error shows the password: %v", err)
	}
}

func TestSQLiteFileBindsToItsNode(t *testing.T) {
	t.Parallel()
	path := plain(t, "CREATE TABLE t (id INTEGER PRIMARY KEY)")
	if why := mustSource(t, path, "table_path = t").Traits().NodeBound; !strings.Contains(why, path) {
		t.Errorf("NodeBound = %q, want the file named", why)
	}
	if why := mustSink(t, path, plugintest.Schema(), generated).(plugin.NodeBound).NodeBound(); !strings.Contains(why, path) {
		t.Errorf("the sink's NodeBound = %q, want the file named", why)
	}
	s := mustSource(t, ":memory:", "query = \"select 1 as one\"")
	if why := s.Traits().NodeBound; why != "" {
		t.Errorf("NodeBound = %q for a database in memory", why)
	}
	got, err := readAll(t, s, plugintest.Task(t, 1), splitsOf(t, s)...)
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, got, "+I|1")
	if s.Tables()[0].Columns[0].Type.Kind != record.BigInt {
		t.Errorf("type %s", s.Tables()[0].Columns[0].Type)
	}
}
