package excel

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/format/value"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// cell is a cell of the current row.
type cell struct {
	kind    string // attribute t: s, str, inlineStr, b, e, d; "" and n are numbers
	style   int
	text    []byte
	present bool // there is a value
	formula bool
}

// scanner is a rowwise.Rows of a sheet.
type scanner struct {
	book    *book
	reading *reading
	part    io.ReadCloser
	parser  *parser
	appends []value.Append
	wanted  []int // for each column of the sheet the one of the schema, -1 for none

	number int64 // of the current row in the sheet, from 1
	cells  []cell
	bytes  int
	buf    []byte
}

func newScanner(b *book, r *reading, schema *record.Schema) (*scanner, error) {
	name, err := b.find(r.sheet)
	if err != nil {
		return nil, err
	}
	s := &scanner{book: b, reading: r, cells: make([]cell, len(schema.Columns))}
	for i, from := range r.from {
		for len(s.wanted) <= from {
			s.wanted = append(s.wanted, -1)
		}
		s.wanted[from] = i
		s.appends = append(s.appends, value.Appender(schema.Columns[i].Type, value.Options{}))
	}
	if s.part, err = b.open(name); err != nil {
		return nil, err
	}
	s.parser = newParser(s.part)
	return s, nil
}

// Next implements rowwise.Rows. Rows without a cell that holds something are left out.
func (s *scanner) Next() error {
	for {
		token, err := s.parser.next()
		if err == io.EOF && s.number < s.reading.header {
			return plugin.Permanent(fmt.Errorf("skip_header_row_number is %d, but the sheet has only %d rows", s.reading.header, s.number))
		}
		if err != nil {
			return err
		}
		start, ok := token.(xml.StartElement)
		if !ok || start.Name.Local != "row" {
			continue
		}
		if s.number, err = rowNumber(start, s.number+1); err != nil {
			return err
		}
		filled, err := s.row()
		if err != nil {
			return err
		}
		if filled && s.number > s.reading.header {
			return nil
		}
	}
}

// rowNumber is a row's own number, or the one that is next.
func rowNumber(row xml.StartElement, next int64) (int64, error) {
	for _, a := range row.Attr {
		if a.Name.Local == "r" && a.Name.Space == "" {
			n, err := strconv.ParseInt(a.Value, 10, 64)
			if err != nil || n < next {
				return 0, plugin.Permanent(fmt.Errorf("the workbook is damaged: row %q comes where row %d was expected", a.Value, next))
			}
			return n, nil
		}
	}
	return next, nil
}

// row reads the cells up to the row's end and reports whether one holds something.
func (s *scanner) row() (filled bool, err error) {
	for i := range s.cells {
		s.cells[i] = cell{text: s.cells[i].text[:0]}
	}
	s.bytes = 0
	var skipped cell
	for column := 0; ; {
		token, err := s.parser.next()
		if err != nil {
			return false, ended(err)
		}
		switch t := token.(type) {
		case xml.EndElement:
			if t.Name.Local == "row" {
				return filled, nil
			}
		case xml.StartElement:
			if t.Name.Local != "c" {
				continue
			}
			if column, err = columnOf(t, column); err != nil {
				return false, err
			}
			into := &skipped
			if column < len(s.wanted) && s.wanted[column] >= 0 {
				into = &s.cells[s.wanted[column]]
			}
			column++
			if err := s.cell(t, into); err != nil {
				return false, err
			}
			filled = filled || into.present || into.formula
			s.bytes += len(into.text) + 8
		}
	}
}

func ended(err error) error {
	if err == io.EOF {
		return plugin.Permanent(errors.New("the workbook is damaged: the sheet ends inside of a row"))
	}
	return err
}

// columnOf is the index of a cell's column by its reference, such as 1 for B7, or the one that
// is next.
func columnOf(c xml.StartElement, next int) (int, error) {
	column := next
	for _, a := range c.Attr {
		if a.Name.Local != "r" || a.Name.Space != "" {
			continue
		}
		column = 0
		for _, letter := range a.Value {
			if letter < 'A' || letter > 'Z' || column > maxColumns {
				break
			}
			column = column*26 + int(letter-'A') + 1
		}
		column--
		if column < next {
			return 0, plugin.Permanent(fmt.Errorf("the workbook is damaged: cell %q is out of order", a.Value))
		}
	}
	if column >= maxColumns {
		return 0, plugin.Permanent(fmt.Errorf("the workbook is damaged: there are more than %d columns", maxColumns))
	}
	return column, nil
}

// cell reads a cell up to its end.
func (s *scanner) cell(start xml.StartElement, c *cell) error {
	*c = cell{text: c.text[:0]}
	for _, a := range start.Attr {
		switch a.Name.Local {
		case "t":
			c.kind = a.Value
		case "s":
			c.style, _ = strconv.Atoi(a.Value) // without a style on any doubt
		}
	}
	inValue := false
	for {
		token, err := s.parser.next()
		if err != nil {
			return ended(err)
		}
		switch t := token.(type) {
		case xml.StartElement:
			switch t.Name.Local {
			case "v":
				inValue, c.present = true, true
			case "f":
				c.formula = true
			case "is":
				if c.text, err = s.parser.text(c.text, "is"); err != nil {
					return ended(err)
				}
				c.present = true
			}
		case xml.CharData:
			if inValue {
				c.text = append(c.text, t...)
			}
		case xml.EndElement:
			inValue = false
			if t.Name.Local == "c" {
				if c.kind == "str" {
					c.text = unescape(c.text, 0)
				}
				return nil
			}
		}
	}
}

