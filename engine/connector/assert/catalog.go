package assert

import (
	"fmt"
	"slices"
	"strings"

	"seikan/engine/option"
	"seikan/engine/record"
)

// checkCatalog compares the table with what the rules say of it.
func checkCatalog(opts *option.Values, table *record.Schema) error {
	if opts == nil {
		return nil
	}
	if r := opts.Object("table_identifier_rule"); r != nil {
		if r.Given("catalog_name") && r.String("catalog_name") != table.Catalog {
			return r.Problem("catalog_name", fmt.Sprintf("the catalog is %q", table.Catalog), "failed rule: the catalog must be %q", r.String("catalog_name"))
		}
		if r.Given("table") && r.String("table") != table.Table() {
			return r.Problem("table", fmt.Sprintf("the table is %q", table.Table()), "failed rule: the table must be %q", r.String("table"))
		}
	}
	if r := opts.Object("primary_key_rule"); r != nil {
		if err := checkPrimaryKey(r, table); err != nil {
			return err
		}
	}
	for _, r := range opts.Objects("constraint_key_rule") {
		if !slices.ContainsFunc(table.Constraints, func(k record.ConstraintKey) bool { return matches(r, k) }) {
			return r.Problem("constraint_key_name", "the table has "+describe(table.Constraints), "failed rule: table %s must have the constraint key %s", table.Table(), r.String("constraint_key_name"))
		}
	}
	for _, r := range opts.Objects("column_rule") {
		if err := checkColumn(r, table); err != nil {
			return err
		}
	}
	return nil
}

func checkPrimaryKey(r *option.Values, table *record.Schema) error {
	key := table.PrimaryKey
	if key == nil {
		return r.Problem("primary_key_columns", "it has none", "failed rule: table %s must have a primary key", table.Table())
	}
	if r.Given("primary_key_name") && r.String("primary_key_name") != key.Name {
		return r.Problem("primary_key_name", fmt.Sprintf("its name is %q", key.Name), "failed rule: the primary key of table %s must be called %q", table.Table(), r.String("primary_key_name"))
	}
	if r.Given("primary_key_columns") && !sameSet(r.List("primary_key_columns"), key.Columns) {
		return r.Problem("primary_key_columns", "its columns are "+strings.Join(key.Columns, ", "), "failed rule: the primary key of table %s must be %s", table.Table(), strings.Join(r.List("primary_key_columns"), ", "))
	}
	return nil
}

func matches(r *option.Values, k record.ConstraintKey) bool {
	if r.Given("constraint_key_name") && r.String("constraint_key_name") != k.Name ||
		r.Given("constraint_key_type") && r.String("constraint_key_type") != string(k.Kind) {
		return false
	}
	if !r.Given("constraint_key_columns") {
		return true
	}
	columns := r.Objects("constraint_key_columns")
	if len(columns) != len(k.Columns) {
		return false
	}
	for _, c := range columns {
		if !slices.ContainsFunc(k.Columns, func(have record.KeyColumn) bool {
			sort := have.Sort
			if sort == "" {
				sort = "ASC"
			}
			return have.Name == c.String("constraint_key_column_name") && (!c.Given("constraint_key_sort_type") || c.String("constraint_key_sort_type") == sort)
		}) {
			return false
		}
	}
	return true
}

func checkColumn(r *option.Values, table *record.Schema) error {
	name := r.String("name")
	i := table.Index(name)
	if i < 0 {
		return r.Problem("name", "its columns are "+strings.Join(table.Names(), ", "), "failed rule: table %s must have a column %q", table.Table(), name)
	}
	c := table.Columns[i]
	if r.Given("type") {
		if err := checkType(r, "type", c.Type); err != nil {
			return err
		}
	}
	if r.Given("nullable") && r.Bool("nullable") == c.NotNull {
		return r.Problem("nullable", fmt.Sprintf("it is %v", !c.NotNull), "failed rule: nullable of column %q", name)
	}
	length := int64(0)
	if c.Length != nil {
		length = *c.Length
	}
	if r.Given("column_length") && r.Int("column_length") != length {
		return r.Problem("column_length", fmt.Sprintf("it is %d", length), "failed rule: the length of column %q", name)
	}
	if have := text(c.Default); r.Given("default_value") && r.String("default_value") != have {
		return r.Problem("default_value", fmt.Sprintf("it is %q", have), "failed rule: the default of column %q", name)
	}
	if r.Given("comment") && r.String("comment") != c.Comment {
		return r.Problem("comment", fmt.Sprintf("it is %q", c.Comment), "failed rule: the comment of column %q", name)
	}
	return nil
}

func text(v any) string {
	if v == nil {
		return ""
	}
	return fmt.Sprint(v)
}

func sameSet(a, b []string) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return slices.Equal(a, b)
}

func describe(keys []record.ConstraintKey) string {
	if len(keys) == 0 {
		return "none"
	}
	names := make([]string, len(keys))
	for i, k := range keys {
		names[i] = k.Name
	}
	return strings.Join(names, ", ")
}
