package delimited

import "io"

// Reader gives the text of r in UTF-8. What cannot be decoded becomes U+FFFD.
func (c *Charset) Reader(r io.Reader) io.Reader { return c.decode(r) }

// Writer takes text in UTF-8 for w. When it is an io.Closer, Close writes what it holds back;
// it does not close w.
func (c *Charset) Writer(w io.Writer) io.Writer { return c.encode(w) }

// Name is the character set's name as given, UTF-8 for nil.
func (c *Charset) Name() string {
	if c == nil {
		return "UTF-8"
	}
	return c.name
}
