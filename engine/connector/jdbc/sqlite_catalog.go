package jdbc

import (
	"context"
	"database/sql"
	"fmt"
	"strconv"
	"strings"

	"modernc.org/sqlite"

	"seikan/engine/record"
)

func (d sqliteDialect) describe(ctx context.Context, conn *sql.Conn, path record.TablePath) (*tableInfo, error) {
	const find = `SELECT name, type, wr FROM pragma_table_list WHERE schema = 'main' AND name = ? COLLATE NOCASE`
	var name, kind string
	var withoutRowID bool
	switch err := conn.QueryRowContext(ctx, find, path.Table).Scan(&name, &kind, &withoutRowID); {
	case err == sql.ErrNoRows:
		return nil, nil
	case err != nil:
		return nil, failed(d, err, find)
	}
	schema := &record.Schema{Catalog: d.name(), Path: path}
	key, err := d.columns(ctx, conn, name, schema)
	if err != nil {
		return nil, err
	}
	if len(key) > 0 {
		schema.PrimaryKey = &record.PrimaryKey{Columns: key}
		for i := range schema.Columns {
			// The alias of the row id and the keys of tables without one are never null.
			if c := &schema.Columns[i]; len(key) == 1 && c.Name == key[0] && strings.EqualFold(c.Source, "INTEGER") {
				c.NotNull = true
			}
		}
	}
	if err := d.indexes(ctx, conn, name, schema); err != nil {
		return nil, err
	}
	info := &tableInfo{schema: schema}
	if kind == "table" && !withoutRowID {
		info.rowID = freeName(schema, "rowid", "_rowid_", "oid")
	}
	return info, nil
}

// freeName is the first name that is not a column's.
func freeName(s *record.Schema, names ...string) string {
next:
	for _, n := range names {
		for _, c := range s.Columns {
			if strings.EqualFold(c.Name, n) {
				continue next
			}
		}
		return n
	}
	return ""
}

func (d sqliteDialect) columns(ctx context.Context, conn *sql.Conn, table string, s *record.Schema) (key []string, err error) {
	// hidden is 1 for the hidden columns of virtual tables, 2 and 3 for generated ones.
	const list = `SELECT name, type, "notnull", dflt_value, pk FROM pragma_table_xinfo(?) WHERE hidden <> 1 ORDER BY cid`
	rows, err := conn.QueryContext(ctx, list, table)
	if err != nil {
		return nil, failed(d, err, list)
	}
	defer rows.Close()
	var order []int
	for rows.Next() {
		var c record.Column
		var text sql.NullString
		var pk int
		if err := rows.Scan(&c.Name, &c.Source, &c.NotNull, &text, &pk); err != nil {
			return nil, failed(d, err, list)
		}
		c.Type, c.Length = sqliteType(c.Source)
		c.Default = sqliteDefault(text)
		s.Columns = append(s.Columns, c)
		if pk > 0 {
			for len(key) < pk {
				key = append(key, "")
			}
			key[pk-1] = c.Name
		}
		order = append(order, pk)
	}
	if err := rows.Err(); err != nil {
		return nil, failed(d, err, list)
	}
	if len(order) == 0 {
		return nil, fmt.Errorf("table %s has no columns", table)
	}
	return key, nil
}

func (d sqliteDialect) indexes(ctx context.Context, conn *sql.Conn, table string, s *record.Schema) error {
	const list = `SELECT i.name, i."unique", c.name, c."desc" FROM pragma_index_list(?) i, pragma_index_xinfo(i.name) c
WHERE i.partial = 0 AND i.origin <> 'pk' AND c.key = 1 ORDER BY i.seq, c.seqno`
	rows, err := conn.QueryContext(ctx, list, table)
	if err != nil {
		return failed(d, err, list)
	}
	defer rows.Close()
	var keys []record.ConstraintKey
	onExpression := map[string]bool{}
	for rows.Next() {
		var name string
		var unique, desc bool
		var column sql.NullString
		if err := rows.Scan(&name, &unique, &column, &desc); err != nil {
			return failed(d, err, list)
		}
		if !column.Valid {
			onExpression[name] = true
			continue
		}
		if len(keys) == 0 || keys[len(keys)-1].Name != name {
			keys = append(keys, record.ConstraintKey{Name: name, Kind: record.IndexKey})
		}
		k := &keys[len(keys)-1]
		if unique {
			k.Kind = record.UniqueKey
		}
		c := record.KeyColumn{Name: column.String, Sort: "ASC"}
		if desc {
			c.Sort = "DESC"
		}
		k.Columns = append(k.Columns, c)
	}
	for _, k := range keys {
		if !onExpression[k.Name] {
			s.Constraints = append(s.Constraints, k)
		}
	}
	if err := rows.Err(); err != nil {
		return failed(d, err, list)
	}
	return nil
}

