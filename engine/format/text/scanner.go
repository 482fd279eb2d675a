package text

import (
	"bytes"
	"fmt"
	"regexp"
	"strings"

	"seikan/engine/format/delimited"
	"seikan/engine/format/value"
	"seikan/engine/plugin"
	"seikan/engine/record"
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

// NewDecoder makes a decoder of messages that are one line each, whatever line ends are in them.
func NewDecoder(rows *record.Schema, delim string, o value.Options) (*delimited.Decoder, error) {
	scanner, err := Scanner(delim, false)
	if err != nil {
		return nil, plugin.Permanent(err)
	}
	if err := delimited.Supported(rows, o); err != nil {
		return nil, err
	}
	s := &delimited.Source{Scanner: message{scanner}, Values: o, Rows: rows, Cells: rows.Names()}
	d, err := s.Decoder()
	return d, plugin.Permanent(err)
}

// message makes one row of a text, line ends included.
type message struct{ lines delimited.Scanner }

// Scan implements delimited.Scanner.
func (m message) Scan(data []byte, _ bool, g *delimited.Grid) int {
	switch s := m.lines.(type) {
	case *patternScanner:
		s.split(data, 0, len(data), g)
	case *delimited.Lines:
		start := 0
		for c := range g.Columns {
			cell := &g.Cells[c*g.Max+g.Rows]
			if start < 0 {
				*cell = delimited.Cell{}
				continue
			}
			end, next := len(data), -1
			if i := bytes.Index(data[start:], s.Delim); i >= 0 {
				end, next = start+i, start+i+len(s.Delim)
			}
			*cell = delimited.Cell{From: uint32(start), N: uint32(end - start)}
			start = next
		}
		g.Spans[g.Rows] = delimited.Cell{N: uint32(len(data))}
		g.Rows++
	}
	return len(data)
}
