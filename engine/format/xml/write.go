package xml

import (
	"fmt"
	"io"
	"unicode"
	"unicode/utf8"

	"seikan/engine/format/value"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// chunk is how many bytes are handed on at once, or a row more.
const chunk = 256 << 10

// encoder writes one file.
type encoder struct {
	*writing
	out  io.Writer
	buf  []byte
	text []byte
	rows int64
}

// Write implements plugin.FileEncoder. Null is an empty text, as is an empty text.
func (e *encoder) Write(b *record.Batch) error {
	cells := make([]func([]byte, int) []byte, len(b.Schema.Columns))
	for i, c := range b.Schema.Columns {
		cells[i] = value.Bind(c.Type, value.Options{}, b.Data.Column(i))
	}
	for row := range b.Rows() {
		e.rows++
		e.buf = append(append(e.buf, "\n  <"...), e.row...)
		if !e.attributes {
			e.buf = append(e.buf, '>')
		}
		for i, c := range b.Schema.Columns {
			e.text = cells[i](e.text[:0], row)
			if e.attributes {
				e.buf = append(append(append(e.buf, ' '), c.Name...), `="`...)
			} else {
				e.buf = append(append(append(e.buf, '<'), c.Name...), '>')
			}
			var err error
			if e.buf, err = escape(e.buf, e.text); err != nil {
				return plugin.Permanent(fmt.Errorf("writing xml, row %d of the file, column %q: %w", e.rows, c.Name, err))
			}
			if e.attributes {
				e.buf = append(e.buf, '"')
			} else {
				e.buf = append(append(append(e.buf, "</"...), c.Name...), '>')
			}
		}
		if e.attributes {
			e.buf = append(e.buf, "/>"...)
		} else {
			e.buf = append(append(append(e.buf, "</"...), e.row...), '>')
		}
		if len(e.buf) >= chunk {
			if err := e.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// Close implements plugin.FileEncoder.
func (e *encoder) Close() error {
	e.buf = append(append(append(e.buf, "\n</"...), e.root...), ">\n"...)
	if err := e.flush(); err != nil {
		return err
	}
	if c, ok := e.out.(io.Closer); ok {
		return c.Close()
	}
	return nil
}

func (e *encoder) flush() error {
	if _, err := e.out.Write(e.buf); err != nil {
		return fmt.Errorf("writing rows: %w", err)
	}
	e.buf = e.buf[:0]
	return nil
}

// escape adds text so that it reads back the same in an element and in an attribute.
func escape(dst, text []byte) ([]byte, error) {
	from := 0
	for i := 0; i < len(text); {
		c := text[i]
		if c >= utf8.RuneSelf {
			r, n := utf8.DecodeRune(text[i:])
			if r == utf8.RuneError && n == 1 || !isChar(r) {
				return dst, fmt.Errorf("%.20q has a character that XML 1.0 cannot hold", text[i:])
			}
			i += n
			continue
		}
		var as string
		switch c {
		case '<':
			as = "&lt;"
		case '>':
			as = "&gt;"
		case '&':
			as = "&amp;"
		case '"':
			as = "&quot;"
		case '\t':
			as = "&#9;"
		case '\n':
			as = "&#10;"
		case '\r':
			as = "&#13;"
		default:
			if c < ' ' {
				return dst, fmt.Errorf("%.20q has a control character, which XML 1.0 cannot hold", text[i:])
			}
			i++
			continue
		}
		dst = append(append(dst, text[from:i]...), as...)
		i++
		from = i
	}
	return append(dst, text[from:]...), nil
}

// isChar is the production Char of XML 1.0.
func isChar(r rune) bool {
	return r == '\t' || r == '\n' || r == '\r' || r >= 0x20 && r <= 0xD7FF || r >= 0xE000 && r <= 0xFFFD || r >= 0x10000
}

// isName reports whether name is an XML name without a colon, the production NCName.
func isName(name string) bool {
	for i, r := range name {
		switch {
		case r == '_' || unicode.IsLetter(r):
		case i > 0 && (r == '-' || r == '.' || r == 0xB7 || unicode.IsDigit(r) || unicode.Is(unicode.Mn, r)):
		default:
			return false
		}
	}
	return name != ""
}
