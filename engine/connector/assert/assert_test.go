package assert

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/job/hocon"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

func newSink(t *testing.T, job plugin.Job, s *record.Schema, options string) (plugin.Sink, error) {
	t.Helper()
	tree, err := hocon.Parse("job.conf", []byte(options), hocon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	opts, problems := spec.Parse(tree)
	if err := problems.Err(); err != nil {
		return nil, err
	}
	return open(context.Background(), job, s, opts)
}

func schema(t *testing.T, columns ...string) *record.Schema {
	t.Helper()
	s := &record.Schema{Catalog: "Cat", Path: record.TablePath{Database: "db", Table: "t"}}
	for _, c := range columns {
		name, text, _ := strings.Cut(c, " ")
		typ, err := record.ParseType(text)
		if err != nil {
			t.Fatal(err)
		}
		s.Columns = append(s.Columns, record.Column{Name: name, Type: typ})
	}
	return s.Freeze()
}

func batch(t *testing.T, s *record.Schema, json string) *record.Batch {
	t.Helper()
	data, _, err := array.RecordFromJSON(memory.DefaultAllocator, s.Arrow(), strings.NewReader(json))
	if err != nil {
		t.Fatal(err)
	}
	return record.NewBatch(s, data)
}

func TestFieldRules(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ typ, rule, good, bad string }{
		{"int", "rule_type = NOT_NULL", `1`, `null`},
		{"int", "rule_type = NULL", `null`, `1`},
		{"int", "rule_type = MIN, rule_value = 3", `3`, `2`},
		{"int", "rule_type = MIN, rule_value = 3", `3`, `null`},
		{"bigint", "rule_type = MAX, rule_value = 3.5", `3`, `4`},
		{"tinyint", "rule_type = MAX, rule_value = -1", `-1`, `0`},
		{"smallint", "rule_type = MIN, rule_value = -1", `-1`, `-2`},
		{"float", "rule_type = MIN, rule_value = 1.5", `1.5`, `1.25`},
		{"double", "rule_type = MIN, rule_value = 1e3", `1000`, `999.5`},
		{"decimal(10,2)", "rule_type = MIN, rule_value = 1.05", `"1.05"`, `"1.04"`},
		{"string", "rule_type = MIN_LENGTH, rule_value = 2", `"é😀"`, `"a"`},
		{"string", "rule_type = MAX_LENGTH, rule_value = 2", `"😀"`, `"a😀"`},
		{"array<int>", "rule_type = MAX_LENGTH, rule_value = 1", `[1]`, `[1, 2]`},
		{"bytes", "rule_type = MIN_LENGTH, rule_value = 1", `"YQ=="`, `""`},
		{"string", "equals_to = abc", `"abc"`, `"abd"`},
		{"string", "equals_to = abc", `null`, `""`},
		{"int", "equals_to = 5", `5`, `6`},
		{"bigint", `equals_to = "5"`, `5`, `6`},
		{"boolean", "equals_to = true", `true`, `false`},
		{"float", "equals_to = 1.1", `1.1`, `1.2`},
		{"decimal(10,2)", "equals_to = 1.1", `"1.10"`, `"1.11"`},
		{"date", `equals_to = "2024-01-02"`, `"2024-01-02"`, `"2024-01-03"`},
		{"timestamp", `equals_to = "2024-01-02T03:04:05"`, `"2024-01-02 03:04:05"`, `"2024-01-02 03:04:06"`},
		{"array<string>", `equals_to = [a, null]`, `["a", null]`, `["a"]`},
		{"map<string, int>", `equals_to = { a = 1, b = 2 }`, `[{"key": "b", "value": 2}, {"key": "a", "value": 1}]`, `[{"key": "a", "value": 1}]`},
		{"{x = int, y = string}", `equals_to = { y = s, x = 1 }`, `{"x": 1, "y": "s"}`, `{"x": 1, "y": "t"}`},
	} {
		s := schema(t, "before int", "v "+c.typ)
		sink, err := newSink(t, plugin.Job{}, s, "rules { field_rules = [ { field_name = v, field_value = [ { "+c.rule+" } ] } ] }")
		if err != nil {
			t.Errorf("%s %s: %v", c.typ, c.rule, err)
			continue
		}
		w, _ := sink.Writer(context.Background(), plugin.Task{}, nil)
		rows := batch(t, s, fmt.Sprintf(`[{"before": 1, "v": %s}, {"before": 2, "v": %s}, {"before": 3, "v": %s}]`, c.good, c.good, c.bad))
		if err := w.Write(context.Background(), rows.Slice(0, 2)); err != nil {
			t.Errorf("%s %s: %v", c.typ, c.rule, err)
		}
		for _, b := range []*record.Batch{rows, rows.Slice(2, 3)} {
			err = w.Write(context.Background(), b)
			if err == nil {
				t.Errorf("%s %s let %s pass", c.typ, c.rule, c.bad)
				continue
			}
			for _, want := range []string{"ASSERT-01", "Rule validate failed", "SeaTunnelRow{tableId=db.t, kind=+I, fields=[3, ", "failed rule: v: "} {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in %v", want, err)
				}
			}
			if !plugin.IsPermanent(err) {
				t.Error("a failed rule would be tried again")
			}
		}
	}
}

