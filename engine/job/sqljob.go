package job

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"seikan/engine/job/hocon"
	"seikan/engine/option"
)

// parseSQL turns a SQL job into the tree that the same job has in HOCON. The error is Problems.
func parseSQL(f *File, opts hocon.Options) (*hocon.Value, error) {
	opts.PluginSections = false
	j := &sqlJob{file: f, opts: opts, tables: map[string]*sqlTable{}}
	j.scanner = &sqlScanner{file: f.Name, text: f.Text, line: 1, col: 1}
	switch {
	case !utf8.Valid(f.Text):
		j.fail(j.scanner.here(1), "", "the text is not valid UTF-8")
		return nil, j.problems
	case len(f.Text) > maxFile:
		j.fail(j.scanner.here(1), "", "the job has more than %d MiB of text", maxFile>>20)
		return nil, j.problems
	}
	j.scanner.scan()
	if j.problems = j.scanner.problems; len(j.problems) > 0 {
		return nil, j.problems // an open quote leaves no statement to trust
	}
	env := j.env()
	for _, statement := range j.scanner.statements {
		j.statement(statement)
	}
	if len(j.problems) == 0 {
		j.whole()
	}
	if len(j.problems) > 0 {
		return nil, j.problems
	}
	root := &hocon.Value{Kind: hocon.Object, Pos: env.Pos}
	root.Set("env", env.Pos, env)
	for _, section := range []struct {
		name    string
		plugins []*hocon.Value
	}{{"source", j.source}, {"transform", j.transform}, {"sink", j.sink}} {
		root.Set(section.name, env.Pos, &hocon.Value{Kind: hocon.List, Items: section.plugins, Pos: env.Pos})
	}
	return root, nil
}

type sqlJob struct {
	file     *File
	opts     hocon.Options
	scanner  *sqlScanner
	problems hocon.Problems

	tables                  map[string]*sqlTable
	sinks                   []*sqlTable
	reads                   []sqlToken // the tables in FROM
	source, transform, sink []*hocon.Value
	temps                   int
	inserts                 int
}

// sqlTable is a declared table: a source, a sink or the result of a select.
type sqlTable struct {
	sink   *hocon.Value // of a sink: its block, without an input
	name   sqlToken
	used   bool
	broken bool // its statement has been complained of
}

func (j *sqlJob) fail(pos hocon.Pos, label, format string, args ...any) {
	j.problems.Add(hocon.Problem{Code: codeSQL, Pos: pos, Label: label, Message: fmt.Sprintf(format, args...)})
}

func (j *sqlJob) unsupported(statement []sqlToken, at sqlToken, label string) {
	text := []rune(strings.Join(strings.Fields(j.scanner.slice(statement)), " "))
	if len(text) > 200 {
		text = append(text[:200], '…')
	}
	j.fail(at.pos, label, "Unsupported SQL syntax: %s", string(text))
}

// env reads the config block: env { … }, or what stands in env.
func (j *sqlJob) env() *hocon.Value {
	empty := &hocon.Value{Kind: hocon.Object, Pos: hocon.Pos{File: j.file.Name, Line: 1, Col: 1, EndCol: 1}}
	if j.scanner.configAt.Line == 0 {
		return empty
	}
	opts := j.opts
	opts.Start = j.scanner.configAt
	root, err := hocon.Parse(j.file.Name, j.scanner.config, opts)
	if err != nil {
		j.problems.AddErr(opts.Start, err)
		return empty
	}
	if root.Kind != hocon.Object {
		j.fail(root.Pos, "expected env { … }", "the config block is %s", root.Kind)
		return empty
	}
	env := root.Get("env")
	if env == nil {
		return root
	}
	for _, e := range root.Fields {
		if e.Key == "source" || e.Key == "transform" || e.Key == "sink" {
			j.file.Warnings.Add(hocon.Problem{Code: codeSQL, Pos: e.KeyPos, Warning: true, Message: fmt.Sprintf("%q in the config block is not read", e.Key),
				Help: "declare it with CREATE TABLE"})
		}
	}
	return env.Value
}

func (j *sqlJob) statement(s []sqlToken) {
	switch {
	case len(s) > 2 && s[0].is("CREATE") && s[1].is("TABLE"):
		j.create(s)
	case len(s) > 2 && s[0].is("INSERT") && s[1].is("INTO"):
		j.insert(s)
	default:
		j.unsupported(s, s[0], "expected CREATE TABLE or INSERT INTO")
	}
}

// tableName reads a name, of several parts with dots between them, and returns what follows.
func tableName(s []sqlToken) (sqlToken, []sqlToken, bool) {
	if len(s) == 0 || !s[0].name() {
		return sqlToken{}, s, false
	}
	name := s[0]
	for s = s[1:]; len(s) > 0 && s[0].name() && s[0].from == name.to; s = s[1:] {
		name.text += s[0].text
		name.to, name.pos.EndCol = s[0].to, s[0].pos.EndCol
	}
	return name, s, true
}

