package delimited

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math/bits"
)

// Lines is the Scanner of rows that are lines (ended by \n or \r\n) of fields between
// delimiters.
type Lines struct {
	Delim []byte // at least one byte, none of them \r or \n
	// Quotes says that a field that begins with a double quote ends at the next one, with ""
	// for a quote inside, and may hold delimiters and line ends (RFC 4180). A quote anywhere
	// else is text.
	Quotes bool
	// Whole makes the whole row, quotes included, its only cell.
	Whole bool
	// SkipEmpty leaves out lines with nothing in them.
	SkipEmpty bool
}

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// errOpenQuote is a row that the end of the file cuts off inside a quoted field.
var errOpenQuote = errors.New(`a quoted field is not closed before the end of the file; expected a double quote ("), and "" for a quote inside the field`)

// errBehindQuote is a row that goes on where a field has ended.
var errBehindQuote = errors.New(`text stands behind the closing quote of a field; expected a delimiter or the line's end, and "" for a quote inside the field`)

// Scan implements Scanner.
func (l *Lines) Scan(data []byte, last bool, g *Grid) int {
	if len(l.Delim) > 1 || l.Whole {
		return l.scanSlow(data, last, g)
	}
	var (
		delim  = l.Delim[0]
		delims = ones * uint64(delim)
		n      = len(data)
		row    = 0 // where the row begins
		start  = 0 // where the field begins
		cell   = g.Rows
		end    = g.Columns*g.Max + g.Rows
		i      = 0
	)
	if l.Quotes && n > 0 && data[0] == '"' {
		goto quoted
	}
scan:
	for i+8 <= n {
		// Bytes that are the delimiter or a line feed become zero in x or y; the classic test
		// for zero bytes may also mark a byte behind one, so each mark is looked at.
		w := binary.LittleEndian.Uint64(data[i:])
		x, y := w^delims, w^(ones*'\n')
		marks := ((x-ones)&^x | (y-ones)&^y) & highs
		for marks != 0 {
			k := i + bits.TrailingZeros64(marks)>>3
			marks &= marks - 1
			switch data[k] {
			case delim:
				if cell < end {
					g.Cells[cell] = Cell{uint32(start), uint32(k - start)}
					cell += g.Max
				}
			case '\n':
				if l.endRow(data, row, start, k, cell, g) {
					return k + 1
				}
				row = k + 1
				cell, end = g.Rows, g.Columns*g.Max+g.Rows
			default:
				continue
			}
			if start = k + 1; l.Quotes && start < n && data[start] == '"' {
				goto quoted
			}
		}
		i += 8
	}
	for ; i < n; i++ {
		switch data[i] {
		case delim:
			if cell < end {
				g.Cells[cell] = Cell{uint32(start), uint32(i - start)}
				cell += g.Max
			}
		case '\n':
			if l.endRow(data, row, start, i, cell, g) {
				return i + 1
			}
			row = i + 1
			cell, end = g.Rows, g.Columns*g.Max+g.Rows
		default:
			continue
		}
		if start = i + 1; l.Quotes && start < n && data[start] == '"' {
			goto quoted
		}
	}
	if last && row < n {
		l.endRow(data, row, start, n, cell, g)
		return n
	}
	return row

quoted:
	{
		c, next, state := quotedField(data, start, last)
		switch state {
		case fieldCut:
			return row
		case fieldOpen:
			g.FailRow(row, n, errOpenQuote)
			return n
		}
		if next < n && data[next] != delim && !lineEnd(data, next) {
			g.Fail(g.Rows, "", errBehindQuote)
		}
		if cell < end {
			g.Cells[cell] = c
			cell += g.Max
		}
		// What follows up to the next delimiter is not part of any cell.
		for i = next; i < n && data[i] != delim && data[i] != '\n'; i++ {
		}
		switch {
		case i == n:
			if last {
				l.padRow(data, row, n, cell, g)
				return n
			}
			return row
		case data[i] == '\n':
			l.padRow(data, row, i, cell, g)
			if row = i + 1; g.Rows == g.Max {
				return row
			}
			cell, end = g.Rows, g.Columns*g.Max+g.Rows
		}
		i++
		if start = i; start < n && data[start] == '"' {
			goto quoted
		}
		goto scan
	}
}

// lineEnd reports whether a line ends at data[i].
func lineEnd(data []byte, i int) bool {
	return data[i] == '\n' || data[i] == '\r' && (i+1 == len(data) || data[i+1] == '\n')
}

// endRow stores the last field, which ends before data[k], and the row. It reports whether
// the grid is full.
func (l *Lines) endRow(data []byte, row, start, k, cell int, g *Grid) bool {
	if k > start && data[k-1] == '\r' {
		k--
	}
	if k == row && l.SkipEmpty {
		return false
	}
	if cell < g.Columns*g.Max+g.Rows {
		g.Cells[cell] = Cell{uint32(start), uint32(k - start)}
		cell += g.Max
	}
	return l.padRow(data, row, k, cell, g)
}

// padRow makes the cells that the row lacks null, and counts the row.
func (l *Lines) padRow(data []byte, row, k, cell int, g *Grid) bool {
	for end := g.Columns*g.Max + g.Rows; cell < end; cell += g.Max {
		g.Cells[cell] = Cell{}
	}
	if k > row && data[k-1] == '\r' {
		k--
	}
	g.Spans[g.Rows] = Cell{uint32(row), uint32(k - row)}
	if len(g.failed) > 0 {
		if _, bad := g.failed[g.Rows]; bad {
			for c := range g.Columns {
				g.Cells[c*g.Max+g.Rows] = Cell{}
			}
		}
	}
	g.Rows++
	return g.Rows == g.Max
}

type fieldState uint8

const (
	fieldClosed fieldState = iota
	fieldCut               // data does not hold enough to tell
	fieldOpen              // nothing follows, and the closing quote is missing
)

// quotedField reads the field whose opening quote is data[start]. next is the index behind
// its closing quote.
func quotedField(data []byte, start int, last bool) (c Cell, next int, state fieldState) {
	escaped := uint32(0)
	for j := start + 1; ; {
		p := bytes.IndexByte(data[j:], '"')
		if p < 0 {
			if last {
				return c, len(data), fieldOpen
			}
			return c, 0, fieldCut
		}
		q := j + p
		switch {
		case q+1 < len(data) && data[q+1] == '"':
			escaped = Escaped
			j = q + 2
			continue
		case q+1 == len(data) && !last, q+2 == len(data) && data[q+1] == '\r' && !last:
			return c, 0, fieldCut
		}
		return Cell{uint32(start + 1), uint32(q-start-1) | Quoted | escaped}, q + 1, fieldClosed
	}
}