func TestRowsAreCountedOverAllSubtasksAtTheEnd(t *testing.T) {
	t.Parallel()
	s := schema(t, "id int")
	for _, c := range []struct {
		rules string
		ok    bool
	}{
		{"{ rule_type = MIN_ROW, rule_value = 6 }, { rule_type = MAX_ROW, rule_value = 6 }", true},
		{"{ rule_type = MIN_ROW, rule_value = 7 }", false},
		{"{ rule_type = MAX_ROW, rule_value = 5 }", false},
	} {
		sink, err := newSink(t, plugin.Job{}, s, "rules { row_rules = [ "+c.rules+" ] }")
		if err != nil {
			t.Fatal(err)
		}
		var early, last []plugin.State
		for subtask := range 3 {
			w, _ := sink.Writer(context.Background(), plugin.Task{Subtask: subtask}, nil)
			for i, kind := range []record.BarrierKind{record.Checkpoint, record.CompletedPoint} {
				if err := w.Write(context.Background(), batch(t, s, `[{"id": 1}]`)); err != nil {
					t.Fatal(err)
				}
				p, err := w.Prepare(context.Background(), record.Barrier{Checkpoint: int64(i + 1), Kind: kind})
				if err != nil {
					t.Fatal(err)
				}
				if i == 0 {
					early = append(early, p.Commits...)
				} else {
					last = append(last, p.Commits...)
				}
			}
		}
		committer, err := sink.Committer(context.Background(), plugin.Task{})
		if err != nil {
			t.Fatal(err)
		}
		if err := committer.Commit(context.Background(), early); err != nil {
			t.Errorf("%s was judged before the end: %v", c.rules, err)
		}
		for range 2 {
			err = committer.Commit(context.Background(), append(early, last...))
			if (err == nil) != c.ok {
				t.Errorf("%s: %v", c.rules, err)
			}
			if err != nil && !strings.Contains(err.Error(), "table db.t has 6 rows in all") {
				t.Error(err)
			}
		}
	}
}

func TestCountGoesOnAfterARestore(t *testing.T) {
	t.Parallel()
	s := schema(t, "id int")
	sink, err := newSink(t, plugin.Job{}, s, "rules { row_rules = [ { rule_type = MIN_ROW, rule_value = 3 }, { rule_type = MAX_ROW, rule_value = 3 } ] }")
	if err != nil {
		t.Fatal(err)
	}
	var states []plugin.State
	for subtask := range 2 { // two writers become one
		w, _ := sink.Writer(context.Background(), plugin.Task{Subtask: subtask}, nil)
		_ = w.Write(context.Background(), batch(t, s, `[{"id": 1}]`))
		p, _ := w.Prepare(context.Background(), record.Barrier{Checkpoint: 1, Kind: record.Savepoint})
		states = append(states, p.Writer)
	}
	w, err := sink.Writer(context.Background(), plugin.Task{}, states)
	if err != nil {
		t.Fatal(err)
	}
	_ = w.Write(context.Background(), batch(t, s, `[{"id": 1}]`))
	p, _ := w.Prepare(context.Background(), record.Barrier{Checkpoint: 2, Kind: record.CompletedPoint})
	c, _ := sink.Committer(context.Background(), plugin.Task{})
	if err := c.Recover(context.Background(), p.Commits); err != nil {
		t.Error(err)
	}
	if err := w.Write(context.Background(), batch(t, s, `[{"id": 1}]`)); err == nil || !plugin.IsPermanent(err) {
		t.Errorf("a subtask went over MAX_ROW unnoticed: %v", err)
	}
}

