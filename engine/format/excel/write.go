package excel

import (
	"archive/zip"
	"bufio"
	"encoding/xml"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/format/value"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// Limits of a sheet.
const (
	maxRows      = 1 << 20
	maxColumns   = 16384
	maxCellText  = 32767 // UTF-16 code units
	maxSheetName = 31    // characters
	exactDigits  = 15    // decimal digits that every number cell keeps
)

// The parts of a workbook with one sheet, but for the sheet itself. Cells have the styles 0, plain,
// and 1 to 3 by dateKind.
const (
	contentTypes = xml.Header + `<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/styles.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.styles+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>`
	packageRels  = xml.Header + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>`
	bookRels     = xml.Header + `<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="rId2" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles" Target="styles.xml"/></Relationships>`
	bookStart    = xml.Header + `<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="`
	bookEnd      = `" sheetId="1" r:id="rId1"/></sheets></workbook>`
	styles       = xml.Header + `<styleSheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><numFmts count="3"><numFmt numFmtId="164" formatCode="yyyy\-mm\-dd"/><numFmt numFmtId="165" formatCode="hh:mm:ss.000"/><numFmt numFmtId="166" formatCode="yyyy\-mm\-dd\ hh:mm:ss.000"/></numFmts><fonts count="1"><font><sz val="11"/><name val="Calibri"/></font></fonts><fills count="2"><fill><patternFill patternType="none"/></fill><fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border><left/><right/><top/><bottom/><diagonal/></border></borders><cellStyleXfs count="1"><xf numFmtId="0" fontId="0" fillId="0" borderId="0"/></cellStyleXfs><cellXfs count="4"><xf numFmtId="0" fontId="0" fillId="0" borderId="0" xfId="0"/><xf numFmtId="164" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/><xf numFmtId="165" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/><xf numFmtId="166" fontId="0" fillId="0" borderId="0" xfId="0" applyNumberFormat="1"/></cellXfs></styleSheet>`
	sheetStart   = xml.Header + `<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>`
	sheetEnd     = `</sheetData></worksheet>`
)

// encoder writes one workbook as its rows come (ECMA-376 part 1, 18).
//
// excelize could write it, but rounds numbers to 15 digits and replaces control characters.
type encoder struct {
	zip   *zip.Writer
	sheet *bufio.Writer
	row   int // the last one written
	buf   []byte
}

func newEncoder(w *writing, out io.Writer) (*encoder, error) {
	e := &encoder{zip: zip.NewWriter(out)}
	var name strings.Builder
	_ = xml.EscapeText(&name, []byte(w.sheet)) // a Builder takes everything
	for _, part := range []struct{ name, text string }{
		{"[Content_Types].xml", contentTypes}, {"_rels/.rels", packageRels}, {"xl/workbook.xml", bookStart + name.String() + bookEnd},
		{"xl/_rels/workbook.xml.rels", bookRels}, {"xl/styles.xml", styles}, {"xl/worksheets/sheet1.xml", sheetStart},
	} {
		to, err := e.zip.Create(part.name)
		if err != nil {
			return nil, fmt.Errorf("beginning a workbook: %w", err)
		}
		e.sheet = bufio.NewWriterSize(to, 64<<10)
		_, err = e.sheet.WriteString(part.text)
		if ferr := e.sheet.Flush(); err == nil {
			err = ferr
		}
		if err != nil {
			return nil, fmt.Errorf("beginning a workbook: %w", err)
		}
	}
	e.begin()
	for _, c := range w.schema.Columns {
		var err error
		if e.buf, err = appendText(e.buf, c.Name); err != nil {
			return nil, plugin.Permanent(fmt.Errorf("the name of column %q: %w", c.Name, err))
		}
	}
	return e, e.end()
}

// begin starts the next row in buf.
func (e *encoder) begin() {
	e.buf = append(strconv.AppendInt(append(e.buf[:0], `<row r="`...), int64(e.row+1), 10), `">`...)
}

// end writes the row.
func (e *encoder) end() error {
	if e.row == maxRows {
		return plugin.Permanent(fmt.Errorf("a sheet has at most %d rows, the first being the names of the columns; set batch_size to %d or less", maxRows, maxRows-1))
	}
	e.row++
	e.buf = append(e.buf, "</row>"...)
	if _, err := e.sheet.Write(e.buf); err != nil {
		return fmt.Errorf("writing row %d of the sheet: %w", e.row, err)
	}
	return nil
}

// Write implements plugin.FileEncoder.
func (e *encoder) Write(b *record.Batch) error {
	cells := make([]cellPrinter, len(b.Schema.Columns))
	for i, c := range b.Schema.Columns {
		cells[i] = printer(c.Type, b.Data.Column(i))
	}
	for row := range b.Rows() {
		e.begin()
		for i, cell := range cells {
			if b.Data.Column(i).IsNull(row) {
				e.buf = append(e.buf, "<c/>"...)
				continue
			}
			var err error
			if e.buf, err = cell(e.buf, row); err != nil {
				return plugin.Permanent(fmt.Errorf("writing row %d of the sheet, column %q: %w", e.row+1, b.Schema.Columns[i].Name, err))
			}
		}
		if err := e.end(); err != nil {
			return err
		}
	}
	return nil
}

// Close implements plugin.FileEncoder.
func (e *encoder) Close() error {
	_, err := e.sheet.WriteString(sheetEnd)
	if err == nil {
		err = e.sheet.Flush()
	}
	if err == nil {
		err = e.zip.Close()
	}
	if err != nil {
		return fmt.Errorf("ending the workbook: %w", err)
	}
	return nil
}

// cellPrinter adds the cell of a row that is not null.
type cellPrinter func(dst []byte, row int) ([]byte, error)

// printer gives the values of a column as cells. What a number of Excel does not hold exactly is
// written as text.
func printer(t record.Type, col arrow.Array) cellPrinter {
	print := value.Bind(t, value.Options{DateTime: value.DateTimeDashShort}, col)
	var buf []byte
	asText := func(dst []byte, row int) ([]byte, error) {
		buf = print(buf[:0], row)
		return appendText(dst, string(buf))
	}
	asNumber := func(dst []byte, row int) ([]byte, error) {
		return append(print(append(dst, "<c><v>"...), row), "</v></c>"...), nil
	}
	perSecond := int64(1e6)
	if t.Nanos() {
		perSecond = 1e9
	}
	switch c := col.(type) {
	case *array.Int8, *array.Int16, *array.Int32:
		return asNumber
	case *array.Int64:
		const most = 1e15 // whole numbers below it have at most 15 digits
		return func(dst []byte, row int) ([]byte, error) {
			if n := c.Value(row); n > -most && n < most {
				return asNumber(dst, row)
			}
			return asText(dst, row)
		}
	case *array.Float32:
		return func(dst []byte, row int) ([]byte, error) {
			if f := float64(c.Value(row)); math.IsNaN(f) || math.IsInf(f, 0) {
				return asText(dst, row)
			}
			return asNumber(dst, row)
		}
	case *array.Float64:
		return func(dst []byte, row int) ([]byte, error) {
			if f := c.Value(row); math.IsNaN(f) || math.IsInf(f, 0) {
				return asText(dst, row)
			}
			return asNumber(dst, row)
		}
	case *array.Boolean:
		return func(dst []byte, row int) ([]byte, error) {
			if c.Value(row) {
				return append(dst, `<c t="b"><v>1</v></c>`...), nil
			}
			return append(dst, `<c t="b"><v>0</v></c>`...), nil
		}
	case *array.Decimal128:
		return func(dst []byte, row int) ([]byte, error) {
			if t.Precision > exactDigits {
				if buf = print(buf[:0], row); len(buf) > exactDigits {
					return appendText(dst, string(buf))
				}
			}
			return asNumber(dst, row)
		}
	case *array.Date32:
		return func(dst []byte, row int) ([]byte, error) {
			return appendMoment(dst, int64(c.Value(row))*86400, 0, dateOnly, row, asText)
		}
	case *array.Time64:
		return func(dst []byte, row int) ([]byte, error) {
			v := int64(c.Value(row))
			if v%(perSecond/1000) != 0 {
				return asText(dst, row)
			}
			return appendSerial(dst, float64(v)/float64(perSecond*86400), timeOnly), nil
		}
	case *array.Timestamp:
		if t.Kind == record.TimestampTZ { // a cell has no zone
			return asText
		}
		return func(dst []byte, row int) ([]byte, error) {
			v := int64(c.Value(row))
			seconds := v / perSecond
			if v%perSecond < 0 {
				seconds--
			}
			return appendMoment(dst, seconds, (v-seconds*perSecond)*(1e9/perSecond), dateAndTime, row, asText)
		}
	case *array.Binary:
		if t.Kind == record.Bytes {
			return func(dst []byte, row int) ([]byte, error) { return appendText(dst, listOf(c.Value(row))) }
		}
	}
	return asText
}

// listOf writes bytes the way Java's Arrays.toString does.
func listOf(data []byte) string {
	buf := []byte{'['}
	for i, b := range data {
		if i > 0 {
			buf = append(buf, ", "...)
		}
		buf = strconv.AppendInt(buf, int64(int8(b)), 10)
	}
	return string(append(buf, ']'))
}

// Dates that a cell can hold: from March 1900, because Excel takes that year for a leap year,
// to the end of 9999.
var (
	firstDate = time.Date(1900, 3, 1, 0, 0, 0, 0, time.UTC).Unix()
	behind    = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
)

// appendMoment adds a date as a number that is shown as one, or as text where the number would
// not be exact: Excel keeps milliseconds.
func appendMoment(dst []byte, seconds, nanos int64, kind dateKind, row int, asText cellPrinter) ([]byte, error) {
	if nanos%1e6 != 0 || seconds < firstDate || seconds >= behind {
		return asText(dst, row)
	}
	millis := seconds*1000 + nanos/1e6
	return appendSerial(dst, epoch1900+float64(millis)/86400e3, kind), nil
}

func appendSerial(dst []byte, serial float64, kind dateKind) []byte {
	dst = append(dst, `<c s="`...)
	dst = append(strconv.AppendUint(dst, uint64(kind), 10), `"><v>`...)
	return append(strconv.AppendFloat(dst, serial, 'f', -1, 64), "</v></c>"...)
}

// appendText adds a text. Characters that XML cannot hold are written as _xHHHH_, and so is the
// start of what would be taken for that.
func appendText(dst []byte, s string) ([]byte, error) {
	if err := checkText(s); err != nil {
		return dst, err
	}
	dst = append(dst, `<c t="inlineStr"><is><t xml:space="preserve">`...)
	for i, r := range s {
		switch {
		case r == '<':
			dst = append(dst, "&lt;"...)
		case r == '>':
			dst = append(dst, "&gt;"...)
		case r == '&':
			dst = append(dst, "&amp;"...)
		case r == '_' && escaped(s[i:]):
			dst = append(dst, "_x005F_"...)
		case r < ' ' && r != '\t' && r != '\n', r == 0xFFFE, r == 0xFFFF:
			dst = fmt.Appendf(dst, "_x%04X_", r)
		default:
			dst = utf8.AppendRune(dst, r)
		}
	}
	return append(dst, "</t></is></c>"...), nil
}

// escaped reports whether s begins like _xHHHH_.
func escaped(s string) bool {
	if len(s) < 7 || s[1] != 'x' || s[6] != '_' {
		return false
	}
	_, err := strconv.ParseUint(s[2:6], 16, 16)
	return err == nil
}

func checkText(s string) error {
	if !utf8.ValidString(s) {
		return fmt.Errorf("%.20q is not UTF-8", s)
	}
	if len(s) <= maxCellText {
		return nil
	}
	units := 0
	for _, r := range s {
		units += utf16.RuneLen(r)
	}
	if units > maxCellText {
		return fmt.Errorf("the text has %d characters; a cell holds %d", units, maxCellText)
	}
	return nil
}
