package javaregex

import (
	"fmt"
	"strconv"
	"strings"
)

// Replacement is a compiled replacement text: $1, ${name} and backslash escapes.
type Replacement struct {
	parts  []part
	goText string // the same in the form of Go's regexp
	groups int    // how many parts are groups
}

// part is literal text, or a group when text is empty.
type part struct {
	text  string
	group int
}

// Replacement compiles a replacement for matches of r, by the rules of
// java.util.regex.Matcher.appendReplacement.
func (r *Regexp) Replacement(text string) (*Replacement, error) {
	out := &Replacement{}
	var lit strings.Builder
	flush := func() {
		if lit.Len() > 0 {
			out.parts = append(out.parts, part{text: lit.String()})
			out.goText += strings.ReplaceAll(lit.String(), "$", "$$")
			lit.Reset()
		}
	}
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			if i++; i == len(text) {
				return nil, fmt.Errorf("replacement %q: a backslash at the end escapes nothing; write two for one", text)
			}
			lit.WriteByte(text[i])
		case '$':
			group, next, err := r.reference(text, i+1)
			if err != nil {
				return nil, fmt.Errorf("replacement %q: %w", text, err)
			}
			flush()
			out.parts = append(out.parts, part{group: group})
			out.goText += "${" + strconv.Itoa(group) + "}"
			out.groups++
			i = next - 1
		default:
			lit.WriteByte(text[i])
		}
	}
	flush()
	return out, nil
}

// reference reads what follows a $ at i.
func (r *Regexp) reference(text string, i int) (group, next int, err error) {
	if i < len(text) && text[i] == '{' {
		end := strings.IndexByte(text[i:], '}')
		if end < 0 {
			return 0, 0, fmt.Errorf("the ${ at position %d is not closed", i)
		}
		name := text[i+1 : i+end]
		group, ok := r.names[name]
		if !ok {
			return 0, 0, fmt.Errorf("no group is named %q", name)
		}
		return group, i + end + 1, nil
	}
	if i >= len(text) || text[i] < '0' || text[i] > '9' {
		return 0, 0, fmt.Errorf("the $ at position %d is not followed by a group number; write \\$ for a dollar sign", i)
	}
	group = int(text[i] - '0')
	for i++; i < len(text) && text[i] >= '0' && text[i] <= '9'; i++ {
		longer := group*10 + int(text[i]-'0')
		if longer > r.groups {
			break
		}
		group = longer
	}
	if group > r.groups {
		return 0, 0, fmt.Errorf("no group %d; the expression has %d", group, r.groups)
	}
	return group, i, nil
}

// Replace appends s to dst with the first n matches replaced, all of them when n < 0. Results
// of more than limit bytes are an error.
func (r *Regexp) Replace(dst []byte, s string, with *Replacement, n, limit int) ([]byte, error) {
	most := (len(s) + 1) * (len(with.goText) + with.groups*len(s)) // an upper bound of the result
	if n < 0 && !r.empty && most < limit && r.fastFor(s) {
		if with.groups == 0 && len(with.parts) < 2 {
			text := ""
			if len(with.parts) == 1 {
				text = with.parts[0].text
			}
			return append(dst, r.fast.ReplaceAllLiteralString(s, text)...), nil
		}
		return append(dst, r.fast.ReplaceAllString(s, with.goText)...), nil
	}
	matches, err := r.Find(s, 0, n)
	if err != nil {
		return dst, err
	}
	start, last := len(dst), 0
	for _, m := range matches {
		dst = append(dst, s[last:m[0]]...)
		for _, p := range with.parts {
			if p.text != "" {
				dst = append(dst, p.text...)
			} else if from := m[2*p.group]; from >= 0 {
				dst = append(dst, s[from:m[2*p.group+1]]...)
			}
		}
		if len(dst)-start > limit {
			return dst, fmt.Errorf("the replaced text is longer than %d bytes", limit)
		}
		last = m[1]
	}
	return append(dst, s[last:]...), nil
}
