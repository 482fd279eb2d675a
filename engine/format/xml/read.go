package xml

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/format/delimited"
	"seikan/engine/format/rowwise"
	"seikan/engine/format/value"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// maxDepth is how deep elements may be nested.
const maxDepth = 1000

// scanner finds the rows of one file. It checks that the elements are well-formed itself,
// because xml.Decoder does so only together with name spaces, which take much of its time.
type scanner struct {
	in      io.ReadCloser
	limit   *rowwise.Limit
	decoder *xml.Decoder
	reading *reading
	columns map[string]int
	appends []value.Append
	types   []record.Type

	path  []string // open elements
	open  []*row   // rows among them, outermost first
	row   *row     // the current one
	free  []*row
	found int64

	recodes bool   // U+FFFD stands for what could not be decoded
	none    func() // called at the end of a file without rows
}

// row is an element being read.
type row struct {
	depth  int // number of open elements, itself included
	line   int
	number int64
	cells  []cell
	in     int // column of the open field, -1 outside of one
	bytes  int
	wrong  error
}

// cell is the text of a field.
type cell struct {
	text  []byte
	given bool
}

func newScanner(in io.ReadCloser, r *reading, schema *record.Schema, none func()) *scanner {
	s := &scanner{in: in, reading: r, columns: map[string]int{}, none: none}
	for i, c := range schema.Columns {
		s.columns[c.Name] = i
		s.types = append(s.types, c.Type)
		s.appends = append(s.appends, value.Appender(c.Type, value.Options{}))
	}
	s.limit = rowwise.NewLimit(in)
	text := s.text()
	s.decoder = xml.NewDecoder(text)
	s.decoder.CharsetReader = func(label string, input io.Reader) (io.Reader, error) {
		if text != io.Reader(s.limit) { // decoded already
			return input, nil
		}
		c, err := delimited.FindCharset(label)
		if err != nil {
			return nil, err
		}
		s.recodes = true
		return c.Reader(input), nil
	}
	return s
}

// text is the file in UTF-8 where the option or a byte order mark tells its character set;
// else it is the file itself, whose declaration may still name one.
func (s *scanner) text() io.Reader {
	mark, err := s.limit.Peek(3)
	if err != nil && err != io.EOF {
		return s.limit // the decoder meets the error again
	}
	switch {
	case s.reading.given && s.reading.charset != nil:
		s.recodes = true
		return s.reading.charset.Reader(s.limit)
	case bytes.HasPrefix(mark, []byte("\xef\xbb\xbf")):
		_, _ = io.CopyN(io.Discard, s.limit, 3) // they are in the buffer
		return io.MultiReader(s.limit)
	case bytes.HasPrefix(mark, []byte("\xfe\xff")), bytes.HasPrefix(mark, []byte("\xff\xfe")):
		if utf16, err := delimited.FindCharset("UTF-16"); err == nil {
			s.recodes = true
			return utf16.Reader(s.limit)
		}
	case s.reading.given: // UTF-8, whatever the file says of itself
		return io.MultiReader(s.limit)
	}
	return s.limit
}

// Next implements rowwise.Rows.
func (s *scanner) Next() error {
	if s.row != nil {
		s.free = append(s.free, s.row)
		s.row = nil
	}
	for {
		s.limit.Reset()
		token, err := s.decoder.RawToken()
		if err == io.EOF {
			switch {
			case len(s.path) > 0:
				return plugin.Permanent(fmt.Errorf("the file ends inside of element %s", s.path[len(s.path)-1]))
			case s.found == 0 && s.decoder.InputOffset() > 0 && !s.began():
				return plugin.Permanent(errors.New("there is no element: the file is not xml"))
			}
			if s.found == 0 && s.none != nil {
				s.none()
				s.none = nil
			}
			return io.EOF
		}
		if err != nil {
			var syntax *xml.SyntaxError
			if errors.As(err, &syntax) || errors.Is(err, rowwise.ErrTooLong) {
				err = plugin.Permanent(err)
			}
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			if err := s.start(t); err != nil {
				return plugin.Permanent(err)
			}
		case xml.EndElement:
			done, err := s.end(t)
			if err != nil {
				return plugin.Permanent(err)
			}
			if done {
				return nil
			}
		case xml.CharData:
			s.characters(t)
		}
	}
}

// began reports whether an element has been seen.
func (s *scanner) began() bool { return s.path != nil }

func name(n xml.Name) string {
	if n.Space != "" {
		return n.Space + ":" + n.Local
	}
	return n.Local
}

func (s *scanner) start(t xml.StartElement) error {
	full := name(t.Name)
	if len(s.path) >= maxDepth {
		return fmt.Errorf("elements are nested deeper than %d", maxDepth)
	}
	s.path = append(s.path, full)
	if n := len(s.open); n > 0 {
		s.open[n-1].child(s, t.Name.Local, len(s.path))
	}
	if full == s.reading.tag || t.Name.Local == s.reading.tag {
		s.begin(t)
	}
	return nil
}

