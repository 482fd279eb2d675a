package expr

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"

	"seikan/engine/expr/datepattern"
	"seikan/engine/expr/javaregex"
	"seikan/engine/record"
)

var searchFunctions = []builtin{
	{name: "LOCATE POSITION", params: "search:text s:text start:int?", doc: "Place of search in s, counted from 1; 0 when it is not there or s is null. A negative start searches backwards from the end.", make: locating(1, 0)},
	{name: "INSTR", params: "s:text search:text start:int?", doc: "LOCATE with the texts the other way round.", make: locating(0, 1)},
	{name: "TO_CHAR", params: "v:any fmt:text?", doc: "A value as text; dates and times by a Java date pattern.", make: toChar},
}

// locating makes LOCATE; s and search are the places of its arguments.
func locating(s, search int) func(k *call) (*node, error) {
	return func(k *call) (*node, error) {
		ansi := k.c.ansi()
		return k.loose(record.Int, false, func(r *row) error {
			if r.isNull(s) || r.isNull(search) || len(r.a) == 3 && r.isNull(2) {
				r.null = ansi
				r.setInt(0)
				return nil
			}
			start := int64(1)
			if len(r.a) == 3 {
				start = r.int(2)
			}
			r.setInt(locate(r.text(s), r.text(search), start))
			return nil
		})
	}
}

func locate(s, search []byte, start int64) int64 {
	n := int64(unitLen(s))
	if start < 0 {
		last := n + start // the match begins here or before
		if last < 0 {
			return 0
		}
		end, _ := byteAt(s, int(last))
		if i := bytes.LastIndex(s[:min(end+len(search), len(s))], search); i >= 0 {
			return int64(unitAtByte(s, i)) + 1
		}
		return 0
	}
	from := max(start-1, 0)
	if from > n {
		return 0
	}
	begin, half := byteAt(s, int(from))
	if half {
		_, size := utf8.DecodeRune(s[begin:])
		begin += size
	}
	if i := bytes.Index(s[begin:], search); i >= 0 {
		return int64(unitAtByte(s, begin+i)) + 1
	}
	return 0
}

func toChar(k *call) (*node, error) {
	v := k.args[0]
	if familyOf(v.typ.Kind) == famArray {
		return nil, k.fail(0, "%s has no text", v.typ)
	}
	if !v.typ.Kind.Temporal() {
		n, err := k.c.convert(k.exprs[0], v, record.Of(record.String))
		if err == nil && len(k.args) == 2 { // the format is ignored, a null one is not
			return k.c.rows(k.e, n.typ, []*node{n, k.args[1]}, func(r *row) error { r.append(r.text(0)...); return nil }), nil
		}
		return n, err
	}
	k.args[0] = k.c.local(k.exprs[0], v)
	if len(k.args) == 1 {
		if !k.c.ansi() {
			return nil, at(k.e, "TO_CHAR of a %s needs a date pattern, as in TO_CHAR(%s, 'yyyy-MM-dd')", v.typ, k.exprs[0])
		}
		return k.c.convert(k.exprs[0], k.args[0], record.Of(record.String))
	}
	return formatMoment(k)
}

// formatMoment writes argument 0 by the Java date pattern of argument 1.
func formatMoment(k *call) (*node, error) {
	kind := k.args[0].typ.Kind
	pattern, err := k.datePattern(1)
	if err != nil {
		return nil, err
	}
	check := func(p *datepattern.Pattern) error {
		missing := ""
		switch {
		case p.NeedsZone():
			missing = "time zone"
		case p.NeedsTime() && kind == record.Date:
			missing = "time of day"
		case p.NeedsDate() && kind == record.Time:
			missing = "date"
		default:
			return nil
		}
		return fmt.Errorf("the date pattern %q asks for a %s, which a %s does not have", p, missing, kind)
	}
	if text, ok := k.literal(1); ok {
		p, _ := datepattern.Compile(text)
		if err := check(p); err != nil {
			return nil, k.fail(1, "%s", err)
		}
		check = func(*datepattern.Pattern) error { return nil }
	}
	return k.rows(record.String, func(r *row) error {
		p, err := pattern(r)
		if err == nil {
			err = check(p)
		}
		if err == nil {
			r.out.data = p.Append(r.out.data, r.a[0].time(r.i))
		}
		return err
	})
}

// datePattern compiles the pattern of argument i: once when it is a literal.
func (k *call) datePattern(i int) (func(r *row) (*datepattern.Pattern, error), error) {
	if text, ok := k.literal(i); ok {
		p, err := datepattern.Compile(text)
		if err != nil {
			return nil, k.fail(i, "%s", err)
		}
		return func(*row) (*datepattern.Pattern, error) { return p, nil }, nil
	}
	return func(r *row) (*datepattern.Pattern, error) { return datepattern.Compile(strings.Clone(r.str(i))) }, nil
}

