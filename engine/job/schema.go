package job

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"seikan/engine/job/hocon"
	"seikan/engine/option"
	"seikan/engine/record"
)

// ParseSchema reads the content of a schema block. The error is hocon.Problems, all at once.
func ParseSchema(v *hocon.Value) (*record.Schema, error) {
	p := &schemaParser{out: &record.Schema{}}
	if v.Kind != hocon.Object {
		p.fail(v.Pos, "expected { fields { … } }", "the schema is %s", v.Kind)
		return nil, p.problems
	}
	p.table(v)
	fields, columns := v.Lookup("fields"), v.Lookup("columns")
	switch {
	case fields != nil && columns != nil:
		p.fail(columns.KeyPos, `excludes "fields"`, "Schema config can't contains both [fields] and [columns], please correct your config first")
	case fields != nil:
		p.fields(fields.Value)
	case columns != nil:
		p.each(columns, p.column)
	default:
		p.fail(v.Pos, `expected "fields" or "columns"`, "the schema names no columns")
	}
	p.keys(v)
	if len(p.problems) > 0 {
		return nil, p.problems
	}
	return p.out.Freeze(), nil
}

type schemaParser struct {
	out      *record.Schema
	problems hocon.Problems
}

func (p *schemaParser) fail(pos hocon.Pos, label, format string, args ...any) {
	p.problems.Add(hocon.Problem{Code: codeSchema, Pos: pos, Label: label, Message: fmt.Sprintf(format, args...)})
}

func (p *schemaParser) table(v *hocon.Value) {
	if e := v.Lookup("comment"); e != nil {
		p.out.Comment = p.text(e)
	}
	schemaFirst := p.flag(v, "schema_first", false)
	if e := v.Lookup("table"); e != nil {
		path, err := record.ParseTablePath(p.text(e), schemaFirst)
		if err != nil {
			p.fail(e.Value.Pos, "", "%v", err)
		}
		p.out.Path = path
	}
}

// text is the text of a scalar entry.
func (p *schemaParser) text(e *hocon.Field) string {
	if !e.Value.Scalar() {
		p.fail(e.Value.Pos, "expected text", "%q is %s", e.Key, e.Value.Kind)
		return ""
	}
	if e.Value.Kind == hocon.Null {
		return ""
	}
	return e.Value.Text
}

func (p *schemaParser) flag(v *hocon.Value, key string, def bool) bool {
	e := v.Lookup(key)
	if e == nil {
		return def
	}
	switch strings.ToLower(e.Value.Text) {
	case "true":
		return true
	case "false":
		return false
	}
	p.fail(e.Value.Pos, "expected true or false", "%q is no boolean", key)
	return def
}

func (p *schemaParser) number(v *hocon.Value, key string) int64 {
	e := v.Lookup(key)
	if e == nil || e.Value.Kind == hocon.Null {
		return 0
	}
	n, err := strconv.ParseInt(e.Value.Text, 10, 64)
	if err != nil || n < 0 {
		p.fail(e.Value.Pos, "expected a whole number", "%q is no number of characters or digits", key)
	}
	return n
}

// fields reads fields { name = type }.
func (p *schemaParser) fields(v *hocon.Value) {
	if v.Kind != hocon.Object || len(v.Fields) == 0 {
		p.fail(v.Pos, "expected { name = type, … }", `"fields" names no columns`)
		return
	}
	for _, e := range v.Fields {
		if t, ok := p.columnType(e.Key, e.Value); ok {
			p.out.Columns = append(p.out.Columns, record.Column{Name: e.Key, Type: t})
		}
	}
}

// each calls read with the objects of a list.
func (p *schemaParser) each(list *hocon.Field, read func(*hocon.Value)) {
	if list.Value.Kind != hocon.List {
		p.fail(list.Value.Pos, "expected [ { … }, … ]", "%q is %s", list.Key, list.Value.Kind)
		return
	}
	for _, v := range list.Value.Items {
		if v.Kind != hocon.Object {
			p.fail(v.Pos, "expected { … }", "an element of %q is %s", list.Key, v.Kind)
			continue
		}
		read(v)
	}
}

