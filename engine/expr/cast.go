package expr

import (
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"seikan/engine/expr/syntax"
	"seikan/engine/record"
)

// castKinds are the type names CAST knows; those from BOOLEAN on in ANSI mode only.
var castKinds = map[string]record.Kind{
	"STRING": record.String, "VARCHAR": record.String, "INT": record.Int, "INTEGER": record.Int,
	"BIGINT": record.BigInt, "LONG": record.BigInt, "BYTE": record.TinyInt, "FLOAT": record.Float,
	"DOUBLE": record.Double, "DECIMAL": record.Decimal, "BYTES": record.Bytes, "TIMESTAMP": record.Timestamp,
	"DATETIME": record.Timestamp, "DATE": record.Date, "TIME": record.Time,
}

var ansiCastKinds = map[string]record.Kind{
	"BOOLEAN": record.Boolean, "SMALLINT": record.SmallInt, "TINYINT": record.TinyInt, "CHAR": record.String,
	"TEXT": record.String, "NUMERIC": record.Decimal, "REAL": record.Float, "BINARY": record.Bytes, "VARBINARY": record.Bytes,
}

// castType reads the T of CAST(x AS T).
func (c *compiler) castType(t syntax.TypeName) (record.Type, error) {
	fail := func(format string, args ...any) (record.Type, error) {
		return record.Type{}, &syntax.Error{At: t.At(), Message: fmt.Sprintf(format, args...)}
	}
	name := strings.ToUpper(t.Name)
	kind, ok := castKinds[name]
	if !ok && c.ansi() {
		kind, ok = ansiCastKinds[name]
	}
	if !ok {
		known := "STRING, INT, BIGINT, BYTE, FLOAT, DOUBLE, DECIMAL(p,s), BYTES, TIMESTAMP, DATE, TIME"
		if c.ansi() {
			known += ", BOOLEAN, SMALLINT, TINYINT"
		}
		return fail("Unsupported CAST AS type: %s; expected one of %s", t.Name, known)
	}
	if kind != record.Decimal {
		return record.Of(kind), nil
	}
	if len(t.Args) != 2 {
		return fail("CAST AS %s needs precision and scale, as in DECIMAL(10, 2)", t.Name)
	}
	p, err1 := strconv.Atoi(t.Args[0])
	s, err2 := strconv.Atoi(t.Args[1])
	if err1 != nil || err2 != nil || p < 1 || p > maxPrecision || s < 0 || s > p {
		return fail("%s: the precision must be 1 to %d, the scale 0 to the precision", t, maxPrecision)
	}
	return record.DecimalOf(p, s), nil
}

func (c *compiler) castTo(x *syntax.Cast) (*node, error) {
	n, err := c.expr(x.X)
	if err != nil {
		return nil, err
	}
	t, err := c.castType(x.Type)
	if err != nil {
		return nil, err
	}
	if n.typ.Kind == record.Null {
		return c.nullOf(n.at, t), nil
	}
	out, err := c.cast(x, n, t)
	if err != nil || c.ansi() || n.typ.Kind != record.String {
		return out, err
	}
	// a text that is the type's own name becomes null
	name := strings.ToUpper(x.Type.Name)
	same := c.rows(x, record.Of(record.Boolean), []*node{n}, func(r *row) error {
		r.setBool(r.str(0) == name)
		return nil
	})
	return c.choose(x, []*node{same}, []*node{c.nullOf(n.at, t), out}), nil
}

// cast converts explicitly.
func (c *compiler) cast(x *syntax.Cast, n *node, t record.Type) (*node, error) {
	n = c.local(x, n)
	from := n.typ.Kind
	refused := func(accepted string) (*node, error) {
		return nil, at(x, "%s: %s cannot be cast to %s; accepted are %s", x, n.typ, t, accepted)
	}
	if n.typ.Equal(t) && t.Kind != record.String {
		return n, nil
	}
	switch t.Kind {
	case record.String:
		return c.toText(x, n), nil
	case record.Bytes:
		if from == record.Bytes {
			return n, nil
		}
		return c.rows(x, t, []*node{n}, func(r *row) error {
			r.out.data = appendText(r.out.data, r.a[0], r.i, c.ansi())
			return nil
		}), nil
	case record.Date, record.Time, record.Timestamp:
		return c.castTemporal(x, n, t)
	case record.Boolean:
		if from != record.String && from != record.Boolean && !from.Numeric() {
			return refused("text and numbers")
		}
		return c.castBoolean(x, n), nil
	}
	if familyOf(from) == famArray || from.Temporal() || from == record.Bytes {
		return refused("numbers and texts that are numbers")
	}
	if from == record.Boolean {
		if !c.ansi() {
			return refused("numbers and texts that are numbers")
		}
		n = c.rows(x, record.Of(record.Int), []*node{n}, func(r *row) error {
			r.setInt(0)
			if r.a[0].b[r.i&r.a[0].mask] {
				r.setInt(1)
			}
			return nil
		})
	}
	return c.castNumber(x, n, t), nil
}

