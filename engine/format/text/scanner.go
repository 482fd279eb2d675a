package text

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"seikan/engine/format/delimited"
)

// Scanner makes the scanner for a field_delimiter, \u0001 when it is empty. whole makes the
// line the only cell.
func Scanner(delim string, whole bool) (delimited.Scanner, error) {
	if delim == "" {
		delim = defaultDelimiter
	}
	literal, re, err := delimited.Pattern(delim)
	switch {
	case err != nil:
		return nil, fmt.Errorf("%q is no regular expression: %w", delim, err)
	case re != nil && !whole:
		return &patternScanner{re}, nil
	case strings.ContainsAny(literal, "\r\n"):
		return nil, fmt.Errorf("%q holds a line end, which separates rows", delim)
	case literal == "":
		literal = defaultDelimiter // a pattern, of no use where lines stay whole
	}
	return &delimited.Lines{Delim: []byte(literal), Whole: whole}, nil
}

// patternScanner splits lines by a regular expression.
type patternScanner struct{ re *regexp.Regexp }

// Scan implements delimited.Scanner.
func (p *patternScanner) Scan(data []byte, last bool, g *delimited.Grid) int {
	row := 0
	for row < len(data) && g.Rows < g.Max {
		end, next := len(data), len(data)
		if i := bytes.IndexByte(data[row:], '\n'); i >= 0 {
			end, next = row+i, row+i+1
		} else if !last {
			break
		}
		if end > row && data[end-1] == '\r' {
			end--
		}
		p.split(data, row, end, g)
		row = next
	}
	return row
}

func (p *patternScanner) split(data []byte, row, end int, g *delimited.Grid) {
	start := row
	matches := p.re.FindAllIndex(data[row:end], -1)
	for c := range g.Columns {
		cell := &g.Cells[c*g.Max+g.Rows]
		switch {
		case start < 0:
			*cell = delimited.Cell{}
		case c < len(matches):
			*cell = delimited.Cell{From: uint32(start), N: uint32(row + matches[c][0] - start)}
			start = row + matches[c][1]
		default:
			*cell = delimited.Cell{From: uint32(start), N: uint32(end - start)}
			start = -1
		}
	}
	g.Spans[g.Rows] = delimited.Cell{From: uint32(row), N: uint32(end - row)}
	g.Rows++
}
