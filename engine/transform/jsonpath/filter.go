package jsonpath

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/ohler55/ojg/jp"

	"seikan/engine/format/value"
)

// flagged finds a regular expression with flags, which Jayway writes behind the closing slash.
var flagged = regexp.MustCompile(`=~\s*/((?:[^/\\]|\\.)*)/([a-zA-Z]*)`)

// notIn finds Jayway's operator for "is not one of".
var notIn = regexp.MustCompile(`(@[^\s()]*)\s+nin\s+(\[[^\]]*\])`)

// filter reads [?(…)]; the test inside is that of ojg, after Jayway's spellings are changed.
func (p *pathParser) filter() (step, error) {
	start, depth := p.at, 0
	for ; p.at < len(p.text); p.at++ {
		switch c := p.text[p.at]; c {
		case '\'', '"', '/':
			for p.at++; p.at < len(p.text) && p.text[p.at] != c; p.at++ {
				if p.text[p.at] == '\\' {
					p.at++
				}
			}
		case '$':
			return step{}, p.fail("a filter of @ only: the whole document cannot be asked here")
		case '[', '(':
			depth++
		case ')':
			depth--
		case ']':
			if depth--; depth >= 0 {
				continue
			}
			text := p.text[start:p.at]
			p.at++
			return p.compile(text)
		}
	}
	p.at = start
	return step{}, p.fail("a filter that ends in ]")
}

func (p *pathParser) compile(text string) (s step, err error) {
	text = flagged.ReplaceAllStringFunc(text, func(m string) string {
		parts := flagged.FindStringSubmatch(m)
		if parts[2] == "" {
			return m
		}
		return "=~ /(?" + strings.ToLower(parts[2]) + ")" + parts[1] + "/"
	})
	text = notIn.ReplaceAllString(text, "!($1 in $2)")
	if s.filter, err = jp.NewFilter("[" + text + "]"); err != nil {
		return s, p.fail("a filter of ==, !=, <, <=, >, >=, =~, in, nin, empty, &&, ||, ! in place of %q (%v)", text, err)
	}
	return s, nil
}

// decode makes the Go values that filters test out of checked JSON.
func decode(raw []byte) any {
	switch raw[0] {
	case '{':
		out := map[string]any{}
		members(raw, func(key, v []byte) bool { out[text(key)] = decode(v); return true })
		return out
	case '[':
		out := []any{}
		elements(raw, func(v []byte) bool { out = append(out, decode(v)); return true })
		return out
	case '"':
		return text(raw)
	case 't':
		return true
	case 'f':
		return false
	case 'n':
		return nil
	}
	if n, err := strconv.ParseInt(string(raw), 10, 64); err == nil {
		return n
	}
	f, _ := strconv.ParseFloat(string(raw), 64) // beyond the range: infinite, which compares right
	return f
}

// text is what a checked JSON string stands for.
func text(raw []byte) string {
	out, err := value.UnescapeJSON(nil, raw[1:len(raw)-1])
	if err != nil { // a lone surrogate, say: compare what is written
		return string(raw[1 : len(raw)-1])
	}
	return string(out)
}