func (c *compiler) castNumber(x *syntax.Cast, n *node, t record.Type) *node {
	ansi, text := c.ansi(), n.typ.Kind == record.String
	args := []*node{n}
	switch {
	case t.Kind == record.Decimal:
		round := ceiling
		if ansi {
			round = halfUp
		}
		return c.rows(x, t, args, func(r *row) (err error) {
			var v num
			var scale int
			if text {
				v, scale, err = decimalOfText(trimmed(r.str(0), ansi))
			} else {
				v, scale, err = numberAt(r.a[0], r.i)
			}
			if err == nil {
				v, err = rescale(v, scale, t.Scale, round)
			}
			if err == nil && !fits(v, t.Precision) {
				err = fmt.Errorf("%s does not fit into %s", appendDecimal(nil, v, t.Scale, true), t)
			}
			r.out.d[r.i] = v
			return err
		})
	case familyOf(t.Kind) == famFloat:
		if !text {
			return c.toNumber(x, n, t)
		}
		return c.rows(x, t, args, func(r *row) error {
			v, err := parseDouble(r.str(0), t.Kind)
			r.setFloat(v)
			return err
		})
	}
	return c.rows(x, t, args, func(r *row) (err error) {
		var v int64
		if text {
			v, err = strconv.ParseInt(trimmed(r.str(0), ansi), 10, 64)
			if err != nil {
				return notWhole(r.str(0), t)
			}
		} else if v, err = wholeAt(r.a[0], r.i, ansi); err != nil {
			return fmt.Errorf("CAST AS %s: %w", t, err)
		}
		if wrap(v, t.Kind) != v {
			return fmt.Errorf("%d is beyond the range of %s", v, t)
		}
		r.setInt(v)
		return nil
	})
}

func notWhole(s string, t record.Type) error {
	if _, err := strconv.ParseFloat(s, 64); err == nil {
		return fmt.Errorf("%s is not a whole number in the range of %s", quoted(s), t)
	}
	return fmt.Errorf("%s is not a number; CAST AS %s needs one", quoted(s), t)
}

// trimmed drops blanks around a number, which SQL allows and Java does not.
func trimmed(s string, ansi bool) string {
	if ansi {
		return strings.TrimSpace(s)
	}
	return s
}

// wholeAt is value i as an integer: in ZETA a value with a fraction is an error, in ANSI the
// fraction is cut off.
func wholeAt(v *vec, i int, ansi bool) (int64, error) {
	if !ansi {
		switch familyOf(v.typ.Kind) {
		case famFloat:
			if x := v.f[i&v.mask]; x != math.Trunc(x) {
				return 0, fmt.Errorf("%s is not a whole number; use FLOOR, CEIL or ROUND", appendFloat(nil, x, 64))
			}
		case famDecimal:
			d := v.d[i&v.mask]
			if cut, err := rescale(d, v.typ.Scale, 0, down); err == nil && compareDecimal(cut, 0, d, v.typ.Scale) != 0 {
				return 0, fmt.Errorf("%s is not a whole number; use FLOOR, CEIL or ROUND", appendDecimal(nil, d, v.typ.Scale, true))
			}
		}
	}
	return integerAt(v, i, true)
}

// parseDouble reads what Double.parseDouble does.
func parseDouble(s string, kind record.Kind) (float64, error) {
	t := strings.Trim(s, " \t\r\n\f\v")
	body := strings.TrimLeft(t, "+-")
	switch {
	case body == "NaN" || body == "Infinity":
	case len(body) > 1 && strings.ContainsRune("dDfF", rune(body[len(body)-1])) && !strings.HasPrefix(body, "0x"):
		t = t[:len(t)-1]
		body = body[:len(body)-1]
	}
	bits := 64
	if kind == record.Float {
		bits = 32
	}
	x, err := strconv.ParseFloat(t, bits)
	named := body == "NaN" || body == "Infinity"
	if err != nil && !errors.Is(err, strconv.ErrRange) || !named && (math.IsNaN(x) || body == "" || body[0]|0x20 == 'i') {
		return 0, fmt.Errorf("%s is not a number; CAST AS %s needs one", quoted(s), kind)
	}
	return x, nil
}

