package json

import (
	"bytes"
	"errors"
	"fmt"

	"seikan/engine/format/delimited"
	"seikan/engine/format/value"
	"seikan/engine/record"
)

// rowScanner finds the values of one row.
type rowScanner struct {
	keys   []string // each name in quotes, and a colon: what most often stands in front of a value
	index  map[string]int
	nested bool // the first column may be given as an object
}

func newRowScanner(rows *record.Schema) rowScanner {
	s := rowScanner{index: map[string]int{}}
	for i, c := range rows.Columns {
		s.keys = append(s.keys, string(append(value.AppendJSONString(nil, c.Name), ':')))
		s.index[c.Name] = i
	}
	if len(rows.Columns) > 0 {
		k := rows.Columns[0].Type.Kind
		s.nested = k == record.Row || k == record.Map || k == record.SparseFloatVector
	}
	return s
}

// lines is the scanner of files with one row a line.
type lines struct{ rowScanner }

func newLines(rows *record.Schema) *lines { return &lines{newRowScanner(rows)} }

// errNotLines tells what files of this format look like.
var errNotLines = errors.New("every line of a json file must hold one whole row, as in {\"a\":1}; a file with one large array, or with rows spread over lines, has to be rewritten first, for example by jq -c '.[]'")

// Scan implements delimited.Scanner.
func (l *lines) Scan(data []byte, last bool, g *delimited.Grid) int {
	at := 0
	for at < len(data) && g.Rows < g.Max {
		end, next := len(data), len(data)
		if i := bytes.IndexByte(data[at:], '\n'); i >= 0 {
			end, next = at+i, at+i+1
		} else if !last {
			break
		}
		from := value.SkipSpace(data[:end], at)
		for end > from && (data[end-1] == ' ' || data[end-1] == '\t' || data[end-1] == '\r') {
			end--
		}
		if from < end {
			if err := l.line(data, from, end, g); err != nil {
				g.FailRow(from, end, err)
			}
		}
		at = next
	}
	return at
}

func (l *lines) line(data []byte, from, end int, g *delimited.Grid) error {
	if data[from] == '[' && !l.nested {
		if i := value.SkipSpace(data[:end], from+1); i == end || data[i] == '{' {
			return errNotLines
		}
	}
	behind, err := l.row(data[:end], from, g)
	switch {
	case errors.Is(err, value.ErrJSONEnd):
		return fmt.Errorf("%w; %w", err, errNotLines)
	case err != nil:
		return err
	}
	if behind = value.SkipSpace(data[:end], behind); behind < end {
		return fmt.Errorf("JSON has %.20q behind its end; %w", data[behind:end], errNotLines)
	}
	count(g, from, end)
	return nil
}

// row finds the values of the row that begins at data[i] and returns the index behind it.
func (s *rowScanner) row(data []byte, i int, g *delimited.Grid) (int, error) {
	for c := range g.Columns {
		g.Cells[c*g.Max+g.Rows] = delimited.Cell{}
	}
	var behind int
	var err error
	switch data[i] {
	case '{':
		behind, err = s.object(data, i, g)
	case '[':
		behind, err = s.values(data, i, g)
	default:
		return i, fmt.Errorf("%.20q is no row: expected a JSON object, or an array of the values in order", data[i:])
	}
	if err != nil {
		return behind, located(err, behind-i)
	}
	return behind, nil
}

// count adds the row found from data[from] to data[to].
func count(g *delimited.Grid, from, to int) {
	g.Spans[g.Rows] = delimited.Cell{From: uint32(from), N: uint32(to - from)}
	g.Rows++
}

// located adds where in the row an error is.
func located(err error, at int) error {
	if errors.Is(err, value.ErrJSONEnd) {
		return err
	}
	return fmt.Errorf("%w (character %d of the row)", err, at+1)
}

func (s *rowScanner) object(data []byte, i int, g *delimited.Grid) (int, error) {
	at := value.SkipSpace(data, i+1)
	if at < len(data) && data[at] == '}' {
		return at + 1, nil
	}
	for next := 0; ; {
		i, column, err := s.key(data, at, next)
		if err != nil {
			return i, err
		}
		cell, behind, err := scanCell(data, i)
		if err != nil {
			return behind, err
		}
		if column >= 0 {
			g.Cells[column*g.Max+g.Rows] = cell
			next = column + 1
		}
		if behind = value.SkipSpace(data, behind); behind == len(data) {
			return behind, value.ErrJSONEnd
		}
		switch data[behind] {
		case ',':
		case '}':
			return behind + 1, nil
		default:
			return behind, value.Unexpected(data, behind, "a comma or }")
		}
		at = value.SkipSpace(data, behind+1)
	}
}

// key reads the member's name at data[i]. It returns where the value begins and its column, -1
// when there is none. next is the most likely column.
func (s *rowScanner) key(data []byte, i, next int) (at, column int, err error) {
	if next < len(s.keys) {
		if k := s.keys[next]; len(data)-i > len(k) && string(data[i:i+len(k)]) == k {
			return value.SkipSpace(data, i+len(k)), next, nil
		}
	}
	if at, err = value.ScanKey(data, i); err != nil {
		return at, -1, err
	}
	end, err := value.ScanString(data, i)
	if err != nil {
		return end, -1, err
	}
	name := data[i+1 : end-1]
	if bytes.IndexByte(name, '\\') >= 0 {
		if name, err = value.UnescapeJSON(nil, name); err != nil {
			return i, -1, err
		}
	}
	if c, ok := s.index[string(name)]; ok {
		return at, c, nil
	}
	return at, -1, nil
}

func (s *rowScanner) values(data []byte, i int, g *delimited.Grid) (int, error) {
	if i = value.SkipSpace(data, i+1); i < len(data) && data[i] == ']' {
		return i + 1, nil
	}
	for column := 0; ; column++ {
		cell, behind, err := scanCell(data, i)
		if err != nil {
			return behind, err
		}
		if column < g.Columns {
			g.Cells[column*g.Max+g.Rows] = cell
		}
		if behind = value.SkipSpace(data, behind); behind == len(data) {
			return behind, value.ErrJSONEnd
		}
		switch data[behind] {
		case ',':
		case ']':
			return behind + 1, nil
		default:
			return behind, value.Unexpected(data, behind, "a comma or ]")
		}
		i = value.SkipSpace(data, behind+1)
	}
}

// scanCell checks the value that begins at data[i] and returns the index behind it.
func scanCell(data []byte, i int) (delimited.Cell, int, error) {
	if i < len(data) && data[i] == '"' {
		end, err := value.ScanString(data, i)
		if err != nil {
			return delimited.Cell{}, end, err
		}
		n := uint32(end-i-2) | delimited.Quoted
		if bytes.IndexByte(data[i+1:end-1], '\\') >= 0 {
			n |= delimited.Escaped
		}
		return delimited.Cell{From: uint32(i + 1), N: n}, end, nil
	}
	end, err := value.ScanJSON(data, i)
	if err != nil || data[i] == 'n' {
		return delimited.Cell{}, end, err
	}
	return delimited.Cell{From: uint32(i), N: uint32(end - i)}, end, nil
}
