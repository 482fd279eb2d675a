package javaregex

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"
)

// translator rewrites a Java pattern for both engines at once.
type translator struct {
	src         string
	at          int
	fast, exact strings.Builder
	exactOnly   bool
	lines       bool
	words       bool
	groups      int
	names       map[string]int
	mode
	depth int
}

// mode holds the flags whose meaning the translation spells out.
type mode struct{ multiline, dotAll, comments bool }

const (
	maxGroupDepth = 200
	terminator    = `\n\r\x{85}\x{2028}\x{2029}`
	terminator2   = `\n\r\u0085\u2028\u2029`
)

func (t *translator) fail(at int, format string, args ...any) error {
	return fmt.Errorf("%s near position %d", fmt.Sprintf(format, args...), at+1)
}

func (t *translator) emit(fast, exact string) {
	t.fast.WriteString(fast)
	t.exact.WriteString(exact)
}

// only emits what the fast engine does not have.
func (t *translator) only(exact string) {
	t.exactOnly = true
	t.exact.WriteString(exact)
}

func (t *translator) literal(r rune) {
	q := regexp.QuoteMeta(string(r))
	switch {
	case r < ' ' || r == '#' || r == ' ':
		q = fmt.Sprintf(`\x%02x`, r)
	}
	t.emit(q, q)
}

func (t *translator) peek(s string) bool { return strings.HasPrefix(t.src[t.at:], s) }

func (t *translator) take(s string) bool {
	if t.peek(s) {
		t.at += len(s)
		return true
	}
	return false
}

func (t *translator) run() error {
	if err := t.alternatives(); err != nil {
		return err
	}
	if t.at < len(t.src) {
		return t.fail(t.at, "unmatched closing ')'")
	}
	return nil
}

// alternatives reads up to the end or the ) of the group it is in.
func (t *translator) alternatives() error {
	saved := t.mode
	defer func() { t.mode = saved }()
	for t.at < len(t.src) && t.src[t.at] != ')' {
		if t.src[t.at] == '|' {
			t.at++
			t.emit("|", "|")
			continue
		}
		if t.comments && t.skipComment() {
			continue
		}
		exact := t.exact.Len()
		repeatable, err := t.atom()
		if err != nil {
			return err
		}
		if err := t.quantifier(exact, repeatable); err != nil {
			return err
		}
	}
	return nil
}

func (t *translator) skipComment() bool {
	switch c := t.src[t.at]; {
	case c == ' ' || c >= '\t' && c <= '\r':
		t.at++
	case c == '#':
		for t.at < len(t.src) && t.src[t.at] != '\n' {
			t.at++
		}
	default:
		return false
	}
	return true
}

// atom translates one element; repeatable is false for what a quantifier cannot follow.
func (t *translator) atom() (repeatable bool, err error) {
	start := t.at
	r, size := utf8.DecodeRuneInString(t.src[t.at:])
	switch r {
	case '(':
		return t.group()
	case '[':
		return true, t.class()
	case '\\':
		return t.escape()
	case '*', '+', '?':
		return false, t.fail(start, "dangling meta character '%c'", r)
	case '{':
		return false, t.fail(start, "illegal repetition")
	}
	t.at += size
	switch r {
	case '.':
		if t.dotAll {
			t.emit("(?s:.)", "(?s:.)")
		} else {
			t.emit("[^"+terminator+"]", "[^"+terminator2+"]")
		}
	case '^':
		if t.multiline {
			t.lines = true
			t.emit("(?m:^)", `(?:\A|(?<=[\n\u0085\u2028\u2029]|\r(?!\n))(?!\z))`)
		} else {
			t.emit(`\A`, `\A`)
		}
	case '$':
		t.end()
	default:
		t.literal(r)
	}
	return true, nil
}

func (t *translator) end() {
	t.lines = true
	if t.multiline {
		t.emit("(?m:$)", `(?=[`+terminator2+`]|\z)`)
	} else {
		t.emit(`\z`, `(?=(?:\r\n|[`+terminator2+`])?\z)`)
	}
}

// quantifier reads what may follow an atom, whose exact translation starts at exact.
func (t *translator) quantifier(exact int, repeatable bool) error {
	for t.comments && t.at < len(t.src) && t.skipComment() {
	}
	if t.at >= len(t.src) {
		return nil
	}
	start := t.at
	switch t.src[t.at] {
	case '*', '+', '?':
		t.at++
	case '{':
		for t.at++; t.at < len(t.src) && (t.src[t.at] >= '0' && t.src[t.at] <= '9' || t.src[t.at] == ','); t.at++ {
		}
		if !t.take("}") || t.src[start+1] == ',' || t.src[start+1] == '}' {
			return t.fail(start, "illegal repetition")
		}
		lo, hi, ranged := strings.Cut(t.src[start+1:t.at-1], ",")
		n, err1 := strconv.Atoi(lo)
		m, err2 := strconv.Atoi(hi)
		if err1 != nil || ranged && hi != "" && (err2 != nil || m < n) || n > 1<<20 || m > 1<<20 {
			return t.fail(start, "illegal repetition range")
		}
	default:
		return nil
	}
	if !repeatable {
		return t.fail(start, "dangling meta character '%c'", t.src[start])
	}
	q := t.src[start:t.at]
	switch {
	case t.take("?"):
		t.emit(q+"?", q+"?")
	case t.take("+"):
		all := t.exact.String()
		t.exact.Reset()
		t.exact.WriteString(all[:exact])
		t.only("(?>" + all[exact:] + q + ")")
	default:
		t.emit(q, q)
	}
	return nil
}

