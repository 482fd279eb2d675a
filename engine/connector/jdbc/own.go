package jdbc

import (
	"errors"
	"fmt"
	"strings"

	"seikan/engine/record"
)

// ownStatement is the job's own SQL with its parameters found.
type ownStatement struct {
	pieces  []string // text before each parameter, and the rest
	columns []int    // input column of each parameter
}

// parseOwn finds the ? or :column parameters outside of texts, quoted names and comments.
func parseOwn(query string, input *record.Schema) (*ownStatement, error) {
	out := &ownStatement{}
	var marks, names int
	start, i := 0, 0
	for i < len(query) {
		c := query[i]
		switch {
		case c == '\'' || c == '"' || c == '`':
			end := strings.IndexByte(query[i+1:], c)
			if end < 0 {
				return nil, fmt.Errorf("the %c at character %d is never closed", c, i+1)
			}
			i += end + 2
		case strings.HasPrefix(query[i:], "--"):
			if end := strings.IndexByte(query[i:], '\n'); end >= 0 {
				i += end + 1
			} else {
				i = len(query)
			}
		case strings.HasPrefix(query[i:], "/*"):
			end := strings.Index(query[i:], "*/")
			if end < 0 {
				return nil, fmt.Errorf("the comment at character %d is never closed", i+1)
			}
			i += end + 2
		case c == '?':
			if marks++; marks > len(input.Columns) {
				return nil, fmt.Errorf("has more ? than the input has columns (%d: %s)", len(input.Columns), strings.Join(input.Names(), ", "))
			}
			out.pieces = append(out.pieces, query[start:i])
			out.columns = append(out.columns, marks-1)
			i++
			start = i
		case strings.HasPrefix(query[i:], "::"): // a cast
			i += 2
		case c == ':' && i+1 < len(query) && word(query[i+1]):
			end := i + 1
			for end < len(query) && word(query[end]) {
				end++
			}
			name := query[i+1 : end]
			column := input.Index(name)
			if column < 0 {
				return nil, fmt.Errorf("the input has no column %q for :%s; it has %s", name, name, strings.Join(input.Names(), ", "))
			}
			names++
			out.pieces = append(out.pieces, query[start:i])
			out.columns = append(out.columns, column)
			i, start = end, end
		default:
			i++
		}
	}
	switch {
	case marks > 0 && names > 0:
		return nil, errors.New("mixes ? and :column; use one of them")
	case names == 0 && marks != len(input.Columns):
		return nil, fmt.Errorf("has %d ? for the %d columns %s; use :column to leave some out", marks, len(input.Columns), strings.Join(input.Names(), ", "))
	}
	out.pieces = append(out.pieces, query[start:])
	return out, nil
}

func word(c byte) bool {
	return c == '_' || c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= 0x80
}

// text is the statement in the dialect's own placeholders.
func (o *ownStatement) text(d dialect) string {
	var b strings.Builder
	for i := range o.columns {
		b.WriteString(o.pieces[i])
		b.WriteString(d.parameter(i + 1))
	}
	b.WriteString(o.pieces[len(o.pieces)-1])
	return b.String()
}
