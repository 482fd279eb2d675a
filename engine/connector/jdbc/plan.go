package jdbc

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"

	"seikan/engine/format/value"
	"seikan/engine/option"
	"seikan/engine/record"
)

// splitting are the options of the dynamic splitter.
type splitting struct {
	size            int64
	low, high       float64 // bounds of (max-min+1)/rows for ranges of equal width
	threshold, rate int64   // sample every rate-th value from threshold ranges on
}

func splittingOf(opts *option.Values) splitting {
	return splitting{
		size: opts.Int("split.size"),
		low:  opts.Double("split.even-distribution.factor.lower-bound"), high: opts.Double("split.even-distribution.factor.upper-bound"),
		threshold: opts.Int("split.sample-sharding.threshold"), rate: opts.Int("split.inverse-sampling.rate"),
	}
}

// planner cuts one table.
type planner struct {
	d    dialect
	conn *sql.Conn
	t    *table
	how  splitting
	col  string // the split column, quoted
}

// plan gives the bounds of the table's splits and the number of its rows.
func (p *planner) plan(ctx context.Context) ([]bounds, int64, error) {
	if p.t.column == nil {
		return []bounds{{}}, 0, nil
	}
	p.col = "tmp." + p.d.quote(p.t.column.name)
	rows, err := p.count(ctx)
	if err != nil {
		return nil, 0, err
	}
	asked := p.t.lower != "" || p.t.upper != ""
	if !p.t.fixed && rows <= p.how.size && !asked {
		return []bounds{{}}, rows, nil
	}
	low, high, err := p.extent(ctx)
	if err != nil {
		return nil, 0, err
	}
	var out []bounds
	switch {
	case low == nil || high == nil: // empty, or null throughout
		out = []bounds{{}}
	case p.t.fixed && p.t.column.typ.Kind == record.String:
		for i := range p.t.parts {
			out = append(out, bounds{Part: i, Parts: p.t.parts})
		}
	case p.t.fixed:
		out, err = p.even(low, high, p.t.parts)
	case equal(low, high):
		out = []bounds{{}}
	default:
		out, err = p.dynamic(ctx, low, high, rows)
	}
	if err != nil {
		return nil, 0, err
	}
	switch {
	case asked: // the job wants only these rows
		last := len(out) - 1
		for i := range out {
			if i == 0 || out[i].Parts > 0 {
				out[i].From = keep(low)
			}
			if i == last || out[i].Parts > 0 {
				out[i].To, out[i].UpTo = keep(high), true
			}
		}
	case len(out) > 1 && p.t.nullable:
		out = append(out, bounds{Null: true})
	}
	return out, rows, nil
}

func (p *planner) count(ctx context.Context) (int64, error) {
	if !p.t.counted {
		if n, ok, err := p.d.estimate(ctx, p.conn, p.t.path); err != nil || ok {
			return n, err
		}
	}
	var n int64
	statement := "SELECT COUNT(*) FROM " + p.t.from
	if err := p.conn.QueryRowContext(ctx, statement).Scan(&n); err != nil {
		return 0, failed(p.d, err, statement)
	}
	return n, nil
}

// extent is the least and the greatest value of the split column.
func (p *planner) extent(ctx context.Context) (low, high driver.Value, err error) {
	if p.t.lower != "" {
		if low, err = p.given(p.t.lower); err != nil {
			return nil, nil, err
		}
	}
	if p.t.upper != "" {
		if high, err = p.given(p.t.upper); err != nil {
			return nil, nil, err
		}
	}
	if asked := low != nil || high != nil; asked && p.t.column.typ.Kind.Numeric() {
		least, err := p.value(ctx, "SELECT MIN("+p.col+") FROM "+p.t.from)
		if _, text := least.(string); text || err != nil {
			return nil, nil, errors.Join(err, fmt.Errorf("partition_column %s holds its numbers as text, which do not compare as numbers; leave the bounds out and use where_condition", p.t.column.name))
		}
	}
	for _, end := range []struct {
		function string
		into     *driver.Value
	}{{"MIN", &low}, {"MAX", &high}} {
		if *end.into == nil {
			if *end.into, err = p.value(ctx, "SELECT "+end.function+"("+p.col+") FROM "+p.t.from); err != nil {
				return nil, nil, err
			}
		}
	}
	return low, high, nil
}

