package expr

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"seikan/engine/expr/javaregex"
	"seikan/engine/expr/syntax"
	"seikan/engine/record"
)

// like is [NOT] LIKE. In ZETA a null on the left is never like nor unlike anything.
func (c *compiler) like(x *syntax.Like) (*node, error) {
	n, err := c.expr(x.X)
	if err != nil {
		return nil, err
	}
	pattern, err := c.expr(x.Pattern)
	if err != nil {
		return nil, err
	}
	text := record.Of(record.String)
	if n, err = c.convert(x.X, n, text); err != nil {
		return nil, err
	}
	if pattern, err = c.convert(x.Pattern, pattern, text); err != nil {
		return nil, err
	}
	match, err := c.matcher(x, pattern)
	if err != nil {
		return nil, err
	}
	args := []*node{n, pattern}
	out := c.rows(x, record.Of(record.Boolean), args, func(r *row) error {
		ok, err := match(r)
		r.setBool(ok != x.Not)
		return err
	})
	if c.ansi() {
		return out, nil
	}
	return c.unknownIsFalse(x, out), nil
}

// unknownIsFalse makes a null condition false.
func (c *compiler) unknownIsFalse(e syntax.Expr, n *node) *node {
	return c.node(e, n.typ, []*node{n}, func(f *frame, out *vec) {
		in := n.run(f)
		for i := range out.b {
			out.b[i] = in.isTrue(i)
		}
	})
}

func (c *compiler) matcher(x *syntax.Like, pattern *node) (func(r *row) (bool, error), error) {
	if !c.ansi() {
		if x.Escape != nil {
			return nil, at(x.Escape, `LIKE … ESCAPE is not known to the ZETA engine; set engine = "ANSI"`)
		}
		return zetaMatcher(x, pattern)
	}
	var escape rune
	if x.Escape != nil {
		lit, ok := x.Escape.(*syntax.Text)
		if !ok || utf8.RuneCountInString(lit.Value) != 1 {
			return nil, at(x.Escape, "ESCAPE needs a text of one character")
		}
		escape, _ = utf8.DecodeRuneInString(lit.Value)
	}
	if !pattern.constant() || pattern.isNull() {
		return func(r *row) (bool, error) {
			p, err := compileLike(r.str(1), escape)
			return err == nil && p.match(r.text(0)), err
		}, nil
	}
	p, err := compileLike(pattern.value.str(0), escape)
	if err != nil {
		return nil, at(x.Pattern, "%s", err)
	}
	return func(r *row) (bool, error) { return p.match(r.text(0)), nil }, nil
}

// zetaMatcher turns a pattern into a Java regular expression for whole texts: only % and _ at
// the ends are wildcards, whatever a regular expression gives a meaning to keeps it.
func zetaMatcher(x *syntax.Like, pattern *node) (func(r *row) (bool, error), error) {
	if !pattern.constant() || pattern.isNull() {
		return func(r *row) (bool, error) {
			re, err := r.f.regex(zetaLike(r.str(1)), 0, true)
			if err != nil {
				return false, err
			}
			return re.Match(r.str(0))
		}, nil
	}
	p := pattern.value.str(0)
	re, err := javaregex.Full(zetaLike(p), 0)
	if err != nil {
		return nil, at(x.Pattern, "LIKE %s: %s", quoted(p), err)
	}
	slow := func(r *row) (bool, error) { return re.Match(r.str(0)) }
	core := strings.TrimPrefix(p, "%")
	front := len(core) < len(p)
	trimmed := strings.TrimSuffix(core, "%")
	back := len(trimmed) < len(core)
	if strings.ContainsAny(trimmed, `\.[]{}()<>*+-=!?^$|&#_%`) || trimmed == "" {
		return slow, nil
	}
	lit := []byte(trimmed)
	return func(r *row) (bool, error) {
		s := r.text(0)
		if (front || back) && mayEndLine(s) { // the dot stops at line ends
			return slow(r)
		}
		switch {
		case front && back:
			return bytes.Contains(s, lit), nil
		case front:
			return bytes.HasSuffix(s, lit), nil
		case back:
			return bytes.HasPrefix(s, lit), nil
		}
		return bytes.Equal(s, lit), nil
	}, nil
}

// mayEndLine reports whether s may hold a line terminator of Java's.
func mayEndLine(s []byte) bool {
	for _, b := range s {
		if b == '\n' || b == '\r' || b == 0x85 || b == 0xa8 || b == 0xa9 {
			return true
		}
	}
	return false
}

func zetaLike(p string) string {
	var b strings.Builder
	switch {
	case strings.HasPrefix(p, "%"):
		b.WriteString(".*")
		p = p[1:]
	case strings.HasPrefix(p, "_"):
		b.WriteString(".")
		p = p[1:]
	}
	end := ""
	switch {
	case strings.HasSuffix(p, "_%"):
		p, end = p[:len(p)-2], "..*"
	case strings.HasSuffix(p, "%"):
		p, end = p[:len(p)-1], ".*"
	case strings.HasSuffix(p, "_"):
		p, end = p[:len(p)-1], "."
	}
	b.WriteString(p)
	b.WriteString(end)
	return b.String()
}

// likePattern is a SQL LIKE pattern. A negative rune is a wildcard.
type likePattern []rune

const (
	anyText rune = -1
	anyRune rune = -2
)

var errEscape = errors.New("LIKE: the escape character must stand before %, _ or itself")

func compileLike(p string, escape rune) (likePattern, error) {
	var out likePattern
	escaped := false
	for _, r := range p {
		switch {
		case escaped:
			if r != '%' && r != '_' && r != escape {
				return nil, errEscape
			}
			out = append(out, r)
			escaped = false
		case r == escape && escape != 0:
			escaped = true
		case r == '%':
			if len(out) == 0 || out[len(out)-1] != anyText {
				out = append(out, anyText)
			}
		case r == '_':
			out = append(out, anyRune)
		default:
			out = append(out, r)
		}
	}
	if escaped {
		return nil, fmt.Errorf("%w; pattern %s", errEscape, quoted(p))
	}
	return out, nil
}

// match goes back to the last % only, so it takes at most len(s) × len(p) steps.
func (p likePattern) match(s []byte) bool {
	i, k := 0, 0
	star, from := -1, 0
	for i < len(s) {
		r, size := rune(s[i]), 1
		if r >= utf8.RuneSelf {
			r, size = utf8.DecodeRune(s[i:])
		}
		switch {
		case k < len(p) && p[k] == anyText:
			star, from = k, i
			k++
		case k < len(p) && (p[k] == anyRune || p[k] == r):
			k++
			i += size
		case star >= 0:
			_, step := utf8.DecodeRune(s[from:])
			from += step
			i, k = from, star+1
		default:
			return false
		}
	}
	for k < len(p) && p[k] == anyText {
		k++
	}
	return k == len(p)
}
