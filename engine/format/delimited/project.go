package delimited

import (
	"fmt"
	"strings"

	"seikan/engine/format/value"
	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// Content is the name of the only column when a job declares no schema.
const Content = "content"

// Project returns the schema of the rows a source reads, and the names of the fields of a line.
func Project(opts *option.Values, declared *record.Schema, columns []string, o value.Options) (rows *record.Schema, cells []string, err error) {
	if declared == nil {
		declared = &record.Schema{Columns: []record.Column{{Name: Content, Type: record.Of(record.String)}}}
		declared.Freeze()
	}
	if err := Supported(declared, o); err != nil {
		return nil, nil, err
	}
	cells = declared.Names()
	if len(columns) == 0 {
		return declared, cells, nil
	}
	picked := make([]record.Column, len(columns))
	for i, name := range columns {
		at := declared.Index(name)
		if at < 0 {
			return nil, nil, plugin.Permanent(fmt.Errorf("%s: column %q to be read is not in the schema, which has %s", opts.Owner(), name, strings.Join(cells, ", ")))
		}
		picked[i] = declared.Columns[at]
	}
	return declared.WithColumns(picked), cells, nil
}

// Supported tells why a schema's values cannot be written, nil when they can.
func Supported(schema *record.Schema, o value.Options) error {
	for _, c := range schema.Columns {
		if err := value.Supports(c.Type, o); err != nil {
			return plugin.Permanent(fmt.Errorf("column %q: %w", c.Name, err))
		}
	}
	return nil
}
