package record

import (
	"fmt"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"
)

// TablePath names a table. Empty parts are absent.
type TablePath struct{ Database, Schema, Table string }

// ParseTablePath splits a dotted name: table, database.table (schema.table when
// schemaFirst) or database.schema.table.
func ParseTablePath(text string, schemaFirst bool) (TablePath, error) {
	parts := strings.Split(text, ".")
	switch {
	case text == "":
		return TablePath{}, nil
	case len(parts) == 1:
		return TablePath{Table: parts[0]}, nil
	case len(parts) == 2 && schemaFirst:
		return TablePath{Schema: parts[0], Table: parts[1]}, nil
	case len(parts) == 2:
		return TablePath{Database: parts[0], Table: parts[1]}, nil
	case len(parts) == 3:
		return TablePath{Database: parts[0], Schema: parts[1], Table: parts[2]}, nil
	}
	return TablePath{}, fmt.Errorf("table path %q has %d parts; expected table, database.table or database.schema.table", text, len(parts))
}

// String joins the parts that are present with dots.
func (p TablePath) String() string {
	parts := make([]string, 0, 3)
	for _, s := range []string{p.Database, p.Schema, p.Table} {
		if s != "" {
			parts = append(parts, s)
		}
	}
	return strings.Join(parts, ".")
}

// Column describes one column of a table.
type Column struct {
	Name    string
	Type    Type
	NotNull bool
	Length  *int64 // declared length in characters or bytes, nil when unknown
	Default any    // nil, string, bool, int64 or float64, as written
	Comment string
	Source  string // the type's name in the system it came from
}

// PrimaryKey is a table's primary key.
type PrimaryKey struct {
	Name    string
	Columns []string
}

// ConstraintKind is the kind of a ConstraintKey, in SeaTunnel's words.
type ConstraintKind string

// The constraint kinds a schema may declare.
const (
	IndexKey       ConstraintKind = "INDEX_KEY"
	UniqueKey      ConstraintKind = "UNIQUE_KEY"
	ForeignKey     ConstraintKind = "FOREIGN_KEY"
	VectorIndexKey ConstraintKind = "VECTOR_INDEX_KEY"
)

// ConstraintKey is an index or a unique key.
type ConstraintKey struct {
	Name    string
	Kind    ConstraintKind
	Columns []KeyColumn
}

// KeyColumn is a column of a ConstraintKey; Sort is ASC or DESC.
type KeyColumn struct{ Name, Sort string }

// Schema describes one table's rows. It is immutable once it flows: a change
// makes a new Schema with a higher Version.
type Schema struct {
	Catalog       string
	Path          TablePath
	Columns       []Column
	PrimaryKey    *PrimaryKey
	Constraints   []ConstraintKey
	PartitionKeys []string
	Comment       string
	Options       map[string]string
	Version       int

	arrow *arrow.Schema
}

// Table is the table's identity in a multi-table job: its full path.
func (s *Schema) Table() string { return s.Path.String() }

// Index returns the position of the column called name, or -1.
func (s *Schema) Index(name string) int {
	return slices.IndexFunc(s.Columns, func(c Column) bool { return c.Name == name })
}

// Names lists the column names in order.
func (s *Schema) Names() []string {
	out := make([]string, len(s.Columns))
	for i, c := range s.Columns {
		out[i] = c.Name
	}
	return out
}

// Arrow returns the Arrow schema of the table's batches. It is made once; call
// it before sharing s between goroutines (plugins get schemas already frozen).
func (s *Schema) Arrow() *arrow.Schema {
	if s.arrow == nil {
		fields := make([]arrow.Field, len(s.Columns))
		for i, c := range s.Columns {
			fields[i] = arrow.Field{Name: c.Name, Type: c.Type.Arrow(), Nullable: true}
		}
		s.arrow = arrow.NewSchema(fields, nil)
	}
	return s.arrow
}

// Freeze makes the Arrow schema and returns s, ready to be shared.
func (s *Schema) Freeze() *Schema { s.Arrow(); return s }

// WithColumns returns a copy with other columns; keys whose columns are gone
// are dropped.
func (s *Schema) WithColumns(columns []Column) *Schema {
	out := *s
	out.arrow = nil
	out.Columns = columns
	if s.PrimaryKey != nil && !out.hasAll(s.PrimaryKey.Columns) {
		out.PrimaryKey = nil
	}
	out.Constraints = nil
	for _, k := range s.Constraints {
		names := make([]string, len(k.Columns))
		for i, c := range k.Columns {
			names[i] = c.Name
		}
		if out.hasAll(names) {
			out.Constraints = append(out.Constraints, k)
		}
	}
	return out.Freeze()
}

// SameRow reports whether both schemas have the same column names and types in
// the same order, which a union of inputs demands.
func (s *Schema) SameRow(o *Schema) bool {
	return slices.EqualFunc(s.Columns, o.Columns, func(a, b Column) bool {
		return a.Name == b.Name && a.Type.Equal(b.Type)
	})
}

func (s *Schema) hasAll(names []string) bool {
	for _, n := range names {
		if s.Index(n) < 0 {
			return false
		}
	}
	return true
}
