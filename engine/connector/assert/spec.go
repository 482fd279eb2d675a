// Package assert is the Assert sink: it checks a job's rows, their number and their table
// against rules, and fails the job when one does not hold.
package assert

import (
	"seikan/engine/option"
	"seikan/engine/plugin"
)

func init() {
	plugin.RegisterSink(&plugin.SinkFactory{
		Spec: spec, MultiTable: true, Committer: true, New: open,
		Guarantee: func(*option.Values) plugin.Guarantee { return plugin.Idempotent },
	})
}

var spec = &option.Spec{
	Name:    "Assert",
	Summary: "Checks rows, row counts and tables against rules; fails the job when one does not hold.",
	Doc: "Field rules are checked row by row, catalog rules when the job is planned. Rows are counted over all " +
		"subtasks and judged once, at the end of the job; more rows in one subtask than `MAX_ROW` allows fail at once. " +
		"The count is part of the checkpoint, so a restored job goes on counting. A job that never ends is not judged for `MIN_ROW`.\n\n" +
		"A null value fails MIN, MAX, MIN_LENGTH and MAX_LENGTH; `equals_to` passes it, add NOT_NULL. Tables that " +
		"`tables_configs` does not name are held to the rules beside it.",
	Options: []option.Option{{
		Key: "rules", Type: option.Object,
		Fields: append([]option.Option{
			{Key: "tables_configs", Type: option.Objects, Rules: []option.Rule{option.Required("table_path")},
				Fields: append([]option.Option{{Key: "table_path", Type: option.String, Doc: "Full path of the table the rules are for."}}, ruleOptions...),
				Doc:    "Rules of single tables."},
			{Key: "table-names", Type: option.List, Doc: "The paths of exactly the tables that must arrive."},
		}, ruleOptions...),
		Doc: "What must hold.",
	}},
	Rules: []option.Rule{option.Required("rules")},
	Example: `Assert {
  plugin_input = "fake"
  rules {
    row_rules = [ { rule_type = MIN_ROW, rule_value = 5 }, { rule_type = MAX_ROW, rule_value = 5 } ]
    field_rules = [ { field_name = id, field_type = bigint, field_value = [ { rule_type = NOT_NULL }, { rule_type = MIN, rule_value = 1 } ] } ]
  }
}`,
}

const (
	maxRow    = "MAX_ROW"
	minRow    = "MIN_ROW"
	isNull    = "NULL"
	notNull   = "NOT_NULL"
	least     = "MIN"
	most      = "MAX"
	minLength = "MIN_LENGTH"
	maxLength = "MAX_LENGTH"
)

// ruleOptions are the rules of one table.
var ruleOptions = []option.Option{
	{Key: "row_rules", Type: option.Objects, Doc: "Bounds of the number of rows.", Rules: []option.Rule{option.Required("rule_type", "rule_value")},
		Fields: []option.Option{
			{Key: "rule_type", Type: option.Enum, Choices: []string{maxRow, minRow}, Doc: "Which bound."},
			{Key: "rule_value", Type: option.Long, Doc: "Number of rows."},
		}},
	{Key: "field_rules", Type: option.Objects, Doc: "What every value of a column must be.", Rules: []option.Rule{option.Required("field_name")},
		Fields: []option.Option{
			{Key: "field_name", Type: option.String, Doc: "The column."},
			{Key: "field_type", Type: option.Any, Doc: "Its type, as a schema writes it."},
			{Key: "field_value", Type: option.Objects, Doc: "What its values must be; all of it must hold.", Rules: []option.Rule{
				option.OneOf("rule_type", "equals_to"),
				option.RequiredIf("rule_type", []string{least, most, minLength, maxLength}, "rule_value"),
			}, Fields: []option.Option{
				{Key: "rule_type", Type: option.Enum, Choices: []string{isNull, notNull, least, most, minLength, maxLength}, Doc: "Kind of rule."},
				{Key: "rule_value", Type: option.Double, Doc: "Bound of MIN, MAX, MIN_LENGTH and MAX_LENGTH, itself allowed."},
				{Key: "equals_to", Type: option.Any, Doc: "The value, read as JSON by the column's type."},
			}},
		}},
	{Key: "catalog_table_rule", Type: option.Object, Doc: "What the table must be. Only what is written is checked; the order does not matter.", Fields: catalogOptions},
}

var catalogOptions = []option.Option{
	{Key: "primary_key_rule", Type: option.Object, Doc: "The primary key.", Fields: []option.Option{
		{Key: "primary_key_name", Type: option.String, Doc: "Its name."},
		{Key: "primary_key_columns", Type: option.List, Doc: "Its columns."},
	}},
	{Key: "constraint_key_rule", Type: option.Objects, Doc: "Constraint keys the table must have.", Fields: []option.Option{
		{Key: "constraint_key_name", Type: option.String, Doc: "The key's name."},
		{Key: "constraint_key_type", Type: option.Enum, Choices: []string{"INDEX_KEY", "UNIQUE_KEY", "FOREIGN_KEY", "VECTOR_INDEX_KEY"}, Doc: "Its kind."},
		{Key: "constraint_key_columns", Type: option.Objects, Doc: "Its columns.", Fields: []option.Option{
			{Key: "constraint_key_column_name", Type: option.String, Doc: "The column."},
			{Key: "constraint_key_sort_type", Type: option.Enum, Choices: []string{"ASC", "DESC"}, Doc: "Its order."},
		}},
	}},
	{Key: "column_rule", Type: option.Objects, Doc: "Columns the table must have.", Rules: []option.Rule{option.Required("name")}, Fields: []option.Option{
		{Key: "name", Type: option.String, Doc: "The column."},
		{Key: "type", Type: option.Any, Doc: "Its type."},
		{Key: "column_length", Type: option.Long, Doc: "Its length."},
		{Key: "nullable", Type: option.Bool, Doc: "Whether it may be null."},
		{Key: "default_value", Type: option.String, Doc: "Its default, as text."},
		{Key: "comment", Type: option.String, Doc: "Its comment."},
	}},
	{Key: "table_identifier_rule", Type: option.Object, Doc: "The table's name.", Fields: []option.Option{
		{Key: "catalog_name", Type: option.String, Doc: "The catalog's name."},
		{Key: "table", Type: option.String, Doc: "The full path."},
	}},
}
