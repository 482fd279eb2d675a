package job

import (
	"slices"
	"strings"

	"seikan/engine/job/hocon"
	"seikan/engine/record"
)

// ResolvePlaceholders returns a copy of a sink's options in which ${table_name} and the like
// stand for schema's table: in texts at the top level and in lists of one element there.
// excluded keys are left alone. A list that is only ${primary_key}, ${unique_key} or
// ${field_names} becomes the list of these names.
func ResolvePlaceholders(options *hocon.Value, schema *record.Schema, excluded []string) *hocon.Value {
	out := options.Clone()
	for _, e := range out.Fields {
		if slices.Contains(excluded, e.Key) {
			continue
		}
		switch v := e.Value; {
		case v.Kind == hocon.String:
			v.Text = resolveText(v.Text, schema)
		case v.Kind == hocon.List && len(v.Items) == 1 && v.Items[0].Kind == hocon.String:
			v.Items = resolveOnly(v.Items[0], schema)
		}
	}
	return out
}

// resolveOnly resolves the only element of a list.
func resolveOnly(item *hocon.Value, schema *record.Schema) []*hocon.Value {
	m := variable.FindStringSubmatch(item.Text)
	if m == nil || m[0] != item.Text || !slices.Contains([]string{"primary_key", "unique_key", "field_names"}, m[1]) {
		item.Text = resolveText(item.Text, schema)
		return []*hocon.Value{item}
	}
	names := keyNames(m[1], schema)
	if len(names) == 0 && len(m[2]) > 1 {
		names = strings.Split(m[2][1:], ",")
	}
	items := make([]*hocon.Value, len(names))
	for i, name := range names {
		items[i] = hocon.TextAt(item.Pos, strings.TrimSpace(name))
	}
	return items
}

func resolveText(text string, schema *record.Schema) string {
	return variable.ReplaceAllStringFunc(text, func(match string) string {
		m := variable.FindStringSubmatch(match)
		if !reserved(m[1]) {
			return match
		}
		value := tablePart(m[1], schema)
		if value == "" && m[2] != "" {
			value = m[2][1:]
		}
		return value
	})
}

func tablePart(name string, schema *record.Schema) string {
	path := schema.Path
	switch name {
	case "database_name":
		return path.Database
	case "schema_name":
		return path.Schema
	case "table_name":
		return path.Table
	case "schema_full_name":
		return record.TablePath{Database: path.Database, Schema: path.Schema}.String()
	case "table_full_name":
		return path.String()
	}
	return strings.Join(keyNames(name, schema), ",")
}

// keyNames lists the columns that name stands for; of several unique keys the first counts.
func keyNames(name string, schema *record.Schema) []string {
	switch name {
	case "primary_key":
		if schema.PrimaryKey != nil {
			return schema.PrimaryKey.Columns
		}
	case "unique_key":
		for _, key := range schema.Constraints {
			if key.Kind == record.UniqueKey {
				names := make([]string, len(key.Columns))
				for i, c := range key.Columns {
					names[i] = c.Name
				}
				return names
			}
		}
	case "field_names":
		return schema.Names()
	}
	return nil
}