// Append implements rowwise.Rows.
func (s *scanner) Append(columns []array.Builder) error {
	var wrong error
	for i := range s.cells {
		if err := s.append(columns[i], &s.cells[i], i); err != nil && wrong == nil {
			wrong = fmt.Errorf("column %q: %w", s.reading.schema.Columns[i].Name, err)
		}
	}
	return wrong
}

func (s *scanner) append(b array.Builder, c *cell, column int) error {
	t := s.reading.schema.Columns[column].Type
	text, err := s.plain(c, t)
	if err != nil || text == nil {
		b.AppendNull()
		return err
	}
	if t.Kind == record.Bytes {
		text = bytesOf(text)
	}
	return s.appends[column](b, text)
}

// plain is a cell's value as the text of its column's type; nil for null.
func (s *scanner) plain(c *cell, t record.Type) ([]byte, error) {
	switch {
	case c.formula && (!c.present || len(c.text) == 0 && c.kind != "str"):
		return nil, errors.New("the formula's result is not stored in the file; open it in a spreadsheet program and save it")
	case !c.present:
		return nil, nil
	}
	text := c.text
	switch c.kind {
	case "s":
		i, err := strconv.Atoi(string(text))
		shared, ok := s.book.strings.at(i)
		if err != nil || !ok {
			return nil, fmt.Errorf("the workbook is damaged: there is no shared text %q", text)
		}
		text = shared
	case "b":
		text = []byte("false")
		if string(c.text) == "1" {
			text = []byte("true")
		}
	case "e":
		if t.Kind == record.String {
			return []byte{}, nil
		}
		return nil, fmt.Errorf("the cell shows the error %s", c.text)
	case "", "n":
		return s.numeric(c, t)
	}
	if t.Kind != record.String && value.Blank(text) {
		return nil, nil
	}
	if text == nil {
		text = []byte{}
	}
	return text, nil
}

// numeric is a number as the text of a type.
func (s *scanner) numeric(c *cell, t record.Type) ([]byte, error) {
	if len(c.text) == 0 {
		return nil, nil
	}
	f, ok := value.ParseDouble(c.text)
	if !ok || math.IsNaN(f) || math.IsInf(f, 0) {
		return nil, fmt.Errorf("the workbook is damaged: %q is no number", c.text)
	}
	kind := noDate
	if c.style >= 0 && c.style < len(s.book.dates) {
		kind = s.book.dates[c.style]
	}
	switch {
	case t.Kind.Temporal(), t.Kind == record.String && kind != noDate:
		at, ok := s.book.instant(f)
		if !ok {
			return nil, fmt.Errorf("%s is no date: expected a number from 0 to 2958465", c.text)
		}
		s.buf = momentText(s.buf[:0], at, t, kind)
		return s.buf, nil
	case t.Kind == record.Boolean && (f == 0 || f == 1):
		return strconv.AppendBool(nil, f == 1), nil
	case t.Kind == record.Decimal:
		if _, exact := value.ParseDecimal(c.text, t.Precision, t.Scale); !exact {
			// A cell is a binary float: its last digits are not those once typed.
			s.buf = strconv.AppendFloat(s.buf[:0], f, 'f', t.Scale, 64)
			return s.buf, nil
		}
		return c.text, nil
	case t.Kind == record.Float || t.Kind == record.Double:
		return c.text, nil
	}
	if _, whole := value.ParseInt(c.text); whole {
		return c.text, nil
	}
	s.buf = strconv.AppendFloat(s.buf[:0], f, 'f', -1, 64)
	return s.buf, nil
}

// Bytes implements rowwise.Rows.
func (s *scanner) Bytes() int { return s.bytes }

// Raw implements rowwise.Rows.
func (s *scanner) Raw() []byte {
	var out []byte
	for i := range s.cells {
		if i > 0 {
			out = append(out, '\t')
		}
		text := s.cells[i].text
		if s.cells[i].kind == "s" {
			if n, err := strconv.Atoi(string(text)); err == nil {
				text, _ = s.book.strings.at(n)
			}
		}
		out = append(out, text...)
	}
	return out
}

// Place implements rowwise.Rows.
func (s *scanner) Place() string {
	name := s.reading.sheet
	if name == "" {
		name = s.book.sheets[0].name
	}
	return fmt.Sprintf("sheet %s, row %d", name, s.number)
}

// Close implements rowwise.Rows.
func (s *scanner) Close() error { return errors.Join(s.part.Close(), s.book.close()) }

// bytesOf reads the list of numbers that sinks write BYTES as; other texts are their own bytes.
func bytesOf(text []byte) []byte {
	if len(text) < 2 || text[0] != '[' || text[len(text)-1] != ']' {
		return text
	}
	out := []byte{}
	inner := text[1 : len(text)-1]
	for len(inner) > 0 {
		end := slices.Index(inner, ',')
		if end < 0 {
			end = len(inner)
		}
		n, ok := value.ParseInt(inner[:end])
		if !ok || n < -128 || n > 127 {
			return text
		}
		out = append(out, byte(n))
		if end == len(inner) {
			break
		}
		if inner = inner[end+1:]; len(inner) < 2 || inner[0] != ' ' {
			return text
		}
		inner = inner[1:]
	}
	return out
}