// column reads an element of columns.
func (p *schemaParser) column(v *hocon.Value) {
	name, typ := p.need(v, "name"), v.Lookup("type")
	if typ == nil {
		p.fail(v.Pos, "", `column %q has no "type"`, name)
		return
	}
	t, ok := p.columnType(name, typ.Value)
	if !ok || name == "" {
		return
	}
	if p.out.Index(name) >= 0 {
		p.fail(v.Lookup("name").Value.Pos, "", "column %q appears twice", name)
		return
	}
	length := p.number(v, "columnLength")
	c := record.Column{Name: name, Type: t, NotNull: !p.flag(v, "nullable", true), Length: &length}
	if scale := int(p.number(v, "columnScale")); scale > 6 && scale <= 9 && t.Kind.Temporal() && t.Kind != record.Date && t.Scale == 0 {
		c.Type.Scale = scale
	}
	if e := v.Lookup("comment"); e != nil {
		c.Comment = p.text(e)
	}
	if e := v.Lookup("defaultValue"); e != nil {
		c.Default = p.plain(e)
	}
	p.out.Columns = append(p.out.Columns, c)
}

// need is the text of an entry that must be there.
func (p *schemaParser) need(v *hocon.Value, key string) string {
	e := v.Lookup(key)
	if e == nil {
		p.fail(v.Pos, "missing in this block", "%q must be given", key)
		return ""
	}
	text := p.text(e)
	if text == "" && e.Value.Scalar() {
		p.fail(e.Value.Pos, "expected text", "%q is empty", key)
	}
	return text
}

// plain is a scalar as record.Column has it.
func (p *schemaParser) plain(e *hocon.Field) any {
	text := e.Value.Text
	switch e.Value.Kind {
	case hocon.Null:
		return nil
	case hocon.Bool:
		return text == "true"
	case hocon.Number:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil {
			return n
		}
		if n, err := strconv.ParseFloat(text, 64); err == nil && len(text) <= 17 {
			return n
		}
		return text // keeps digits that a float has no room for
	}
	return p.text(e)
}

// columnType reads a type: text, or an object for a row.
func (p *schemaParser) columnType(name string, v *hocon.Value) (record.Type, bool) {
	switch {
	case v.Kind == hocon.Object:
		if len(v.Fields) == 0 {
			p.fail(v.Pos, "expected { name = type, … }", "the row type of %q has no fields", name)
			return record.Type{}, false
		}
		fields, good := make([]record.Field, 0, len(v.Fields)), true
		for _, e := range v.Fields {
			t, ok := p.columnType(name+"."+e.Key, e.Value)
			good = good && ok
			fields = append(fields, record.Field{Name: e.Key, Type: t})
		}
		return record.RowOf(fields...), good
	case v.Kind == hocon.Null:
		return record.Of(record.Null), true
	case v.Kind == hocon.List:
		p.fail(v.Pos, "expected a type", "the type of %q is a list", name)
		return record.Type{}, false
	}
	t, err := record.ParseType(v.Text)
	if err != nil {
		label, help := typeHint(err)
		p.problems.Add(hocon.Problem{Code: codeSchema, Pos: v.Pos, Label: label, Help: help,
			Message: fmt.Sprintf("ErrorCode:[COMMON-07], ErrorDescription:['SeaTunnel' unsupported data type '%s' of '%s']", v.Text, name)})
		return record.Type{}, false
	}
	return t, true
}

// otherNames are types that other systems know under names SeaTunnel does not.
var otherNames = map[string]string{
	"integer": "int", "int32": "int", "int64": "bigint", "varchar": "string", "char": "string", "text": "string",
	"bool": "boolean", "datetime": "timestamp", "numeric": "decimal(p,s)", "number": "decimal(p,s)", "real": "float",
	"blob": "bytes", "binary": "bytes", "varbinary": "bytes", "float32": "float", "float64": "double", "object": "{field = type, …}",
	"row": "{field = type, …}", "struct": "{field = type, …}", "list": "array<T>",
}

