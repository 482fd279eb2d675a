package excel

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"strconv"
	"strings"

	"seikan/engine/format/rowwise"
	"seikan/engine/plugin"
)

// Limits of what is kept in memory of a workbook.
const (
	maxDirectory     = 64 << 20  // bytes of workbook.xml or styles.xml
	maxSharedStrings = 512 << 20 // bytes of texts
)

// book is an open workbook (ECMA-376, parts 1 and 2).
//
// excelize could read it, but takes a damaged sheet for one that ends there.
type book struct {
	zip     *zip.Reader
	close   func() error
	sheets  []sheet
	epoch   int64 // days from serial 0 to 1970-01-01
	dates   []dateKind
	strings shared
}

// sheet is a sheet and its part of the package.
type sheet struct{ name, part string }

// shared are the workbook's shared texts, one behind the other.
type shared struct {
	text []byte
	ends []int
}

func (s *shared) at(i int) ([]byte, bool) {
	if i < 0 || i >= len(s.ends) {
		return nil, false
	}
	from := 0
	if i > 0 {
		from = s.ends[i-1]
	}
	return s.text[from:s.ends[i]], true
}

// oldWorkbook begins .xls files, and .xlsx files with a password: an OLE compound file.
var oldWorkbook = []byte("\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")

func openBook(ctx context.Context, f plugin.File) (*book, error) {
	at, size, closer, err := randomAccess(ctx, f)
	if err != nil {
		return nil, err
	}
	b := &book{close: closer}
	if err := b.read(at, size); err != nil {
		return nil, errors.Join(err, closer())
	}
	return b, nil
}

// randomAccess spools what comes as a stream into a temporary file: the directory of a zip file
// is at its end.
func randomAccess(ctx context.Context, f plugin.File) (io.ReaderAt, int64, func() error, error) {
	at, err := f.OpenAt(ctx)
	if err == nil && f.Size() >= 0 {
		return at, f.Size(), at.Close, nil
	}
	if err == nil {
		err = errors.Join(plugin.ErrNotSeekable, at.Close())
	}
	if !errors.Is(err, plugin.ErrNotSeekable) {
		return nil, 0, nil, err
	}
	in, err := f.Open(ctx)
	if err != nil {
		return nil, 0, nil, err
	}
	defer in.Close()
	spool, err := os.CreateTemp("", "seikan-excel-")
	if err != nil {
		return nil, 0, nil, fmt.Errorf("making a temporary file: %w", err)
	}
	closer := func() error { return errors.Join(spool.Close(), os.Remove(spool.Name())) }
	size, err := io.Copy(spool, in)
	if err != nil {
		return nil, 0, nil, errors.Join(fmt.Errorf("unpacking into the temporary file %s: %w", spool.Name(), err), closer())
	}
	return spool, size, closer, nil
}

func (b *book) read(at io.ReaderAt, size int64) error {
	var start [8]byte
	if _, err := at.ReadAt(start[:], 0); err == nil && bytes.Equal(start[:], oldWorkbook) {
		return plugin.Permanent(errors.New("it is an old .xls workbook, or one with a password; save it as .xlsx without a password"))
	}
	var err error
	if b.zip, err = zip.NewReader(at, size); err != nil {
		if errors.Is(err, zip.ErrFormat) {
			err = plugin.Permanent(fmt.Errorf("it is not an .xlsx workbook: %w", err))
		}
		return err
	}
	main, err := b.target("", "officeDocument")
	if err != nil {
		return err
	}
	if err := b.workbook(main); err != nil {
		return err
	}
	if part, err := b.target(main, "styles"); err == nil {
		if err := b.styles(part); err != nil {
			return err
		}
	}
	if part, err := b.target(main, "sharedStrings"); err == nil {
		return b.sharedStrings(part)
	}
	return nil
}

// open opens a part of the package.
func (b *book) open(part string) (io.ReadCloser, error) {
	for _, f := range b.zip.File {
		if strings.EqualFold(f.Name, part) {
			return f.Open()
		}
	}
	return nil, plugin.Permanent(fmt.Errorf("the workbook has no part %s; it is damaged", part))
}

