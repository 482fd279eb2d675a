package jdbc

import (
	"context"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"seikan/engine/plugin"
	"seikan/engine/record"
)

// place is the token of a position: the order columns of the last row read, and how many rows
// read had the same ones.
type place struct {
	Key  []stored `json:"k"`
	Same int64    `json:"n"`
}

// passed drops rows that a position already covers.
type passed struct {
	key  []driver.Value // of the last row covered
	same int64          // rows that had it
	rows int64          // rows to drop whatever they hold
}

// covers reports whether the row with key was read before.
func (p *passed) covers(key func(i int) driver.Value) bool {
	if p.rows > 0 {
		p.rows--
		return true
	}
	if p.same == 0 {
		return false
	}
	exact, alike := true, true
	for i, k := range p.key {
		v := key(i)
		exact = exact && equal(k, v)
		alike = alike && looksEqual(k, v)
	}
	switch {
	case exact:
		p.same--
	case !alike:
		p.same = 0
	}
	return alike
}

// looksEqual is equal for a database that takes no notice of case or trailing blanks.
func looksEqual(a, b driver.Value) bool {
	x, ok := a.(string)
	y, too := b.(string)
	if ok && too {
		return strings.EqualFold(strings.TrimRight(x, " "), strings.TrimRight(y, " "))
	}
	return equal(a, b)
}

// chunk is what the scanning goroutine hands over.
type chunk struct {
	batch *record.Batch
	bad   []plugin.DirtyRow
	err   error
}

// splitReader reads one split. A goroutine scans, so that a statement that takes long to
// give its first row holds up no barrier.
type splitReader struct {
	r      *reader
	t      *table
	split  plugin.Split
	order  []orderColumn
	chunks chan chunk
	cancel context.CancelFunc
}

// patience is how long Next waits for rows.
const patience = 500 * time.Millisecond

func (r *reader) open(ctx context.Context, split plugin.Split) (plugin.SplitReader, error) {
	t, err := r.s.find(split.Table)
	if err != nil {
		return nil, err
	}
	s := &splitReader{r: r, t: t, split: split, chunks: make(chan chunk, 1)}
	s.order, _ = t.order()
	statement, args, skip, err := s.statement()
	if err != nil {
		return nil, err
	}
	// The split is read across many calls; only Close ends it.
	ctx, s.cancel = context.WithCancel(context.WithoutCancel(ctx))
	go func() {
		defer close(s.chunks)
		if err := s.scan(ctx, statement, args, skip); err != nil && ctx.Err() == nil {
			s.send(ctx, chunk{err: fmt.Errorf("reading split %s: %w", split.ID, err)})
		}
	}()
	return s, nil
}

func (s *splitReader) send(ctx context.Context, c chunk) bool {
	select {
	case s.chunks <- c:
		return true
	case <-ctx.Done():
		if c.batch != nil {
			c.batch.Release()
		}
		return false
	}
}

func (s *splitReader) Next(ctx context.Context) (*record.Batch, error) {
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-timer.C:
		return nil, nil
	case c, more := <-s.chunks:
		if !more {
			return nil, plugin.ErrEnd
		}
		for _, row := range c.bad {
			if err := s.r.task.Dirty(ctx, row); err != nil {
				c.batch.Release()
				return nil, err
			}
		}
		return c.batch, c.err
	}
}

// Close does not wait for a statement that is still running: its goroutine frees the connection.
func (s *splitReader) Close() error {
	s.cancel()
	for {
		select {
		case c, more := <-s.chunks:
			if !more {
				return nil
			}
			if c.batch != nil {
				c.batch.Release()
			}
		default:
			return nil
		}
	}
}