func (c *compiler) castBoolean(x *syntax.Cast, n *node) *node {
	if n.typ.Kind == record.Boolean {
		return n
	}
	text := n.typ.Kind == record.String
	if !text {
		n = c.toDouble(x, n)
	}
	return c.rows(x, record.Of(record.Boolean), []*node{n}, func(r *row) error {
		if !text {
			r.setBool(r.float(0) != 0)
			return nil
		}
		switch strings.ToLower(strings.TrimSpace(r.str(0))) {
		case "true", "t", "yes", "1":
			r.setBool(true)
		case "false", "f", "no", "0":
			r.setBool(false)
		default:
			return fmt.Errorf("%s is neither true nor false", quoted(r.str(0)))
		}
		return nil
	})
}

func (c *compiler) castTemporal(x *syntax.Cast, n *node, t record.Type) (*node, error) {
	from := n.typ.Kind
	args := []*node{n}
	if n.typ.Nanos() && t.Kind != record.Date {
		t.Scale = 9
	}
	set := func(convert func(r *row) (time.Time, error)) *node {
		return c.rows(x, t, args, func(r *row) error {
			v, err := convert(r)
			if err == nil {
				err = r.out.setTime(r.i, v)
			}
			return err
		})
	}
	same := func(r *row) (time.Time, error) { return r.a[0].time(r.i), nil }
	if c.ansi() && from == record.String {
		return set(func(r *row) (time.Time, error) { return parseMoment(t.Kind, strings.TrimSpace(r.str(0))) }), nil
	}
	switch {
	case t.Kind == record.Timestamp && from == record.BigInt:
		return c.raw(x, t, func(f *frame, out *vec) {
			runRows(f, out, args, true, func(r *row) error {
				ms := r.int(0)
				if ms > epochLimit || ms < -epochLimit {
					return fmt.Errorf("%d milliseconds since 1970 are out of range", ms)
				}
				return out.setTime(r.i, wall(time.UnixMilli(ms), f.env.Zone))
			})
		}), nil
	case t.Kind == record.Timestamp && from == record.Time: // that time today
		return c.raw(x, t, func(f *frame, out *vec) {
			y, m, d := f.now().In(f.env.Zone).Date()
			today := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
			runRows(f, out, args, true, func(r *row) error {
				return out.setTime(r.i, today.Add(r.a[0].time(r.i).Sub(time.Unix(0, 0))))
			})
		}), nil
	case t.Kind == record.Timestamp && (from == record.Timestamp || from == record.Date),
		t.Kind == record.Date && (from == record.Timestamp || from == record.Date),
		t.Kind == record.Time && (from == record.Timestamp || from == record.Time):
		return set(same), nil
	case t.Kind == record.Time && from == record.Date:
		return set(func(*row) (time.Time, error) { return time.Unix(0, 0).UTC(), nil }), nil
	case t.Kind == record.Date && from.Integer() && from <= record.Int:
		return set(func(r *row) (time.Time, error) { return packedDate(r.int(0)) }), nil
	case t.Kind == record.Time && from.Integer() && from <= record.Int:
		return set(func(r *row) (time.Time, error) { return packedTime(r.int(0)) }), nil
	}
	accepted := map[record.Kind]string{
		record.Timestamp: "TIMESTAMP, DATE, TIME and BIGINT (milliseconds since 1970)",
		record.Date:      "TIMESTAMP, DATE and INT (yyyyMMdd)",
		record.Time:      "TIMESTAMP, DATE, TIME and INT (HHmmss)",
	}[t.Kind]
	hint := ""
	if from == record.String {
		hint = "; use PARSEDATETIME for texts"
	}
	return nil, at(x, "%s: %s cannot be cast to %s; accepted are %s%s", x, n.typ, t, accepted, hint)
}

func packedDate(v int64) (time.Time, error) {
	y, m, d := int(v/10000), time.Month(v/100%100), int(v%100)
	t := time.Date(y, m, d, 0, 0, 0, 0, time.UTC)
	if v < 0 || t.Month() != m || t.Day() != d {
		return t, fmt.Errorf("%d is not a date written yyyyMMdd", v)
	}
	return t, nil
}

func packedTime(v int64) (time.Time, error) {
	h, m, s := v/10000, v/100%100, v%100
	if v < 0 || h > 23 || m > 59 || s > 59 {
		return time.Time{}, fmt.Errorf("%d is not a time written HHmmss", v)
	}
	return time.Unix(h*3600+m*60+s, 0).UTC(), nil
}