// create reads what follows CREATE TABLE.
func (j *sqlJob) create(s []sqlToken) {
	rest := s[2:]
	if len(rest) > 3 && rest[0].is("IF") && rest[1].is("NOT") && rest[2].is("EXISTS") {
		rest = rest[3:]
	}
	name, rest, ok := tableName(rest)
	if !ok {
		j.unsupported(s, s[2], "expected a table's name")
		return
	}
	if _, twice := j.tables[name.text]; twice {
		j.fail(name.pos, "", "Table name duplicate: %s", name.text)
		return
	}
	table := &sqlTable{name: name, broken: true}
	j.tables[name.text] = table
	if len(rest) > 0 && rest[0].kind == '(' {
		rest = rest[closing(rest):] // the columns mean nothing to a job
	}
	switch {
	case len(rest) > 1 && rest[0].is("AS") && rest[1].is("SELECT"):
		if from, ok := j.from(s, rest[1:]); ok {
			table.broken = false
			j.addSelect(rest[1:], from, name.text, name.pos)
		}
	case len(rest) > 1 && rest[0].is("WITH") && rest[1].kind == '(':
		j.connector(s, table, rest[2:])
	default:
		at := s[len(s)-1]
		if len(rest) > 0 {
			at = rest[0]
		}
		j.unsupported(s, at, "expected WITH (…) or AS SELECT …")
	}
}

// closing is the number of tokens up to and with the one that closes the bracket s begins with.
func closing(s []sqlToken) int {
	depth := 0
	for i, t := range s {
		switch t.kind {
		case '(':
			depth++
		case ')':
			if depth--; depth == 0 {
				return i + 1
			}
		}
	}
	return len(s)
}

// connector reads 'key'='value', … ) and declares a source or a sink.
func (j *sqlJob) connector(s []sqlToken, table *sqlTable, rest []sqlToken) {
	name := table.name
	block := &hocon.Value{Kind: hocon.Object, Pos: name.pos}
	for len(rest) > 0 && rest[0].kind != ')' {
		if len(rest) < 4 || rest[0].kind != sqlText || rest[1].kind != '=' || rest[2].kind != sqlText || rest[3].kind != ',' && rest[3].kind != ')' {
			j.unsupported(s, rest[0], "expected 'key'='value' and a comma or )")
			return
		}
		key, value := rest[0], rest[2]
		if block.Get(key.text) != nil {
			j.fail(key.pos, "", "option '%s' is given twice", key.text)
		}
		block.Set(key.text, key.pos, j.value(value))
		if rest = rest[3:]; rest[0].kind == ',' {
			rest = rest[1:]
		}
	}
	if len(rest) != 1 {
		at := s[len(s)-1]
		if len(rest) > 1 {
			at = rest[1]
		}
		j.unsupported(s, at, "expected ) and ; after the options")
		return
	}
	take := func(key string) *hocon.Field {
		i := slices.IndexFunc(block.Fields, func(e *hocon.Field) bool { return e.Key == key })
		if i < 0 {
			j.fail(name.pos, "", "table %s has no option '%s'", name.text, key)
			return nil
		}
		e := block.Fields[i]
		block.Fields = slices.Delete(block.Fields, i, i+1)
		return e
	}
	connector, kind := take("connector"), take("type")
	if connector == nil || kind == nil {
		return
	}
	block.Fields = slices.Insert(block.Fields, 0, &hocon.Field{Key: pluginName, KeyPos: connector.KeyPos, Value: connector.Value})
	switch strings.ToLower(kind.Value.Text) {
	case "source":
		block.Set("result_table_name", name.pos, hocon.TextAt(name.pos, name.text))
		j.source = append(j.source, block)
	case "sink":
		table.sink = block
		j.sinks = append(j.sinks, table)
	default:
		j.fail(kind.Value.Pos, "expected 'source' or 'sink'", "table %s has the type '%s'", name.text, kind.Value.Text)
		return
	}
	table.broken = false
}

// value is an option's value: HOCON when it begins as an object or a list does.
func (j *sqlJob) value(t sqlToken) *hocon.Value {
	inner := strings.TrimLeft(t.text, " \t\r\n")
	if !strings.HasPrefix(inner, "{") && !strings.HasPrefix(inner, "[") {
		return hocon.TextAt(t.pos, t.text)
	}
	opts := j.opts
	opts.Start = t.pos
	opts.Start.Col++
	v, err := hocon.Parse(j.file.Name, []byte(t.text), opts)
	if err != nil {
		var problems hocon.Problems
		problems.AddErr(t.pos, err)
		for _, p := range problems {
			t.undouble(&p.Pos)
			j.problems.Add(p)
		}
		return hocon.TextAt(t.pos, t.text)
	}
	t.undoubleAll(v)
	return v
}