func TestRulesOfATable(t *testing.T) {
	t.Parallel()
	s := schema(t, "id int", "name string")
	const configs = `rules { row_rules = [ { rule_type = MAX_ROW, rule_value = 0 } ], tables_configs = [
  { table_path = db.t, row_rules = [ { rule_type = MAX_ROW, rule_value = 1 } ] } ] }`
	one := batch(t, s, `[{"id": 1}]`)
	for path, ok := range map[string]bool{"t": true, "other": false} {
		table := *s
		table.Path.Table = path
		sink, err := newSink(t, plugin.Job{Tables: []string{"db.t", "db.other"}}, &table, configs)
		if err != nil {
			t.Fatal(err)
		}
		w, _ := sink.Writer(context.Background(), plugin.Task{}, nil)
		if err := w.Write(context.Background(), one); (err == nil) != ok {
			t.Errorf("table %s: %v", path, err)
		}
	}
}

func TestPlanIsChecked(t *testing.T) {
	t.Parallel()
	length := int64(7)
	s := &record.Schema{
		Catalog: "Cat", Path: record.TablePath{Database: "db", Table: "t"},
		Columns:     []record.Column{{Name: "id", Type: record.Of(record.BigInt), NotNull: true}, {Name: "at", Type: record.Type{Kind: record.Timestamp, Scale: 9}}, {Name: "name", Type: record.Of(record.String), Length: &length, Default: "x", Comment: "c"}},
		PrimaryKey:  &record.PrimaryKey{Name: "pk", Columns: []string{"id", "name"}},
		Constraints: []record.ConstraintKey{{Name: "u", Kind: record.UniqueKey, Columns: []record.KeyColumn{{Name: "name"}, {Name: "id", Sort: "DESC"}}}},
	}
	catalog := func(rule string) string { return "rules { catalog_table_rule { " + rule + " } }" }
	field := func(rule string) string { return "rules { field_rules = [ { " + rule + " } ] }" }
	for _, c := range []struct{ rules, want string }{
		{"", `"rules"`},
		{"rules { }", "there is no rule"},
		{"rules { table-names = [db.t] }", ""},
		{"rules { table-names = [db.t, db.u] }", "the tables that arrive are db.t"},
		{"rules { tables_configs = [ { table_path = db.u } ] }", `no table "db.u" arrives`},
		{field("field_name = nam"), `did you mean "name"?`},
		{field("field_name = id, field_type = bigint"), ""},
		{field("field_name = at, field_type = timestamp"), ""},
		{field("field_name = id, field_type = int"), "the column is BIGINT"},
		{field("field_name = id, field_type = number"), "unknown type"},
		{field("field_name = name, field_value = [ { rule_type = MIN, rule_value = 1 } ]"), "MIN cannot be checked"},
		{field("field_name = name, field_value = [ { rule_type = MIN_LENGTH } ]"), "rule_value"},
		{field("field_name = id, field_value = [ { equals_to = x } ]"), "equals_to"},
		{field("field_name = id, field_value = [ { rule_type = BIG } ]"), "BIG"},
		{catalog("table_identifier_rule { catalog_name = Cat, table = db.t }"), ""},
		{catalog("table_identifier_rule { catalog_name = Dog }"), `the catalog must be "Dog"`},
		{catalog("table_identifier_rule { table = db.u }"), `the table must be "db.u"`},
		{catalog("primary_key_rule { primary_key_name = pk, primary_key_columns = [name, id] }"), ""},
		{catalog("primary_key_rule { primary_key_name = key }"), `must be called "key"`},
		{catalog("primary_key_rule { primary_key_columns = [id] }"), "its columns are id, name"},
		{catalog("constraint_key_rule = [ { constraint_key_name = u, constraint_key_type = UNIQUE_KEY, constraint_key_columns = [ { constraint_key_column_name = id, constraint_key_sort_type = DESC }, { constraint_key_column_name = name, constraint_key_sort_type = ASC } ] } ]"), ""},
		{catalog("constraint_key_rule = [ { constraint_key_name = u, constraint_key_type = INDEX_KEY } ]"), "must have the constraint key u"},
		{catalog("column_rule = [ { name = name, type = string, column_length = 7, nullable = true, default_value = x, comment = c }, { name = id, nullable = false } ]"), ""},
		{catalog("column_rule = [ { name = nme } ]"), `must have a column "nme"`},
		{catalog("column_rule = [ { name = id, nullable = true } ]"), "it is false"},
		{catalog("column_rule = [ { name = name, column_length = 8 } ]"), "it is 7"},
		{catalog("column_rule = [ { name = name, type = int } ]"), "the column is STRING"},
	} {
		_, err := newSink(t, plugin.Job{Tables: []string{"db.t"}}, s, c.rules)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", c.rules, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s gave %v, want %s", c.rules, err, c.want)
		}
	}
}
