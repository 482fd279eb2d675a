package delimited

import "bytes"

// scanSlow handles delimiters of several bytes and whole rows.
func (l *Lines) scanSlow(data []byte, last bool, g *Grid) int {
	row := 0
	for row < len(data) && g.Rows < g.Max {
		next := l.slowRow(data, row, last, g)
		if next < 0 {
			break
		}
		row = next
	}
	return row
}

// slowRow finds the row from data[row] on and returns where the next one begins, or -1 when
// the row is not complete.
func (l *Lines) slowRow(data []byte, row int, last bool, g *Grid) int {
	cell := g.Rows
	for start := row; ; {
		if l.Quotes && start < len(data) && data[start] == '"' {
			c, next, state := quotedField(data, start, last)
			switch state {
			case fieldCut:
				return -1
			case fieldOpen:
				g.FailRow(row, len(data), errOpenQuote)
				return len(data)
			}
			field, delim, end := l.next(data, next)
			if end < 0 && !last {
				return -1
			}
			if field > next && !(data[next] == '\r' && field == next+1) {
				g.Fail(g.Rows, "", errBehindQuote)
			}
			if !l.Whole && cell < g.Columns*g.Max+g.Rows {
				g.Cells[cell] = c
				cell += g.Max
			}
			if delim {
				start = end
				continue
			}
			return l.endSlow(data, row, field, end, cell, g)
		}
		field, delim, end := l.next(data, start)
		if end < 0 && !last {
			return -1
		}
		if delim {
			if !l.Whole && cell < g.Columns*g.Max+g.Rows {
				g.Cells[cell] = Cell{uint32(start), uint32(field - start)}
				cell += g.Max
			}
			start = end
			continue
		}
		if field > start && data[field-1] == '\r' {
			field--
		}
		if field == row && l.SkipEmpty {
			if end < 0 {
				return len(data)
			}
			return end
		}
		if !l.Whole && cell < g.Columns*g.Max+g.Rows {
			g.Cells[cell] = Cell{uint32(start), uint32(field - start)}
			cell += g.Max
		}
		return l.endSlow(data, row, field, end, cell, g)
	}
}

// next finds the delimiter or line end that comes first from data[i] on. end is the index
// behind it, or -1 when data ends before.
func (l *Lines) next(data []byte, i int) (field int, delim bool, end int) {
	line := bytes.IndexByte(data[i:], '\n')
	within := data[i:]
	if line >= 0 {
		within = within[:line]
	}
	if !l.Whole || l.Quotes {
		if d := bytes.Index(within, l.Delim); d >= 0 {
			return i + d, true, i + d + len(l.Delim)
		}
	}
	if line < 0 {
		return len(data), false, -1
	}
	return i + line, false, i + line + 1
}

func (l *Lines) endSlow(data []byte, row, field, end, cell int, g *Grid) int {
	if l.Whole {
		if field > row && data[field-1] == '\r' {
			field--
		}
		g.Cells[g.Rows] = Cell{uint32(row), uint32(field - row)}
		cell = g.Rows + g.Columns*g.Max
	}
	l.padRow(data, row, field, cell, g)
	if end < 0 {
		return len(data)
	}
	return end
}
