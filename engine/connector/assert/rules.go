package assert

import (
	"fmt"

	"seikan/engine/job/hocon"
	"seikan/engine/option"
	"seikan/engine/record"
)

// rules are those of one table.
type rules struct {
	rows   []rowRule
	fields []fieldRule
}

// rowRule bounds the number of rows.
type rowRule struct {
	kind  string
	bound int64
}

func (r rowRule) Error() string { return fmt.Sprintf("%s = %d", r.kind, r.bound) }

// most returns the MAX_ROW rule that n rows break.
func (r rules) most(n int64) error {
	for _, rule := range r.rows {
		if rule.kind == maxRow && n > rule.bound {
			return rule
		}
	}
	return nil
}

// count returns the rule that a table of n rows breaks.
func (r rules) count(n int64) error {
	for _, rule := range r.rows {
		if rule.kind == minRow && n < rule.bound {
			return rule
		}
	}
	return r.most(n)
}

func parseRules(opts *option.Values, table *record.Schema) (rules, error) {
	var out rules
	for _, r := range opts.Objects("row_rules") {
		out.rows = append(out.rows, rowRule{r.String("rule_type"), r.Int("rule_value")})
	}
	for _, f := range opts.Objects("field_rules") {
		name := f.String("field_name")
		i := table.Index(name)
		if i < 0 {
			return out, f.Problem("field_name", "a column of the table", "table %s has no column %q%s", table.Table(), name, meant(name, table))
		}
		column := table.Columns[i].Type
		if f.Given("field_type") {
			if err := checkType(f, "field_type", column); err != nil {
				return out, err
			}
		}
		for _, v := range f.Objects("field_value") {
			rule, err := parseValue(v, name, column)
			if err != nil {
				return out, err
			}
			out.fields = append(out.fields, rule)
		}
	}
	return out, nil
}

func meant(name string, table *record.Schema) string {
	if near := option.Nearest(name, table.Names()); near != "" {
		return fmt.Sprintf("; did you mean %q?", near)
	}
	return ""
}

// checkType compares a type written in the rules with a column's.
func checkType(opts *option.Values, key string, have record.Type) error {
	want, err := typeOf(opts.Tree(key))
	if err != nil {
		return opts.Problem(key, "a type", "%v", err)
	}
	if !plain(want).Equal(plain(have)) {
		return opts.Problem(key, "the column is "+have.String(), "failed rule: the type must be %s", want)
	}
	return nil
}

func typeOf(v *hocon.Value) (record.Type, error) {
	if v.Scalar() {
		return record.ParseType(v.Text)
	}
	return record.ParseType(string(hocon.JSON(v)))
}

// plain drops what SeaTunnel's types do not tell apart: the digits after the second.
func plain(t record.Type) record.Type {
	if t.Kind.Temporal() {
		t.Scale = 0
	}
	if t.Key != nil {
		key := plain(*t.Key)
		t.Key = &key
	}
	if t.Elem != nil {
		elem := plain(*t.Elem)
		t.Elem = &elem
	}
	fields := make([]record.Field, len(t.Fields))
	for i, f := range t.Fields {
		fields[i] = record.Field{Name: f.Name, Type: plain(f.Type)}
	}
	t.Fields = fields
	return t
}