// sampleRows is how many rows tell the type of a column that has none declared.
const sampleRows = 100

func (d sqliteDialect) describeQuery(ctx context.Context, conn *sql.Conn, query string) ([]queryColumn, error) {
	var infos []sqlite.ColumnInfo
	err := conn.Raw(func(driverConn any) (err error) {
		infos, err = driverConn.(interface {
			ColumnInfo(string) ([]sqlite.ColumnInfo, error)
		}).ColumnInfo(query)
		return err
	})
	if err != nil {
		return nil, failed(d, err, query)
	}
	out := make([]queryColumn, len(infos))
	var unknown []int
	for i, info := range infos {
		c := &out[i]
		c.Name, c.Source, c.table, c.column = info.Name, info.DeclType, info.TableName, info.OriginName
		if c.Type, c.Length = sqliteType(info.DeclType); info.DeclType == "" {
			unknown = append(unknown, i)
		}
	}
	if len(unknown) > 0 {
		return out, d.sample(ctx, conn, query, out, unknown)
	}
	return out, nil
}

// sample looks at the first rows for the types of expressions, which SQLite does not declare.
func (d sqliteDialect) sample(ctx context.Context, conn *sql.Conn, query string, columns []queryColumn, unknown []int) error {
	terms := make([]string, len(unknown))
	for i, c := range unknown {
		terms[i] = "typeof(tmp." + d.quote(columns[c].Name) + ")"
	}
	statement := fmt.Sprintf("SELECT %s FROM (%s) tmp LIMIT %d", strings.Join(terms, ", "), query, sampleRows)
	rows, err := conn.QueryContext(ctx, statement)
	if err != nil {
		return failed(d, err, statement)
	}
	defer rows.Close()
	found := make([]string, len(unknown))
	seen := make([]any, len(unknown))
	for i := range seen {
		seen[i] = new(string)
	}
	for rows.Next() {
		if err := rows.Scan(seen...); err != nil {
			return failed(d, err, statement)
		}
		for i := range found {
			found[i] = widest(found[i], *seen[i].(*string))
		}
	}
	for i, c := range unknown {
		columns[c].Type, _ = sqliteType(map[string]string{"integer": "BIGINT", "real": "DOUBLE", "blob": "BLOB"}[found[i]])
	}
	if err := rows.Err(); err != nil {
		return failed(d, err, statement)
	}
	return nil
}

// widest is a storage class that holds the values of two.
func widest(a, b string) string {
	switch {
	case a == "" || a == "null" || a == b:
		return b
	case b == "null":
		return a
	case a != "text" && a != "blob" && b != "text" && b != "blob":
		return "real"
	}
	return "text"
}