// directory parses a small part as a whole.
func (b *book) directory(part string, into any) error {
	in, err := b.open(part)
	if err != nil {
		return err
	}
	defer in.Close()
	limit := &io.LimitedReader{R: in, N: maxDirectory}
	if err := xml.NewDecoder(limit).Decode(into); err != nil {
		if limit.N == 0 {
			err = fmt.Errorf("it is longer than %d MiB", maxDirectory>>20)
		}
		return plugin.Permanent(fmt.Errorf("part %s: %w", part, err))
	}
	return nil
}

type relation struct {
	ID     string `xml:"Id,attr"`
	Type   string `xml:"Type,attr"`
	Target string `xml:"Target,attr"`
}

// relations are the links of a part; those of the package itself for "".
func (b *book) relations(part string) ([]relation, error) {
	var list struct {
		Relations []relation `xml:"Relationship"`
	}
	dir, base := path.Split(part)
	err := b.directory(dir+"_rels/"+base+".rels", &list)
	for i, r := range list.Relations {
		if abs, ok := strings.CutPrefix(r.Target, "/"); ok {
			list.Relations[i].Target = abs
		} else {
			list.Relations[i].Target = path.Join(dir, r.Target)
		}
	}
	return list.Relations, err
}

// target is the part that part links to by the last word of a type.
func (b *book) target(part, kind string) (string, error) {
	list, err := b.relations(part)
	for _, r := range list {
		if strings.HasSuffix(r.Type, "/"+kind) {
			return r.Target, nil
		}
	}
	if err == nil {
		err = plugin.Permanent(fmt.Errorf("it is not an .xlsx workbook: it has no %s", kind))
	}
	return "", err
}

// Days from serial 0 to 1970-01-01 in the two systems of dates.
const (
	epoch1900 = 25569
	epoch1904 = epoch1900 - 1462
)

func (b *book) workbook(part string) error {
	var list struct {
		Properties struct {
			Date1904 string `xml:"date1904,attr"`
		} `xml:"workbookPr"`
		Sheets []struct {
			Name string `xml:"name,attr"`
			ID   string `xml:"id,attr"`
		} `xml:"sheets>sheet"`
	}
	if err := b.directory(part, &list); err != nil {
		return err
	}
	links, err := b.relations(part)
	if err != nil {
		return err
	}
	b.epoch = epoch1900
	if p := list.Properties.Date1904; p == "1" || p == "true" {
		b.epoch = epoch1904
	}
	for _, s := range list.Sheets {
		for _, l := range links {
			if l.ID == s.ID && strings.HasSuffix(l.Type, "/worksheet") {
				b.sheets = append(b.sheets, sheet{s.Name, l.Target})
			}
		}
	}
	if len(b.sheets) == 0 {
		return plugin.Permanent(errors.New("the workbook has no sheet of cells"))
	}
	return nil
}

// find is the part of a sheet, of the first one for "".
func (b *book) find(name string) (string, error) {
	if name == "" {
		return b.sheets[0].part, nil
	}
	var names []string
	for _, s := range b.sheets {
		if strings.EqualFold(s.name, name) {
			return s.part, nil
		}
		names = append(names, s.name)
	}
	return "", plugin.Permanent(fmt.Errorf("the workbook has no sheet %q; it has %s", name, strings.Join(names, ", ")))
}

func (b *book) styles(part string) error {
	var list struct {
		Formats []struct {
			ID   int    `xml:"numFmtId,attr"`
			Code string `xml:"formatCode,attr"`
		} `xml:"numFmts>numFmt"`
		Cells []struct {
			Format int `xml:"numFmtId,attr"`
		} `xml:"cellXfs>xf"`
	}
	if err := b.directory(part, &list); err != nil {
		return err
	}
	own := map[int]dateKind{}
	for _, f := range list.Formats {
		own[f.ID] = kindOf(f.Code)
	}
	for _, c := range list.Cells {
		kind, ok := own[c.Format]
		if !ok {
			kind = builtin(c.Format)
		}
		b.dates = append(b.dates, kind)
	}
	return nil
}

