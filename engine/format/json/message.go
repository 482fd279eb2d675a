package json

import (
	"fmt"

	"seikan/engine/format/delimited"
	"seikan/engine/format/value"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// NewDecoder makes a decoder of messages: each one JSON object, over any number of lines, one
// array of the values of a row, or an array of objects, which are a row each.
func NewDecoder(rows *record.Schema) (*delimited.Decoder, error) {
	if err := delimited.Supported(rows, value.Options{}); err != nil {
		return nil, err
	}
	s := &delimited.Source{Scanner: &messages{rowScanner: newRowScanner(rows)}, Rules: rules, Rows: rows, Cells: rows.Names()}
	d, err := s.Decoder()
	return d, plugin.Permanent(err)
}

// messages is the scanner of messages.
type messages struct {
	rowScanner
	inside bool // in an array of objects
}

// Scan implements delimited.Scanner.
func (m *messages) Scan(data []byte, _ bool, g *delimited.Grid) int {
	i := value.SkipSpace(data, 0)
	if i == len(data) {
		return i
	}
	if !m.inside && data[i] == '[' && !m.nested {
		if j := value.SkipSpace(data, i+1); j < len(data) && (data[j] == '{' || data[j] == ']') {
			m.inside = true
			i = j
		}
	}
	var err error
	if m.inside {
		i, err = m.array(data, i, g)
	} else if i, err = m.row(data, i, g); err == nil {
		if i, err = ended(data, i); err == nil {
			count(g, 0, i)
		}
	}
	if err != nil {
		m.inside = false
		g.Rows = 0 // of a message that is wrong no row counts
		g.FailRow(0, len(data), err)
		return len(data)
	}
	return i
}

func ended(data []byte, i int) (int, error) {
	if i = value.SkipSpace(data, i); i < len(data) {
		return i, fmt.Errorf("JSON has %.20q behind its end", data[i:])
	}
	return i, nil
}

// array finds rows from data[i] on, which is the start of one or the end of the array, until
// the grid is full.
func (m *messages) array(data []byte, i int, g *delimited.Grid) (int, error) {
	for i < len(data) && data[i] != ']' {
		if g.Rows == g.Max {
			return i, nil
		}
		behind, err := m.row(data, i, g)
		if err != nil {
			return i, err
		}
		count(g, i, behind)
		i = value.SkipSpace(data, behind)
		if i < len(data) && data[i] == ',' {
			if i = value.SkipSpace(data, i+1); i < len(data) && data[i] == ']' {
				return i, value.Unexpected(data, i, "another object behind the comma")
			}
		} else if i < len(data) && data[i] != ']' {
			return i, value.Unexpected(data, i, "a comma or ]")
		}
	}
	if i == len(data) {
		return i, value.ErrJSONEnd
	}
	m.inside = false
	return ended(data, i+1)
}
