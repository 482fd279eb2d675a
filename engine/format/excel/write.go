package excel

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/xuri/excelize/v2"

	"seikan/engine/format/value"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// exactDigits is how many decimal digits a cell's number keeps.
const exactDigits = 15

// encoder writes one workbook. The rows go to a temporary file as they come (excelize keeps up to
// 16 MiB of them in memory).
type encoder struct {
	*writing
	out    io.Writer
	file   *excelize.File
	sheet  *excelize.StreamWriter
	styles [4]int // by dateKind
	row    int    // the last one written
	values []any
}

func newEncoder(w *writing, out io.Writer) (*encoder, error) {
	e := &encoder{writing: w, out: out, file: excelize.NewFile(), values: make([]any, len(w.schema.Columns))}
	err := e.file.SetSheetName("Sheet1", w.sheet)
	if err == nil {
		e.sheet, err = e.file.NewStreamWriter(w.sheet)
	}
	for kind, code := range map[dateKind]string{dateOnly: "yyyy\\-mm\\-dd", timeOnly: "hh:mm:ss.000", dateAndTime: "yyyy\\-mm\\-dd hh:mm:ss.000"} {
		if err == nil {
			e.styles[kind], err = e.file.NewStyle(&excelize.Style{CustomNumFmt: &code})
		}
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("beginning a workbook: %w", err), e.file.Close())
	}
	for i, c := range w.schema.Columns {
		e.values[i] = c.Name
	}
	return e, e.flushRow()
}

func (e *encoder) flushRow() error {
	if e.row == excelize.TotalRows {
		return plugin.Permanent(fmt.Errorf("a sheet has at most %d rows, the first being the names of the columns; set batch_size to %d or less", excelize.TotalRows, excelize.TotalRows-1))
	}
	e.row++
	if err := e.sheet.SetRow("A"+strconv.Itoa(e.row), e.values); err != nil {
		return fmt.Errorf("writing row %d of the sheet: %w", e.row, err)
	}
	return nil
}

// Write implements plugin.FileEncoder.
func (e *encoder) Write(b *record.Batch) error {
	cells := make([]func(row int) (any, error), len(b.Schema.Columns))
	for i, c := range b.Schema.Columns {
		cells[i] = e.cells(c.Type, b.Data.Column(i))
	}
	for row := range b.Rows() {
		for i, cell := range cells {
			e.values[i] = nil
			if b.Data.Column(i).IsNull(row) {
				continue
			}
			var err error
			if e.values[i], err = cell(row); err != nil {
				return plugin.Permanent(fmt.Errorf("writing row %d of the sheet, column %q: %w", e.row+1, b.Schema.Columns[i].Name, err))
			}
		}
		if err := e.flushRow(); err != nil {
			return err
		}
	}
	return nil
}

// Close implements plugin.FileEncoder.
func (e *encoder) Close() error {
	err := e.sheet.Flush()
	if err == nil {
		err = e.file.Write(e.out)
	}
	if err = errors.Join(err, e.file.Close()); err != nil {
		return fmt.Errorf("writing the workbook: %w", err)
	}
	return nil
}

// cells gives the values of a column as cells. What a number of Excel cannot hold exactly is
// written as text.
func (e *encoder) cells(t record.Type, col arrow.Array) func(row int) (any, error) {
	print := value.Printer(t, value.Options{DateTime: value.DateTimeDashShort})
	var buf []byte
	asText := func(row int) (any, error) {
		buf = print(buf[:0], col, row)
		return text(string(buf))
	}
	const most = 1e15 // whole numbers below it have at most 15 digits
	switch c := col.(type) {
	case *array.Int8:
		return func(row int) (any, error) { return int64(c.Value(row)), nil }
	case *array.Int16:
		return func(row int) (any, error) { return int64(c.Value(row)), nil }
	case *array.Int32:
		return func(row int) (any, error) { return int64(c.Value(row)), nil }
	case *array.Int64:
		return func(row int) (any, error) {
			if n := c.Value(row); n > -most && n < most {
				return n, nil
			}
			return asText(row)
		}
	case *array.Float32:
		return func(row int) (any, error) {
			f := c.Value(row)
			if f64 := float64(f); math.IsNaN(f64) || math.IsInf(f64, 0) {
				return asText(row)
			}
			return f, nil
		}
	case *array.Float64:
		return func(row int) (any, error) {
			f := c.Value(row)
			if math.IsNaN(f) || math.IsInf(f, 0) {
				return asText(row)
			}
			return f, nil
		}
	case *array.Boolean:
		return func(row int) (any, error) { return c.Value(row), nil }
	case *array.Decimal128:
		return func(row int) (any, error) {
			if buf = print(buf[:0], col, row); t.Precision <= exactDigits || len(buf) <= exactDigits {
				f, ok := value.ParseDouble(buf)
				if ok {
					return f, nil
				}
			}
			return asText(row)
		}
	case *array.Date32:
		return func(row int) (any, error) {
			return e.moment(int64(c.Value(row))*86400, 0, dateOnly, row, asText)
		}
	case *array.Time64:
		perSecond := int64(1e6)
		if t.Nanos() {
			perSecond = 1e9
		}
		return func(row int) (any, error) {
			v := int64(c.Value(row))
			if v%(perSecond/1000) != 0 {
				return asText(row)
			}
			return excelize.Cell{StyleID: e.styles[timeOnly], Value: float64(v) / float64(perSecond*86400)}, nil
		}
	case *array.Timestamp:
		if t.Kind == record.TimestampTZ { // a cell has no zone
			return asText
		}
		perSecond := int64(1e6)
		if t.Nanos() {
			perSecond = 1e9
		}
		return func(row int) (any, error) {
			v := int64(c.Value(row))
			seconds := v / perSecond
			if v%perSecond < 0 {
				seconds--
			}
			return e.moment(seconds, (v-seconds*perSecond)*(1e9/perSecond), dateAndTime, row, asText)
		}
	case *array.Binary:
		if t.Kind == record.Bytes {
			return func(row int) (any, error) {
				buf = append(buf[:0], '[')
				for i, b := range c.Value(row) {
					if i > 0 {
						buf = append(buf, ", "...)
					}
					buf = strconv.AppendInt(buf, int64(int8(b)), 10)
				}
				return text(string(append(buf, ']')))
			}
		}
	}
	return asText
}

// Dates that a cell can hold: from March 1900, because Excel takes that year for a leap year,
// to the end of 9999.
var (
	firstDate = time.Date(1900, 3, 1, 0, 0, 0, 0, time.UTC).Unix()
	behind    = time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
)

// moment is a date as a cell that shows it, or as text where the cell would not be exact.
func (e *encoder) moment(seconds, nanos int64, kind dateKind, row int, asText func(int) (any, error)) (any, error) {
	if nanos%1e6 != 0 || seconds < firstDate || seconds >= behind {
		return asText(row)
	}
	return excelize.Cell{StyleID: e.styles[kind], Value: epoch1900 + (float64(seconds)+float64(nanos)/1e9)/86400}, nil
}

// text is a text that a cell can hold as it is; control characters are escaped.
func text(s string) (any, error) {
	if !utf8.ValidString(s) {
		return nil, fmt.Errorf("%.20q is not UTF-8", s)
	}
	if len(s) > excelize.TotalCellChars {
		units := 0
		for _, r := range s {
			units += utf16.RuneLen(r)
		}
		if units > excelize.TotalCellChars {
			return nil, fmt.Errorf("the text has %d characters; a cell holds %d", units, excelize.TotalCellChars)
		}
	}
	return s, nil
}