func (b *book) sharedStrings(part string) error {
	in, err := b.open(part)
	if err != nil {
		return err
	}
	defer in.Close()
	p := newParser(in)
	for {
		token, err := p.next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("part %s: %w", part, err)
		}
		if start, ok := token.(xml.StartElement); !ok || start.Name.Local != "si" {
			continue
		}
		if b.strings.text, err = p.text(b.strings.text, "si"); err != nil {
			return fmt.Errorf("part %s: %w", part, err)
		}
		if len(b.strings.text) > maxSharedStrings {
			return plugin.Permanent(fmt.Errorf("the workbook's texts have more than %d MiB; divide it", maxSharedStrings>>20))
		}
		b.strings.ends = append(b.strings.ends, len(b.strings.text))
	}
}

// parser reads the XML of a part. It checks that the elements are closed in order itself, because
// xml.Decoder does so only together with name spaces, which take much of its time.
type parser struct {
	limit   *rowwise.Limit
	decoder *xml.Decoder
	open    []string
}

// maxNesting is how deep elements may be nested.
const maxNesting = 100

func newParser(in io.Reader) *parser {
	limit := rowwise.NewLimit(in)
	return &parser{limit: limit, decoder: xml.NewDecoder(limit)}
}

// next is the next token. The end of a part inside of an element is an error.
func (p *parser) next() (xml.Token, error) {
	p.limit.Reset()
	token, err := p.decoder.RawToken()
	n := len(p.open)
	switch t := token.(type) {
	case xml.StartElement:
		if n == maxNesting {
			err = fmt.Errorf("elements are nested deeper than %d", maxNesting)
		}
		p.open = append(p.open, t.Name.Local)
	case xml.EndElement:
		if n == 0 || p.open[n-1] != t.Name.Local {
			err = fmt.Errorf("element %s is closed where it is not open", t.Name.Local)
			break
		}
		p.open = p.open[:n-1]
	}
	var syntax *xml.SyntaxError
	switch {
	case err == nil:
	case err == io.EOF && n > 0:
		err = damaged(fmt.Errorf("it ends inside of element %s", p.open[n-1]))
	case err == io.EOF:
	case token != nil, errors.As(err, &syntax), errors.Is(err, rowwise.ErrTooLong):
		err = damaged(err)
	}
	return token, err
}

func damaged(err error) error {
	return plugin.Permanent(fmt.Errorf("the workbook is damaged: %w", err))
}

// text adds the text of the runs of a string, up to the end of element until, to dst.
func (p *parser) text(dst []byte, until string) ([]byte, error) {
	inText, phonetic := false, false
	from := len(dst)
	for {
		token, err := p.next()
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		if err != nil {
			return dst, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			inText = t.Name.Local == "t"
			phonetic = phonetic || t.Name.Local == "rPh" // how to pronounce the text
		case xml.CharData:
			if inText && !phonetic {
				dst = append(dst, t...)
			}
		case xml.EndElement:
			inText = false
			switch t.Name.Local {
			case "rPh":
				phonetic = false
			case until:
				return unescape(dst, from), nil
			}
		}
	}
}

// unescape replaces _xHHHH_ in dst[from:], which stands for a character (ECMA-376 part 1, 22.9.2.19).
func unescape(dst []byte, from int) []byte {
	if !bytes.Contains(dst[from:], []byte("_x")) {
		return dst
	}
	out := dst[:from]
	for i := from; i < len(dst); {
		if i+7 <= len(dst) && dst[i] == '_' && dst[i+1] == 'x' && dst[i+6] == '_' {
			if r, err := strconv.ParseUint(string(dst[i+2:i+6]), 16, 16); err == nil {
				out = append(out, string(rune(r))...) // at most 3 bytes for 7
				i += 7
				continue
			}
		}
		out = append(out, dst[i])
		i++
	}
	return out
}
