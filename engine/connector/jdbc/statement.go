package jdbc

import (
	"context"
	"database/sql/driver"
	"fmt"
	"strings"
)

// verb is what a statement does with its rows.
type verb uint8

const (
	put    verb = iota // INSERT, or an upsert where there is a key
	change             // UPDATE by key
	remove             // DELETE by key
)

// maxStatementRows bounds the rows of one INSERT: beyond it nothing gets faster.
const maxStatementRows = 256

// maxStatementParameters keeps the text of a statement small.
const maxStatementParameters = 4096

// rowsPerStatement are the sizes of multi-row statements, largest first; the last is 1.
func (s *sink) rowsPerStatement(v verb) []int {
	if v != put || s.own != nil {
		return []int{1}
	}
	most := min(maxStatementRows, s.d.maxParameters()/len(s.columns), max(maxStatementParameters/len(s.columns), 1))
	var sizes []int
	for n := most; n > 1; n /= 8 {
		sizes = append(sizes, n)
	}
	return append(sizes, 1)
}

// arguments lists the input columns that a verb binds for each row, in order.
func (s *sink) arguments(v verb) []int {
	if s.own != nil {
		return s.own.columns
	}
	switch v {
	case change:
		if others := s.others(); len(others) > 0 {
			return append(others, s.keys...)
		}
		return append(append([]int{}, s.keys...), s.keys...)
	case remove:
		return s.keys
	}
	all := make([]int, len(s.columns))
	for i := range all {
		all[i] = i
	}
	return all
}

// others are the input columns outside of the key.
func (s *sink) others() []int {
	var out []int
next:
	for i := range s.columns {
		for _, k := range s.keys {
			if i == k {
				continue next
			}
		}
		out = append(out, i)
	}
	return out
}

func (s *sink) names(columns []int) []string {
	out := make([]string, len(columns))
	for i, c := range columns {
		out[i] = s.columns[c]
	}
	return out
}

// statement is the text of a verb for n rows.
func (s *sink) statement(v verb, n int) string {
	if s.own != nil {
		return s.own.text(s.d)
	}
	next := 0
	parameter := func() string { next++; return s.d.parameter(next) }
	equals := func(columns []int, between string) string {
		terms := make([]string, len(columns))
		for i, c := range columns {
			terms[i] = s.d.quote(s.columns[c]) + " = " + parameter()
		}
		return strings.Join(terms, between)
	}
	table := s.d.table(s.target)
	switch v {
	case change:
		columns := s.others()
		if len(columns) == 0 {
			columns = s.keys // nothing to change, but still a statement
		}
		sets := equals(columns, ", ")
		return "UPDATE " + table + " SET " + sets + " WHERE " + equals(s.keys, " AND ")
	case remove:
		return "DELETE FROM " + table + " WHERE " + equals(s.keys, " AND ")
	}
	var b strings.Builder
	fmt.Fprintf(&b, "INSERT INTO %s (%s) VALUES ", table, strings.Join(quoteAll(s.d, s.columns), ", "))
	for row := range n {
		if row > 0 {
			b.WriteString(", ")
		}
		for i := range s.columns {
			if i == 0 {
				b.WriteByte('(')
			} else {
				b.WriteString(", ")
			}
			b.WriteString(parameter())
		}
		b.WriteByte(')')
	}
	if len(s.keys) > 0 && s.upsert && !s.insertOne {
		b.WriteString(s.d.upsert(s.names(s.keys), s.names(s.others())))
	}
	return b.String()
}

// prepared is a statement of the writer's connection, used below database/sql so that its
// arguments are not copied and converted.
type prepared struct {
	text string
	stmt driver.Stmt
	args []driver.NamedValue
}

// prepare returns the statement for n rows of a verb, made at its first use.
func (w *writer) prepare(ctx context.Context, v verb, n int) (*prepared, error) {
	name := fmt.Sprint(v, n)
	if p := w.statements[name]; p != nil {
		return p, nil
	}
	p := &prepared{text: w.s.statement(v, n), args: make([]driver.NamedValue, n*len(w.s.arguments(v)))}
	for i := range p.args {
		p.args[i].Ordinal = i + 1
	}
	err := w.conn.Raw(func(c any) (err error) {
		if pc, ok := c.(driver.ConnPrepareContext); ok {
			p.stmt, err = pc.PrepareContext(ctx, p.text)
		} else {
			p.stmt, err = c.(driver.Conn).Prepare(p.text)
		}
		return err
	})
	if err != nil {
		return nil, failed(w.s.d, err, p.text)
	}
	w.statements[name] = p
	return p, nil
}

// run executes p with its arguments. The error is the driver's own.
func (p *prepared) run(ctx context.Context, d dialect) (driver.Result, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	ctx = d.running(ctx)
	if e, ok := p.stmt.(driver.StmtExecContext); ok {
		return e.ExecContext(ctx, p.args)
	}
	values := make([]driver.Value, len(p.args))
	for i, a := range p.args {
		values[i] = a.Value
	}
	//lint:ignore SA1019 for drivers that have no other
	return p.stmt.Exec(values)
}
