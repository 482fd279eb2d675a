package delimited

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/htmlindex"
	"golang.org/x/text/encoding/ianaindex"
	"golang.org/x/text/transform"

	"seikan/engine/option"
	"seikan/engine/plugin"
)

// Charset is a character set other than UTF-8. A nil Charset is UTF-8.
type Charset struct {
	name string
	enc  encoding.Encoding // nil: US-ASCII
}

// CharsetOption reads the option Encoding.
func CharsetOption(opts *option.Values) (*Charset, error) {
	name := opts.String(Encoding.Key)
	c, err := FindCharset(name)
	if err != nil {
		return nil, opts.Problem(Encoding.Key, "a character set such as UTF-8, GBK, ISO-8859-1 or UTF-16LE", "%v", err)
	}
	return c, nil
}

// FindCharset finds a character set by its IANA name, an alias known to browsers, or Java's
// own names such as UTF8 and Cp1252.
func FindCharset(name string) (*Charset, error) {
	plain := strings.ToLower(strings.TrimSpace(name))
	switch plain {
	case "utf-8", "utf8", "":
		return nil, nil
	case "us-ascii", "ascii", "iso646-us":
		return &Charset{name: "US-ASCII"}, nil
	}
	if page, ok := strings.CutPrefix(plain, "cp125"); ok {
		plain = "windows-125" + page
	}
	if enc, err := ianaindex.IANA.Encoding(plain); err == nil && enc != nil {
		return &Charset{name, enc}, nil
	}
	if enc, err := htmlindex.Get(plain); err == nil {
		return &Charset{name, enc}, nil
	}
	return nil, fmt.Errorf("character set %q is not known", name)
}

// decode makes r UTF-8. What cannot be decoded becomes U+FFFD, which readers refuse.
func (c *Charset) decode(r io.Reader) io.Reader {
	if c == nil || c.enc == nil {
		return r
	}
	return transform.NewReader(r, c.enc.NewDecoder())
}

// recodes reports whether offsets in the text differ from offsets in the file.
func (c *Charset) recodes() bool { return c != nil && c.enc != nil }

// encode makes what is written to the result, UTF-8, arrive at w in the character set. A
// character that it does not have is an error.
func (c *Charset) encode(w io.Writer) io.Writer {
	switch {
	case c == nil:
		return w
	case c.enc == nil:
		return asciiWriter{w}
	}
	below := &failing{w: w}
	return charsetWriter{transform.NewWriter(below, c.enc.NewEncoder()), below, c.name}
}

// failing remembers that the writer below failed.
type failing struct {
	w   io.Writer
	err error
}

func (f *failing) Write(p []byte) (n int, err error) {
	n, err = f.w.Write(p)
	f.err = err
	return n, err
}

type charsetWriter struct {
	w     *transform.Writer
	below *failing
	name  string
}

func (w charsetWriter) Write(p []byte) (int, error) {
	n, err := w.w.Write(p)
	if err != nil && w.below.err == nil {
		err = lacks(w.name, p[n:])
	}
	return n, err
}

// lacks is the error for text that a character set cannot hold.
func lacks(name string, text []byte) error {
	return plugin.Permanent(fmt.Errorf("%s lacks a character of %.40q; name another encoding in the option %q", name, text, Encoding.Key))
}

func (w charsetWriter) Close() error { return w.w.Close() }

type asciiWriter struct{ w io.Writer }

func (a asciiWriter) Write(p []byte) (int, error) {
	for i, c := range p {
		if c >= 0x80 {
			return 0, lacks("US-ASCII", p[i:])
		}
	}
	return a.w.Write(p)
}

var errDamaged = errors.New("bytes that the character set does not know")

// damaged is the error for a row that could not be decoded.
func (c *Charset) damaged() error {
	return fmt.Errorf("%w (%s); name the file's encoding in the option %q", errDamaged, c.name, Encoding.Key)
}