// given reads a bound of the job file as a value of the split column.
func (p *planner) given(text string) (driver.Value, error) {
	if k := p.t.column.typ.Kind; !k.Numeric() {
		return text, nil
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		return n, nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, fmt.Errorf("bound %q of partition_column %s is not a number", text, p.t.column.name)
	}
	return f, nil
}

// value is the only value of a query, as stored.
func (p *planner) value(ctx context.Context, statement string, args ...any) (out driver.Value, err error) {
	err = eachRow(ctx, p.conn, p.d, statement, args, func(row []driver.Value) bool {
		out = row[0]
		return false
	})
	return out, err
}

// dynamic cuts into ranges of about size rows.
func (p *planner) dynamic(ctx context.Context, low, high driver.Value, rows int64) ([]bounds, error) {
	from, fok := number(low)
	to, tok := number(high)
	if fok && tok && p.t.column.typ.Kind.Numeric() && rows > 0 {
		if factor := (to - from + 1) / float64(rows); factor >= p.how.low && factor <= p.how.high {
			step := math.Max(factor*float64(p.how.size), 1)
			return p.even(low, high, int(math.Min(math.Ceil((to-from+1)/step), 1<<20)))
		}
	}
	if ranges := rows / p.how.size; ranges > p.how.threshold {
		return p.sampled(ctx, low, high, int(ranges))
	}
	return p.stepwise(ctx, low, high)
}

func number(v driver.Value) (float64, bool) {
	switch x := v.(type) {
	case int64:
		return float64(x), true
	case float64:
		return x, true
	}
	return 0, false
}

// even cuts [low, high] into parts ranges of equal width; the first and the last are open.
func (p *planner) even(low, high driver.Value, parts int) ([]bounds, error) {
	a, aok := low.(int64)
	b, bok := high.(int64)
	at := func(n int64) driver.Value { return n }
	if p.t.column.typ.Kind == record.Date && !(aok && bok) {
		from, fok := day(low)
		to, tok := day(high)
		if !fok || !tok {
			return nil, fmt.Errorf("partition_column %s: %v or %v is not a date", p.t.column.name, low, high)
		}
		a, b, aok, bok = from, to, true, true
		at = func(n int64) driver.Value { return string(value.AppendDate(nil, int32(n), value.DateDash)) }
	}
	var cuts []driver.Value
	if aok && bok {
		width := uint64(b) - uint64(a) // right even when the difference overflows int64
		if b < a {
			width = 0
		}
		for i := 1; i < parts; i++ {
			// width*i/parts without overflow
			off := width/uint64(parts)*uint64(i) + width%uint64(parts)*uint64(i)/uint64(parts)
			if cut := int64(uint64(a) + off); cut > a && (len(cuts) == 0 || at(cut) != cuts[len(cuts)-1]) {
				cuts = append(cuts, at(cut))
			}
		}
		return ranges(cuts), nil
	}
	from, fok := number(low)
	to, tok := number(high)
	if !fok || !tok {
		return nil, fmt.Errorf("partition_column %s: %v or %v is not a number", p.t.column.name, low, high)
	}
	for i := 1; i < parts; i++ {
		if cut := from + (to-from)*float64(i)/float64(parts); cut > from && (len(cuts) == 0 || cut != cuts[len(cuts)-1]) {
			cuts = append(cuts, cut)
		}
	}
	return ranges(cuts), nil
}

