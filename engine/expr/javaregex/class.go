package javaregex

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// set is a list of inclusive ranges of code points.
type set []span
type span struct{ lo, hi rune }

// normal sorts the ranges and joins those that touch.
func (s set) normal() set {
	slices.SortFunc(s, func(a, b span) int { return int(a.lo) - int(b.lo) })
	out := s[:0:0]
	for _, r := range s {
		if n := len(out); n > 0 && r.lo <= out[n-1].hi+1 {
			out[n-1].hi = max(out[n-1].hi, r.hi)
			continue
		}
		out = append(out, r)
	}
	return out
}

func (s set) negate() set {
	out := set{}
	next := rune(0)
	for _, r := range s.normal() {
		if r.lo > next {
			out = append(out, span{next, r.lo - 1})
		}
		next = r.hi + 1
	}
	if next <= unicode.MaxRune {
		out = append(out, span{next, unicode.MaxRune})
	}
	return out
}

func (s set) intersect(o set) set {
	return append(s.negate(), o.negate()...).negate()
}

func fromTable(tables ...*unicode.RangeTable) set {
	var out set
	for _, t := range tables {
		for _, r := range t.R16 {
			out = appendStride(out, rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
		for _, r := range t.R32 {
			out = appendStride(out, rune(r.Lo), rune(r.Hi), rune(r.Stride))
		}
	}
	return out.normal()
}

func appendStride(out set, lo, hi, stride rune) set {
	if stride == 1 {
		return append(out, span{lo, hi})
	}
	for r := lo; r <= hi; r += stride {
		out = append(out, span{r, r})
	}
	return out
}

var (
	digits     = set{{'0', '9'}}
	wordChars  = set{{'0', '9'}, {'A', 'Z'}, {'_', '_'}, {'a', 'z'}}
	spaces     = set{{'\t', '\r'}, {' ', ' '}}
	horizontal = set{{'\t', '\t'}, {' ', ' '}, {0xa0, 0xa0}, {0x1680, 0x1680}, {0x180e, 0x180e}, {0x2000, 0x200a}, {0x202f, 0x202f}, {0x205f, 0x205f}, {0x3000, 0x3000}}
	vertical   = set{{'\n', '\r'}, {0x85, 0x85}, {0x2028, 0x2029}}

	// posix are the \p{Name} classes of Java that are ASCII only, and its own names.
	posix = map[string]set{
		"Lower": {{'a', 'z'}}, "Upper": {{'A', 'Z'}}, "ASCII": {{0, 127}}, "Digit": digits,
		"Alpha": {{'A', 'Z'}, {'a', 'z'}}, "Alnum": {{'0', '9'}, {'A', 'Z'}, {'a', 'z'}},
		"Punct": {{'!', '/'}, {':', '@'}, {'[', '`'}, {'{', '~'}}, "Graph": {{'!', '~'}}, "Print": {{' ', '~'}},
		"Blank": {{'\t', '\t'}, {' ', ' '}}, "Cntrl": {{0, 31}, {127, 127}}, "Space": spaces,
		"XDigit": {{'0', '9'}, {'A', 'F'}, {'a', 'f'}},
	}
	binary = map[string][]*unicode.RangeTable{
		"ALPHABETIC": {unicode.L, unicode.Nl, unicode.Other_Alphabetic}, "IDEOGRAPHIC": {unicode.Ideographic},
		"LETTER": {unicode.L}, "LOWERCASE": {unicode.Ll, unicode.Other_Lowercase}, "UPPERCASE": {unicode.Lu, unicode.Other_Uppercase},
		"WHITE_SPACE": {unicode.White_Space}, "DIGIT": {unicode.Nd}, "PUNCTUATION": {unicode.P}, "CONTROL": {unicode.Cc},
	}
)

// property finds the set a \p{name} stands for.
func property(name string) (set, bool) {
	if s, ok := posix[name]; ok {
		return s, true
	}
	for _, prefix := range []string{"Is", "general_category=", "gc=", "script=", "sc="} {
		if rest, ok := strings.CutPrefix(name, prefix); ok {
			if t, ok := binary[strings.ToUpper(rest)]; ok && prefix == "Is" {
				return fromTable(t...), true
			}
			name = rest
			break
		}
	}
	switch name {
	case "javaLowerCase":
		return fromTable(unicode.Ll, unicode.Other_Lowercase), true
	case "javaUpperCase":
		return fromTable(unicode.Lu, unicode.Other_Uppercase), true
	case "javaWhitespace":
		return fromTable(unicode.White_Space), true
	case "LC":
		return fromTable(unicode.Lu, unicode.Ll, unicode.Lt), true
	case "L1":
		return set{{0, 255}}, true
	}
	if t, ok := unicode.Categories[name]; ok {
		return fromTable(t), true
	}
	for script, t := range unicode.Scripts {
		if strings.EqualFold(script, name) {
			return fromTable(t), true
		}
	}
	return nil, false
}

// classEscape reads an escape that means a set of characters, or a single one.
func (t *translator) classEscape() (set, rune, error) {
	start := t.at
	c, size := utf8.DecodeRuneInString(t.src[t.at+1:])
	t.at += 1 + size
	switch c {
	case 'd':
		return digits, 0, nil
	case 'D':
		return digits.negate(), 0, nil
	case 'w':
		return wordChars, 0, nil
	case 'W':
		return wordChars.negate(), 0, nil
	case 's':
		return spaces, 0, nil
	case 'S':
		return spaces.negate(), 0, nil
	case 'h':
		return horizontal, 0, nil
	case 'H':
		return horizontal.negate(), 0, nil
	case 'v':
		return vertical, 0, nil
	case 'V':
		return vertical.negate(), 0, nil
	case 't':
		return nil, '\t', nil
	case 'n':
		return nil, '\n', nil
	case 'r':
		return nil, '\r', nil
	case 'f':
		return nil, '\f', nil
	case 'a':
		return nil, 7, nil
	case 'e':
		return nil, 27, nil
	case 'c':
		if t.at < len(t.src) {
			t.at++
			return nil, rune(t.src[t.at-1] ^ 64), nil
		}
	case '0':
		return t.codePoint(start, 8, 3)
	case 'x':
		if t.take("{") {
			end := strings.IndexByte(t.src[t.at:], '}')
			if end > 0 {
				if n, err := strconv.ParseUint(t.src[t.at:t.at+end], 16, 32); err == nil && n <= unicode.MaxRune {
					t.at += end + 1
					return nil, rune(n), nil
				}
			}
			return nil, 0, t.fail(start, "illegal hexadecimal escape")
		}
		return t.codePoint(start, 16, 2)
	case 'u':
		return t.codePoint(start, 16, 4)
	case 'p', 'P':
		name := ""
		switch {
		case t.take("{"):
			end := strings.IndexByte(t.src[t.at:], '}')
			if end < 0 {
				return nil, 0, t.fail(start, "unclosed character family")
			}
			name = t.src[t.at : t.at+end]
			t.at += end + 1
		case t.at < len(t.src):
			name = t.src[t.at : t.at+1]
			t.at++
		}
		s, ok := property(name)
		if !ok {
			return nil, 0, t.fail(start, "unknown character property {%s}", name)
		}
		if c == 'P' {
			s = s.negate()
		}
		return s, 0, nil
	default:
		if c < utf8.RuneSelf && (c|0x20 >= 'a' && c|0x20 <= 'z') {
			break
		}
		return nil, c, nil
	}
	return nil, 0, t.fail(start, "illegal or unsupported escape sequence \\%c", c)
}

func (t *translator) codePoint(start, base, digits int) (set, rune, error) {
	end := t.at
	for end < len(t.src) && end < t.at+digits {
		if _, err := strconv.ParseUint(t.src[t.at:end+1], base, 32); err != nil {
			break
		}
		end++
	}
	n, err := strconv.ParseUint(t.src[t.at:end], base, 32)
	if err != nil || base == 16 && end-t.at < digits {
		return nil, 0, t.fail(start, "illegal escape sequence")
	}
	t.at = end
	return nil, rune(n), nil
}

func (t *translator) class() error {
	s, negated, err := t.set(0)
	if err != nil {
		return err
	}
	t.emitSet(s, negated)
	return nil
}

// set reads a [...] and returns its ranges, and whether ^ negates them.
func (t *translator) set(depth int) (out set, negated bool, err error) {
	start := t.at
	if depth > maxGroupDepth {
		return nil, false, t.fail(start, "character classes nest deeper than %d", maxGroupDepth)
	}
	t.at++
	negated = t.take("^")
	var left set
	hasLeft := false
	first := true
	for {
		if t.at >= len(t.src) {
			return nil, false, t.fail(start, "unclosed character class")
		}
		switch {
		case t.src[t.at] == ']' && !first:
			t.at++
			if hasLeft {
				out = left.intersect(out)
			}
			return out.normal(), negated, nil
		case t.take("&&"):
			if hasLeft {
				out = left.intersect(out)
			}
			left, hasLeft, out = out, true, nil
		case t.src[t.at] == '[':
			inner, neg, err := t.set(depth + 1)
			if err != nil {
				return nil, false, err
			}
			if neg {
				inner = inner.negate()
			}
			out = append(out, inner...)
		case t.take(`\Q`):
			text, _, found := strings.Cut(t.src[t.at:], `\E`)
			t.at += len(text)
			if found {
				t.at += 2
			}
			for _, r := range text {
				out = append(out, span{r, r})
			}
		default:
			if out, err = t.member(out); err != nil {
				return nil, false, err
			}
		}
		first = false
	}
}

// member reads one character, escape or range of a class.
func (t *translator) member(out set) (set, error) {
	start := t.at
	one := func() (set, rune, error) {
		if t.src[t.at] == '\\' {
			if t.at+1 >= len(t.src) {
				return nil, 0, t.fail(t.at, "a backslash ends the pattern")
			}
			return t.classEscape()
		}
		r, size := utf8.DecodeRuneInString(t.src[t.at:])
		t.at += size
		return nil, r, nil
	}
	s, lo, err := one()
	if err != nil {
		return nil, err
	}
	if s != nil {
		return append(out, s...), nil
	}
	hi := lo
	if t.peek("-") && t.at+1 < len(t.src) && t.src[t.at+1] != ']' && t.src[t.at+1] != '[' {
		t.at++
		s, r, err := one()
		if err != nil {
			return nil, err
		}
		if s != nil {
			return append(append(out, span{lo, lo}, span{'-', '-'}), s...), nil
		}
		hi = r
	}
	if hi < lo {
		return nil, t.fail(start, "illegal character range")
	}
	return append(out, span{lo, hi}), nil
}

func (t *translator) emitSet(s set, negated bool) {
	if len(s) == 0 {
		if negated {
			t.emit(`(?s:.)`, `(?s:.)`)
		} else {
			t.emit(`[^\x00-\x{10FFFF}]`, `(?!)`)
		}
		return
	}
	var fast, exact strings.Builder
	open := "["
	if negated {
		open = "[^"
	}
	fast.WriteString(open)
	exact.WriteString(open)
	for _, r := range s {
		fmt.Fprintf(&fast, `\x{%x}`, r.lo)
		exact.WriteString(exactRune(r.lo))
		if r.hi > r.lo {
			fmt.Fprintf(&fast, `-\x{%x}`, r.hi)
			exact.WriteString("-" + exactRune(r.hi))
		}
	}
	t.emit(fast.String()+"]", exact.String()+"]")
}

func exactRune(r rune) string {
	if r <= 0xffff {
		return fmt.Sprintf(`\u%04x`, r)
	}
	return string(r)
}