// child notes that an element begins below the row.
func (r *row) child(s *scanner, local string, depth int) {
	switch {
	case s.reading.attributes:
	case depth == r.depth+1:
		column, known := s.columns[local]
		if !known {
			return
		}
		if r.cells[column].given {
			r.fail(fmt.Errorf("element %s appears twice in the row", local))
		}
		r.in, r.cells[column].given = column, true
	case r.in >= 0:
		r.fail(fmt.Errorf("a field holds another element, %s; expected only text", local))
	}
}

func (r *row) fail(err error) {
	if r.wrong == nil {
		r.wrong = err
	}
}

// begin opens a row.
func (s *scanner) begin(t xml.StartElement) {
	var r *row
	if n := len(s.free); n > 0 {
		r, s.free = s.free[n-1], s.free[:n-1]
		for i := range r.cells {
			r.cells[i] = cell{text: r.cells[i].text[:0]}
		}
		r.bytes, r.wrong = 0, nil
	} else {
		r = &row{cells: make([]cell, len(s.types))}
	}
	s.found++
	r.depth, r.in, r.number = len(s.path), -1, s.found
	r.line, _ = s.decoder.InputPos()
	s.open = append(s.open, r)
	if !s.reading.attributes {
		return
	}
	for _, a := range t.Attr {
		column, known := s.columns[a.Name.Local]
		if !known {
			continue
		}
		c := &r.cells[column]
		if c.given {
			r.fail(fmt.Errorf("attribute %s appears twice in the row", a.Name.Local))
		}
		c.given = true
		c.text = append(c.text, a.Value...)
		r.bytes += len(a.Value)
	}
}

// end closes an element; it reports whether that was a row.
func (s *scanner) end(t xml.EndElement) (bool, error) {
	full := name(t.Name)
	n := len(s.path)
	if n == 0 || s.path[n-1] != full {
		expected := "no element is open"
		if n > 0 {
			expected = "expected </" + s.path[n-1] + ">"
		}
		return false, fmt.Errorf("element %s is closed, but %s", full, expected)
	}
	s.path = s.path[:n-1]
	k := len(s.open)
	if k == 0 {
		return false, nil
	}
	switch r := s.open[k-1]; r.depth {
	case n:
		s.open, s.row = s.open[:k-1], r
		if k > 1 && s.open[k-2].depth == n-1 { // a row that was a field of another
			s.open[k-2].in = -1
		}
		return true, nil
	case n - 1:
		r.in = -1
	}
	return false, nil
}

func (s *scanner) characters(text []byte) {
	n := len(s.open)
	if n == 0 {
		return
	}
	r := s.open[n-1]
	if r.in < 0 || len(s.path) != r.depth+1 {
		return
	}
	if r.bytes += len(text); r.bytes > delimited.MaxRow {
		r.fail(fmt.Errorf("the row is longer than %d MiB", delimited.MaxRow>>20))
		return
	}
	c := &r.cells[r.in]
	c.text = append(c.text, text...)
}

// Append implements rowwise.Rows. A blank field is an empty text, and null for other types.
func (s *scanner) Append(columns []array.Builder) error {
	wrong := s.row.wrong
	for i, c := range s.row.cells {
		text := c.text
		if s.types[i].Kind != record.String {
			text = bytes.TrimSpace(text)
		}
		if !c.given || len(text) == 0 && s.types[i].Kind != record.String {
			columns[i].AppendNull()
			continue
		}
		err := s.appends[i](columns[i], text)
		if err == nil && bytes.ContainsRune(text, '\uFFFD') && s.recodes {
			err = errors.New("bytes that the character set does not know; name the file's encoding in the option \"encoding\"")
		}
		if err != nil && wrong == nil {
			wrong = fmt.Errorf("field %q: %w", s.reading.schema.Columns[i].Name, err)
		}
	}
	return wrong
}

// Bytes implements rowwise.Rows.
func (s *scanner) Bytes() int { return s.row.bytes + 16 }

// Raw implements rowwise.Rows: the row is written again, as its text is gone.
func (s *scanner) Raw() []byte {
	var b strings.Builder
	b.WriteString("<" + s.reading.tag + ">")
	for i, c := range s.row.cells {
		if !c.given {
			continue
		}
		field := s.reading.schema.Columns[i].Name
		b.WriteString("<" + field + ">")
		_ = xml.EscapeText(&b, c.text) // a Builder takes everything
		b.WriteString("</" + field + ">")
	}
	b.WriteString("</" + s.reading.tag + ">")
	return []byte(b.String())
}

// Place implements rowwise.Rows.
func (s *scanner) Place() string {
	if s.row == nil {
		line, column := s.decoder.InputPos()
		return fmt.Sprintf("line %d, column %d", line, column)
	}
	return fmt.Sprintf("row %d at line %d", s.row.number, s.row.line)
}

// Close implements rowwise.Rows.
func (s *scanner) Close() error { return s.in.Close() }