func (t *translator) group() (bool, error) {
	start := t.at
	t.at++
	if t.depth++; t.depth > maxGroupDepth {
		return false, t.fail(start, "groups nest deeper than %d", maxGroupDepth)
	}
	defer func() { t.depth-- }()
	switch {
	case !t.peek("?"):
		t.groups++
		t.emit("(", "(")
	case t.take("?:"):
		t.emit("(?:", "(?:")
	case t.take("?="):
		t.only("(?=")
	case t.take("?!"):
		t.only("(?!")
	case t.take("?<="):
		t.only("(?<=")
	case t.take("?<!"):
		t.only("(?<!")
	case t.take("?>"):
		t.only("(?>")
	case t.take("?<"):
		end := strings.IndexByte(t.src[t.at:], '>')
		if end <= 0 {
			return false, t.fail(start, "group name without '>'")
		}
		name := t.src[t.at : t.at+end]
		if _, taken := t.names[name]; taken {
			return false, t.fail(start, "named group <%s> is already defined", name)
		}
		t.at += end + 1
		t.groups++
		t.names[name] = t.groups
		t.emit("(", "(")
	default:
		return t.flags(start)
	}
	return true, t.close(start)
}

func (t *translator) close(start int) error {
	if err := t.alternatives(); err != nil {
		return err
	}
	if !t.take(")") {
		return t.fail(start, "unclosed group")
	}
	t.emit(")", ")")
	return nil
}

// flags reads (?ims) and (?i-s:x).
func (t *translator) flags(start int) (bool, error) {
	t.at++ // ?
	saved, on, fold := t.mode, true, ""
	for ; t.at < len(t.src); t.at++ {
		switch t.src[t.at] {
		case '-':
			on = false
			continue
		case 'i':
			fold = "i"
			if !on {
				fold = "-i"
			}
		case 'm':
			t.multiline = on
		case 's':
			t.dotAll = on
		case 'x':
			t.comments = on
		case 'u', 'd', 'U': // case folding is Unicode's anyway
		case ')':
			t.at++
			if fold != "" {
				t.emit("(?"+fold+")", "(?"+fold+")")
			}
			return false, nil
		case ':':
			t.at++
			t.emit("(?"+fold+":", "(?"+fold+":")
			err := t.close(start)
			t.mode = saved
			return true, err
		default:
			return false, t.fail(t.at, "unknown inline modifier '%c'", t.src[t.at])
		}
	}
	return false, t.fail(start, "unclosed group")
}

// escape translates what a backslash begins outside a class.
func (t *translator) escape() (bool, error) {
	start := t.at
	if t.at+1 >= len(t.src) {
		return false, t.fail(start, "a backslash ends the pattern")
	}
	c := t.src[t.at+1]
	switch c {
	case 'Q':
		t.at += 2
		text, _, found := strings.Cut(t.src[t.at:], `\E`)
		t.at += len(text)
		if found {
			t.at += 2
		}
		if text == "" {
			return false, nil
		}
		for _, r := range text {
			t.literal(r)
		}
		return true, nil
	case 'E':
		t.at += 2
		return false, nil
	case 'A', 'z':
		t.at += 2
		t.emit(`\`+string(c), `\`+string(c))
		return true, nil
	case 'Z':
		t.at += 2
		saved := t.mode
		t.multiline = false
		t.end()
		t.mode = saved
		return true, nil
	case 'G':
		t.at += 2
		t.only(`\G`)
		return true, nil
	case 'b', 'B':
		t.at += 2
		t.words = true
		t.emit(`\`+string(c), `\`+string(c))
		return true, nil
	case 'R':
		t.at += 2
		t.emit(`(?:\r\n|[\n\x0b\f\r\x{85}\x{2028}\x{2029}])`, `(?:\r\n|[\n\x0b\f\r\u0085\u2028\u2029])`)
		return true, nil
	case 'k':
		end := strings.IndexByte(t.src[t.at:], '>')
		if !strings.HasPrefix(t.src[t.at+2:], "<") || end < 0 {
			return false, t.fail(start, `\k is not followed by '<' for a group name`)
		}
		name := t.src[t.at+3 : t.at+end]
		n, ok := t.names[name]
		if !ok {
			return false, t.fail(start, "named group <%s> does not exist", name)
		}
		t.at += end + 1
		t.only(fmt.Sprintf(`(?:\%d)`, n))
		return true, nil
	}
	if c >= '1' && c <= '9' {
		t.at += 2
		n := int(c - '0')
		for t.at < len(t.src) && t.src[t.at] >= '0' && t.src[t.at] <= '9' && n*10+int(t.src[t.at]-'0') <= t.groups {
			n = n*10 + int(t.src[t.at]-'0')
			t.at++
		}
		if n > t.groups {
			t.only("(?!)") // Java: a group that is not there never matches
		} else {
			t.only(fmt.Sprintf(`(?:\%d)`, n))
		}
		return true, nil
	}
	set, r, err := t.classEscape()
	if err != nil {
		return false, err
	}
	if set != nil {
		t.emitSet(set, false)
	} else {
		t.literal(r)
	}
	return true, nil
}