func day(v driver.Value) (int64, bool) {
	switch x := v.(type) {
	case string:
		n, ok := value.ParseDate([]byte(x))
		return int64(n), ok
	case time.Time:
		return floorDiv(x.Unix(), 86400), true
	}
	return 0, false
}

// ranges makes n+1 ranges of n cuts.
func ranges(cuts []driver.Value) []bounds {
	out := make([]bounds, 0, len(cuts)+1)
	var from driver.Value
	for _, c := range cuts {
		out = append(out, between(from, c))
		from = c
	}
	return append(out, between(from, nil))
}

// sampled cuts at values taken from every rate-th row.
func (p *planner) sampled(ctx context.Context, low, high driver.Value, parts int) ([]bounds, error) {
	rate := max(min(p.how.rate, p.how.size), 1)
	var sample []driver.Value
	n := int64(0)
	statement := fmt.Sprintf("SELECT %s FROM %s WHERE %s >= %s AND %s <= %s ORDER BY %s", p.col, p.t.from,
		p.col, p.d.parameter(1), p.col, p.d.parameter(2), p.d.ascending(p.col, false))
	err := eachRow(ctx, p.conn, p.d, statement, []any{low, high}, func(row []driver.Value) bool {
		if n++; n%rate == 0 && (len(sample) == 0 || !equal(sample[len(sample)-1], row[0])) {
			sample = append(sample, row[0])
		}
		return true
	})
	if err != nil {
		return nil, err
	}
	var cuts []driver.Value
	for i := 1; i < parts; i++ {
		if at := len(sample) * i / parts; at < len(sample) && (len(cuts) == 0 || !equal(sample[at], cuts[len(cuts)-1])) {
			cuts = append(cuts, sample[at])
		}
	}
	return ranges(cuts), nil
}

// stepwise asks for the greatest of the next size values, again and again.
func (p *planner) stepwise(ctx context.Context, low, high driver.Value) ([]bounds, error) {
	inner := fmt.Sprintf("SELECT %s AS c FROM %s WHERE %s > %s AND %s <= %s ORDER BY %s LIMIT %d", p.col, p.t.from,
		p.col, p.d.parameter(1), p.col, p.d.parameter(2), p.d.ascending(p.col, false), p.how.size)
	statement := "SELECT MAX(s.c) FROM (" + inner + ") s"
	var cuts []driver.Value
	for from := low; ; {
		next, err := p.value(ctx, statement, from, high)
		if err != nil {
			return nil, err
		}
		if next == nil || equal(next, high) || equal(next, from) {
			return ranges(cuts), nil
		}
		cuts, from = append(cuts, next), next
	}
}

// eachRow calls f with the values of each row, as the driver gives them, until it returns false.
func eachRow(ctx context.Context, conn *sql.Conn, d dialect, statement string, args []any, f func(row []driver.Value) bool) error {
	rows, err := query(ctx, conn, d, statement, args)
	if err != nil {
		return err
	}
	defer rows.Close()
	row := make([]driver.Value, len(rows.Columns()))
	for {
		switch err := rows.Next(row); {
		case err == io.EOF:
			return nil
		case err != nil:
			return failed(d, err, statement)
		case !f(row):
			return nil
		}
	}
}

// query runs a statement below database/sql, which would copy and convert every value. The rows
// must be closed before the connection is used again.
func query(ctx context.Context, conn *sql.Conn, d dialect, statement string, args []any) (rows driver.Rows, err error) {
	named := make([]driver.NamedValue, len(args))
	for i, a := range args {
		named[i] = driver.NamedValue{Ordinal: i + 1, Value: a}
	}
	err = conn.Raw(func(c any) error {
		q, ok := c.(driver.QueryerContext)
		if !ok {
			return fmt.Errorf("the driver of %s cannot run queries directly", d.name())
		}
		rows, err = q.QueryContext(ctx, statement, named)
		return err
	})
	if err != nil {
		return nil, failed(d, err, statement)
	}
	return rows, nil
}