var regexFunctions = []builtin{
	{name: "REGEXP_REPLACE", params: "s:text re:text rep:text flags:text?", doc: "Replaces all matches of a Java regular expression; $1 stands for a group.", make: regexReplace},
	{name: "REGEXP_LIKE", params: "s:text re:text flags:text?", doc: "Whether a Java regular expression is found in s.", make: func(k *call) (*node, error) {
		regex, err := k.regex(1, 2)
		if err != nil {
			return nil, err
		}
		return k.matching(record.Boolean, 2, func(r *row) error {
			re, err := regex(r)
			if err != nil {
				return err
			}
			ok, err := re.Match(r.str(0))
			r.setBool(ok)
			return err
		})
	}},
	{name: "REGEXP_SUBSTR", params: "s:text re:text pos:int? occ:int? flags:text? group:int?", doc: "The occ-th match from pos on, or a group of it; null when there is none.", make: regexSubstr},
}

// parseFlags reads i, c, n and m.
func parseFlags(text string) (javaregex.Flags, error) {
	var out javaregex.Flags
	for _, c := range text {
		switch c {
		case 'i':
			out |= javaregex.CaseInsensitive
		case 'c':
			out &^= javaregex.CaseInsensitive
		case 'n':
			out |= javaregex.DotAll
		case 'm':
			out |= javaregex.Multiline
		default:
			return 0, fmt.Errorf("unknown regular expression flag %q; known are i, c, n, m", c)
		}
	}
	return out, nil
}

// regex compiles the expression of argument i with the flags of argument flags: once when
// both are literals.
func (k *call) regex(i, flags int) (func(r *row) (*javaregex.Regexp, error), error) {
	text, literal := k.literal(i)
	flagText, flagLiteral := k.literal(flags)
	if !k.has(flags) || k.args[flags].isNull() {
		flagLiteral = true
	}
	if literal && flagLiteral {
		f, err := parseFlags(flagText)
		if err != nil {
			return nil, k.fail(flags, "%s", err)
		}
		re, err := javaregex.Compile(text, f)
		if err != nil {
			return nil, k.fail(i, "%s", err)
		}
		return func(*row) (*javaregex.Regexp, error) { return re, nil }, nil
	}
	given := k.has(flags)
	return func(r *row) (*javaregex.Regexp, error) {
		var f javaregex.Flags
		if given && !r.isNull(flags) {
			var err error
			if f, err = parseFlags(r.str(flags)); err != nil {
				return nil, err
			}
		}
		return r.f.regex(r.str(i), f, false)
	}, nil
}

// matching is rows for a function whose arguments from number needed on may be null, which is
// the same as leaving them out.
func (k *call) matching(t record.Kind, needed int, set func(r *row) error) (*node, error) {
	return k.loose(t, true, func(r *row) error {
		for i := 1; i < needed; i++ {
			if r.isNull(i) {
				r.null = true
				return nil
			}
		}
		return set(r)
	})
}

func regexReplace(k *call) (*node, error) {
	regex, err := k.regex(1, 3)
	if err != nil {
		return nil, err
	}
	literal, isLiteral := k.literal(2)
	var ready *javaregex.Replacement
	if _, ok := k.literal(1); ok && isLiteral {
		if re, err := regex(nil); err == nil {
			if ready, err = re.Replacement(literal); err != nil {
				return nil, k.fail(2, "%s", err)
			}
		}
	}
	return k.matching(record.String, 3, func(r *row) error {
		re, err := regex(r)
		if err != nil {
			return err
		}
		with := ready
		if with == nil {
			if with, err = re.Replacement(r.str(2)); err != nil {
				return err
			}
		}
		r.out.data, err = re.Replace(r.out.data, r.str(0), with, -1, maxValue)
		return err
	})
}

func regexSubstr(k *call) (*node, error) {
	regex, err := k.regex(1, 4)
	if err != nil {
		return nil, err
	}
	return k.matching(record.String, 2, func(r *row) error {
		re, err := regex(r)
		if err != nil {
			return err
		}
		arg := func(i int, otherwise int64) int64 {
			if i < len(r.a) && !r.isNull(i) {
				return r.int(i)
			}
			return otherwise
		}
		pos, occ, group := arg(2, 1), arg(3, 1), arg(5, 0)
		if group < 0 || group > int64(re.Groups()) {
			return fmt.Errorf("REGEXP_SUBSTR: group %d does not exist; the expression has %d", group, re.Groups())
		}
		s := r.str(0)
		r.null = true
		if occ < 1 || occ > int64(len(s))+1 || pos > int64(len(s))+1 {
			return nil
		}
		from, _ := byteAt(r.text(0), int(max(pos, 1))-1)
		found, err := re.Find(s, from, int(occ))
		if err != nil || len(found) < int(occ) {
			return err
		}
		m := found[occ-1][2*group:]
		if m[0] >= 0 {
			r.null = false
			r.append(r.text(0)[m[0]:m[1]]...)
		}
		return nil
	})
}