// undouble corrects a column behind doubled quotes, which HOCON sees as one.
func (t sqlToken) undouble(p *hocon.Pos) {
	for _, d := range t.doubled {
		if d.Line == p.Line && p.Col > d.Col {
			p.Col++
		}
		if d.Line == p.Line && p.EndCol > d.Col {
			p.EndCol++
		}
	}
}

func (t sqlToken) undoubleAll(v *hocon.Value) {
	if len(t.doubled) == 0 {
		return
	}
	t.undouble(&v.Pos)
	for _, item := range v.Items {
		t.undoubleAll(item)
	}
	for _, e := range v.Fields {
		t.undouble(&e.KeyPos)
		t.undoubleAll(e.Value)
	}
}

// from finds the table that a select reads.
func (j *sqlJob) from(s, query []sqlToken) (sqlToken, bool) {
	depth := 0
	for i, t := range query {
		switch {
		case t.kind == '(':
			depth++
		case t.kind == ')':
			depth--
		case depth == 0 && t.is("FROM"):
			name, _, ok := tableName(query[i+1:])
			if !ok {
				j.unsupported(s, t, "expected a table's name after it")
				return name, false
			}
			j.reads = append(j.reads, name)
			return name, true
		}
	}
	j.unsupported(s, query[0], "expected SELECT … FROM table")
	return sqlToken{}, false
}

// addSelect adds the Sql transform that makes result out of the table from.
func (j *sqlJob) addSelect(query []sqlToken, from sqlToken, result string, at hocon.Pos) {
	block := &hocon.Value{Kind: hocon.Object, Pos: query[0].pos}
	block.Set(pluginName, query[0].pos, hocon.TextAt(query[0].pos, "Sql"))
	block.Set("source_table_name", from.pos, hocon.TextAt(from.pos, from.text))
	block.Set("result_table_name", at, hocon.TextAt(at, result))
	block.Set("query", query[0].pos, hocon.TextAt(query[0].pos, j.scanner.slice(query)))
	j.transform = append(j.transform, block)
}

// insert reads what follows INSERT INTO.
func (j *sqlJob) insert(s []sqlToken) {
	j.inserts++
	name, query, ok := tableName(s[2:])
	switch {
	case !ok:
		j.unsupported(s, s[2], "expected a table's name")
		return
	case len(query) > 0 && query[0].kind == '(':
		j.unsupported(s, query[0], "a list of columns is not supported; select all columns in the sink's order")
		return
	case len(query) < 2 || !query[0].is("SELECT"):
		j.unsupported(s, s[len(s)-1], "expected INSERT INTO sink SELECT … FROM table")
		return
	}
	table, known := j.tables[name.text]
	if known && table.broken {
		return
	}
	if !known || table.sink == nil {
		j.fail(name.pos, j.meant(name.text, true), "The sink table[%s] is not found", name.text)
		return
	}
	table.used = true
	input, rest, _ := tableName(query[1:])
	if len(rest) == 0 && input.text != "" {
		j.reads = append(j.reads, input)
	} else {
		from, ok := j.from(s, query)
		if !ok {
			return
		}
		j.temps++
		input = sqlToken{text: fmt.Sprintf("%s__temp%d", from.text, j.temps), pos: from.pos}
		j.addSelect(query, from, input.text, query[0].pos)
	}
	sink := table.sink.Clone()
	sink.Set("source_table_name", input.pos, hocon.TextAt(input.pos, input.text))
	j.sink = append(j.sink, sink)
}

// meant suggests a table, a sink or not, for a name that is not known.
func (j *sqlJob) meant(name string, sink bool) string {
	var names []string
	for known, t := range j.tables {
		if (t.sink != nil) == sink {
			names = append(names, known)
		}
	}
	slices.Sort(names)
	if near := option.Nearest(name, names); near != "" {
		return fmt.Sprintf("did you mean %s?", near)
	}
	return ""
}

// whole checks what only all statements together show.
func (j *sqlJob) whole() {
	top := hocon.Pos{File: j.file.Name, Line: 1, Col: 1, EndCol: 2}
	if len(j.source) == 0 {
		j.fail(top, "", "The SQL config must contain at least one source table")
	}
	if j.inserts == 0 {
		j.fail(top, "", "The SQL config must contain `INSERT INTO ... SELECT ...` syntax")
	}
	for _, name := range j.reads {
		if t, ok := j.tables[name.text]; !ok || t.sink != nil {
			j.fail(name.pos, j.meant(name.text, false), "The source table[%s] is not found", name.text)
		}
	}
	for _, t := range j.sinks {
		if !t.used {
			j.file.Warnings.Add(hocon.Problem{Code: codeSQL, Pos: t.name.pos, Warning: true, Message: fmt.Sprintf("nothing is inserted into sink table %s", t.name.text)})
		}
	}
}