// sqliteType is the type of a column by its declared type, else by the affinity SQLite itself
// gives it (https://sqlite.org/datatype3.html, 3.1). Without a declared type it is STRING.
func sqliteType(declared string) (record.Type, *int64) {
	base, args, _ := strings.Cut(strings.ToUpper(declared), "(")
	args, tail, _ := strings.Cut(args, ")")
	words := strings.Fields(base + " " + tail)
	unsigned := len(words) > 1 && words[len(words)-1] == "UNSIGNED"
	if unsigned {
		words = words[:len(words)-1]
	}
	name := strings.Join(words, " ")
	var numbers []int
	for _, a := range strings.Split(args, ",") {
		if n, err := strconv.Atoi(strings.TrimSpace(a)); err == nil {
			numbers = append(numbers, n)
		}
	}
	var length *int64
	if len(numbers) == 1 {
		n := int64(numbers[0])
		length = &n
	}
	switch name {
	case "BOOLEAN", "BOOL", "BIT":
		return record.Of(record.Boolean), nil
	case "TINYINT", "INT1":
		return wider(record.TinyInt, unsigned), nil
	case "SMALLINT", "INT2":
		return wider(record.SmallInt, unsigned), nil
	case "INT", "INT4", "MEDIUMINT":
		return wider(record.Int, unsigned), nil
	case "BIGINT", "INT8", "INTEGER":
		return wider(record.BigInt, unsigned), nil
	case "REAL", "DOUBLE", "DOUBLE PRECISION", "FLOAT":
		return record.Of(record.Double), nil
	case "NUMERIC", "DECIMAL", "DEC", "NUMBER", "DECIMAL_TEXT":
		return decimalType(numbers), nil
	case "DATE":
		return record.Of(record.Date), nil
	case "TIME":
		return temporalType(record.Time, numbers), nil
	case "DATETIME", "TIMESTAMP", "TIMESTAMP WITHOUT TIME ZONE":
		return temporalType(record.Timestamp, numbers), nil
	case "TIMESTAMP_TZ", "TIMESTAMPTZ", "TIMESTAMP WITH TIME ZONE":
		return temporalType(record.TimestampTZ, numbers), nil
	case "BINARY", "VARBINARY":
		return record.Of(record.Bytes), length
	case "":
		return record.Of(record.String), nil
	}
	has := func(part string) bool { return strings.Contains(name, part) }
	switch {
	case has("INT"):
		return record.Of(record.BigInt), nil
	case has("CHAR"), has("CLOB"), has("TEXT"):
		return record.Of(record.String), length
	case has("BLOB"):
		return record.Of(record.Bytes), length
	case has("REAL"), has("FLOA"), has("DOUB"):
		return record.Of(record.Double), nil
	}
	// Names SQLite does not know have numeric affinity, which keeps texts: UUID, JSON, STRING.
	return record.Of(record.String), length
}

func wider(k record.Kind, unsigned bool) record.Type {
	switch {
	case !unsigned:
		return record.Of(k)
	case k == record.BigInt:
		return record.DecimalOf(20, 0)
	}
	return record.Of(k + 1)
}

func decimalType(numbers []int) record.Type {
	p, s := 38, 18
	if len(numbers) > 0 {
		p, s = numbers[0], 0
	}
	if len(numbers) > 1 {
		s = numbers[1]
	}
	if p < 1 || p > 38 || s < 0 || s > p {
		p, s = 38, 18
	}
	return record.DecimalOf(p, s)
}

func temporalType(k record.Kind, numbers []int) record.Type {
	t := record.Of(k)
	if len(numbers) == 1 && numbers[0] >= 0 && numbers[0] <= 9 {
		t.Scale = numbers[0]
	}
	return t
}

// sqliteDefault is a column's default when it is a plain text or number.
func sqliteDefault(text sql.NullString) any {
	s := text.String
	if !text.Valid {
		return nil
	}
	if n := len(s); n > 1 && s[0] == '\'' && s[n-1] == '\'' {
		return strings.ReplaceAll(s[1:n-1], "''", "'")
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return f
	}
	return nil
}

// exactDigits is how many decimal digits SQLite keeps of a number.
const exactDigits = 15

func (d sqliteDialect) declare(c record.Column) (string, error) {
	t := c.Type
	switch t.Kind {
	case record.String, record.Null:
		return "TEXT", nil
	case record.Boolean, record.TinyInt, record.SmallInt, record.Int, record.Float, record.Double, record.Date:
		return t.Kind.String(), nil
	case record.BigInt:
		return "INTEGER", nil // alone in a key it is the row id, which is the fastest key
	case record.Decimal:
		if t.Precision > exactDigits {
			return fmt.Sprintf("DECIMAL_TEXT(%d,%d)", t.Precision, t.Scale), nil // TEXT affinity keeps every digit
		}
		return fmt.Sprintf("DECIMAL(%d,%d)", t.Precision, t.Scale), nil
	case record.Bytes:
		return "BLOB", nil
	case record.Time, record.Timestamp, record.TimestampTZ:
		if t.Scale > 0 {
			return fmt.Sprintf("%s(%d)", t.Kind, t.Scale), nil
		}
		return t.Kind.String(), nil
	}
	return "", fmt.Errorf("column %s: SQLite has no type for %s; leave the column out or turn it into text in a transform", c.Name, t)
}