var unknownType = regexp.MustCompile(`unknown type "([^"]*)"`)

// typeHint says what may have been meant by a type that cannot be read.
func typeHint(err error) (label, help string) {
	m := unknownType.FindStringSubmatch(err.Error())
	if m == nil {
		_, detail, _ := strings.Cut(err.Error(), `": `)
		return detail, ""
	}
	words := record.TypeWords()
	near := otherNames[m[1]]
	if near == "" {
		near = option.Nearest(m[1], words)
	}
	if near != "" {
		label = fmt.Sprintf("did you mean %s?", near)
	}
	return label, "types are " + strings.Join(words, ", ")
}

// keys reads primaryKey and constraintKeys.
func (p *schemaParser) keys(v *hocon.Value) {
	known := len(p.problems) == 0 // with broken columns, missing ones prove nothing
	if e := v.Lookup("primaryKey"); e != nil {
		p.primaryKey(e.Value, known)
	}
	if e := v.Lookup("constraintKeys"); e != nil {
		p.each(e, func(v *hocon.Value) { p.constraint(v, known) })
	}
}

func (p *schemaParser) primaryKey(v *hocon.Value, known bool) {
	if v.Kind != hocon.Object {
		p.fail(v.Pos, "expected { name = pk, columnNames = [id] }", "primaryKey is %s", v.Kind)
		return
	}
	key := &record.PrimaryKey{}
	if e := v.Lookup("name"); e != nil {
		key.Name = p.text(e)
	}
	names := v.Lookup("columnNames")
	if names == nil {
		names = v.Lookup("columns") // as SeaTunnel's manual has it
	}
	if names == nil || names.Value.Kind != hocon.List || len(names.Value.Items) == 0 {
		p.fail(v.Pos, "expected columnNames = [id]", "primaryKey names no columns")
		return
	}
	for _, item := range names.Value.Items {
		p.exists(item.Text, item.Pos, known)
		key.Columns = append(key.Columns, item.Text)
	}
	p.out.PrimaryKey = key
}

func (p *schemaParser) exists(name string, pos hocon.Pos, known bool) {
	if known && p.out.Index(name) < 0 {
		label := ""
		if near := option.Nearest(name, p.out.Names()); near != "" {
			label = fmt.Sprintf("did you mean %q?", near)
		}
		p.fail(pos, label, "the schema has no column %q", name)
	}
}

func (p *schemaParser) constraint(v *hocon.Value, known bool) {
	key := record.ConstraintKey{Name: p.need(v, "constraintName")}
	kind := p.need(v, "constraintType")
	key.Kind = record.ConstraintKind(strings.ToUpper(kind))
	kinds := []record.ConstraintKind{record.IndexKey, record.UniqueKey, record.ForeignKey, record.VectorIndexKey}
	if kind != "" && !slices.Contains(kinds, key.Kind) {
		p.fail(v.Lookup("constraintType").Value.Pos, fmt.Sprintf("expected one of %v", kinds), "unknown constraintType %q", kind)
	}
	columns := v.Lookup("constraintColumns")
	if columns == nil {
		p.fail(v.Pos, "missing in this block", `"constraintColumns" must be given`)
		return
	}
	p.each(columns, func(c *hocon.Value) {
		column := record.KeyColumn{Name: p.need(c, "columnName"), Sort: "ASC"}
		if column.Name != "" {
			p.exists(column.Name, c.Lookup("columnName").Value.Pos, known)
		}
		if e := c.Lookup("sortType"); e != nil {
			if column.Sort = strings.ToUpper(p.text(e)); column.Sort != "ASC" && column.Sort != "DESC" {
				p.fail(e.Value.Pos, "expected ASC or DESC", "unknown sortType %q", e.Value.Text)
			}
		}
		key.Columns = append(key.Columns, column)
	})
	p.out.Constraints = append(p.out.Constraints, key)
}