// statement is the split's SELECT from its position on, with what else has to be dropped.
func (s *splitReader) statement() (text string, args []any, skip passed, err error) {
	d, t := s.r.s.d, s.t
	var b bounds
	if err := json.Unmarshal(s.split.Data, &b); err != nil {
		return "", nil, skip, plugin.Permanent(fmt.Errorf("bounds of split %s: %w", s.split.ID, err))
	}
	columns := make([]string, 0, len(t.schema.Columns)+1)
	for _, c := range t.schema.Columns {
		columns = append(columns, d.selected("tmp."+d.quote(c.Name), c.Type)+" AS "+d.quote(c.Name))
	}
	for i, o := range s.order {
		if o.index < 0 {
			s.order[i].index = len(columns)
			columns = append(columns, "tmp."+d.quote(o.name))
		}
	}
	var conditions []string
	if t.column != nil {
		if cond, a := b.where(d, "tmp."+d.quote(t.column.name), 1); cond != "" {
			conditions, args = append(conditions, cond), append(args, a...)
		}
	}
	after, more, skip, err := s.after(len(args) + 1)
	if err != nil {
		return "", nil, skip, err
	}
	if after != "" {
		conditions, args = append(conditions, after), append(args, more...)
	}
	text = "SELECT " + strings.Join(columns, ", ") + " FROM " + t.from
	if len(conditions) > 0 {
		text += " WHERE " + strings.Join(conditions, " AND ")
	}
	var terms []string
	for _, o := range s.order {
		terms = append(terms, d.ascending("tmp."+d.quote(o.name), false))
	}
	if len(terms) > 0 && !t.unique { // rows alike in the order columns must keep their places too
		for _, c := range t.schema.Columns {
			terms = append(terms, d.ascending("tmp."+d.quote(c.Name), c.Type.Kind == record.String))
		}
	}
	if len(terms) > 0 {
		text += " ORDER BY " + strings.Join(terms, ", ")
	}
	return text, args, skip, nil
}

// after is the condition that leaves out what lies before the split's position.
func (s *splitReader) after(first int) (text string, args []any, skip passed, err error) {
	at := s.split.At
	if at.Rows == 0 {
		return "", nil, skip, nil
	}
	byCount := passed{rows: at.Rows}
	if len(at.Token) == 0 {
		return "", nil, byCount, nil
	}
	var p place
	if err := json.Unmarshal(at.Token, &p); err != nil {
		return "", nil, skip, plugin.Permanent(fmt.Errorf("position of split %s: %w", s.split.ID, err))
	}
	if len(p.Key) != len(s.order) {
		return "", nil, skip, plugin.Permanent(fmt.Errorf("position of split %s has %d key columns, the table's order %d; the table's key has changed", s.split.ID, len(p.Key), len(s.order)))
	}
	d := s.r.s.d
	var left, right []string
	for i, k := range p.Key {
		if k.v == nil { // nothing compares with null
			return "", nil, byCount, nil
		}
		skip.key = append(skip.key, k.v)
		left = append(left, "tmp."+d.quote(s.order[i].name))
		right = append(right, d.parameter(first+i))
		args = append(args, k.v)
	}
	skip.same = p.Same
	if len(left) == 1 {
		return left[0] + " >= " + right[0], args, skip, nil
	}
	return "(" + strings.Join(left, ", ") + ") >= (" + strings.Join(right, ", ") + ")", args, skip, nil
}

// scan runs the statement and hands over its rows in batches.
func (s *splitReader) scan(ctx context.Context, statement string, args []any, skip passed) (err error) {
	d := s.r.s.d
	connecting, cancel := context.WithTimeout(ctx, s.r.s.c.timeout)
	conn, err := s.r.db.Conn(connecting)
	cancel()
	if err != nil {
		return mark(d, err, "connecting to %s", s.r.s.c.shown())
	}
	defer func() { err = errors.Join(err, conn.Close()) }()
	rows, err := query(ctx, conn, d, statement, args)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	f, err := s.newFiller(len(rows.Columns()))
	if err != nil {
		return err
	}
	defer f.builder.Release()
	began := time.Now()
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		switch err := rows.Next(f.row); {
		case err == io.EOF:
			_, err := s.flush(ctx, f)
			return err
		case err != nil:
			return failed(d, err, statement)
		}
		if skip.covers(f.key) {
			continue
		}
		if f.rows == 0 {
			began = time.Now()
		}
		f.add()
		if f.rows == s.r.task.MaxRows() || f.bytes >= plugin.BatchBytes || time.Since(began) > patience/4 {
			if more, err := s.flush(ctx, f); !more || err != nil {
				return err
			}
		}
	}
}

func (s *splitReader) flush(ctx context.Context, f *filler) (bool, error) {
	if f.rows == 0 {
		return true, nil
	}
	b, bad, err := f.batch(ctx)
	if err != nil {
		return false, err
	}
	return s.send(ctx, chunk{batch: b, bad: bad}), nil
}
