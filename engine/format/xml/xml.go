// Package xml is the file format xml: one element a row, its fields as child elements or as
// attributes.
package xml

import (
	"context"
	"fmt"
	"io"
	"strings"

	"seikan/engine/format/delimited"
	"seikan/engine/format/rowwise"
	"seikan/engine/format/value"
	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// The options of xml files.
var (
	readRowTag = option.Option{Key: "xml_row_tag", Type: option.String,
		Doc: "xml: name of the elements that are rows, at any depth. Needed to read; a sink writes RECORD when it is not set."}
	writeRowTag = option.Option{Key: "xml_row_tag", Type: option.String, Default: "RECORD",
		Doc: "xml: name of the elements that are rows."}
	rootTag = option.Option{Key: "xml_root_tag", Type: option.String, Default: "RECORDS",
		Doc: "xml: name of the element around all rows."}
	attributes = option.Option{Key: "xml_use_attr_format", Type: option.Bool,
		Doc: "xml: whether fields are attributes of the row's element, or child elements. Needed for xml."}
)

// Format is the plugin.Format.
type Format struct{}

// Name implements plugin.Format.
func (Format) Name() string { return "xml" }

// Suffix implements plugin.Format.
func (Format) Suffix() string { return ".xml" }

// ReadOptions implements plugin.Format.
func (Format) ReadOptions() []option.Option {
	return append(value.FormatOptions(), readRowTag, attributes, delimited.Encoding)
}

// WriteOptions implements plugin.Format.
func (Format) WriteOptions() []option.Option {
	return []option.Option{rootTag, writeRowTag, attributes, delimited.Encoding}
}

// Reading implements plugin.Format.
func (Format) Reading(opts *option.Values, declared *record.Schema, columns []string) (plugin.FileReading, error) {
	if _, err := value.FromOptions(opts); err != nil {
		return nil, err
	}
	if declared == nil {
		return nil, plugin.Permanent(fmt.Errorf(`%s: xml needs a schema { fields { name = type } }`, opts.Owner()))
	}
	tag := opts.String(readRowTag.Key)
	if tag == "" {
		return nil, opts.Problem(readRowTag.Key, "the name of the elements that are rows", "is needed for xml")
	}
	if !opts.Given(attributes.Key) {
		return nil, opts.Problem(attributes.Key, "true or false", "is needed for xml")
	}
	rows, _, err := delimited.Project(opts, declared, columns, value.Options{})
	if err != nil {
		return nil, err
	}
	r := &reading{tag: tag, attributes: opts.Bool(attributes.Key), schema: rows}
	if opts.Given(delimited.Encoding.Key) {
		r.given = true
		if r.charset, err = delimited.CharsetOption(opts); err != nil {
			return nil, err
		}
	}
	return r, nil
}

type reading struct {
	tag        string
	attributes bool
	schema     *record.Schema
	charset    *delimited.Charset
	given      bool // charset, so that the files' own declarations do not count
}

// Schema implements plugin.FileReading.
func (r *reading) Schema(context.Context, plugin.File) (*record.Schema, error) { return r.schema, nil }

// Cut implements plugin.FileReading: where an element begins is only known from the start.
func (r *reading) Cut(context.Context, plugin.File, int64) ([]plugin.Range, error) {
	return []plugin.Range{{From: 0, To: -1}}, nil
}

// Open implements plugin.FileReading.
func (r *reading) Open(ctx context.Context, task plugin.Task, split plugin.Split, f plugin.File, _ plugin.Range, schema *record.Schema) (plugin.SplitReader, error) {
	in, err := f.Open(ctx)
	if err != nil {
		return nil, err
	}
	none := func() {
		if task.Log != nil {
			task.Log.Warn("no element of the file is called as xml_row_tag says; it gives no rows", "file", f.Name(), "xml_row_tag", r.tag)
		}
	}
	return rowwise.New(task, split, f.Name(), schema, newScanner(in, r, schema, none)), nil
}

// Writing implements plugin.Format.
func (Format) Writing(opts *option.Values, schema *record.Schema) (plugin.FileWriting, error) {
	if !opts.Given(attributes.Key) {
		return nil, opts.Problem(attributes.Key, "true or false", "is needed for xml")
	}
	w := &writing{root: opts.String(rootTag.Key), row: opts.String(writeRowTag.Key), attributes: opts.Bool(attributes.Key)}
	for key, name := range map[string]string{rootTag.Key: w.root, writeRowTag.Key: w.row} {
		if !isName(name) {
			return nil, opts.Problem(key, "a letter or _, then letters, digits, - . _", "%q cannot be the name of an element", name)
		}
	}
	var err error
	if w.charset, err = delimited.CharsetOption(opts); err != nil {
		return nil, err
	}
	if err := delimited.Supported(schema, value.Options{}); err != nil {
		return nil, err
	}
	for _, c := range schema.Columns {
		if !isName(c.Name) {
			return nil, plugin.Permanent(fmt.Errorf("%s: column %q cannot be the name of an xml element or attribute; rename it in a transform", opts.Owner(), c.Name))
		}
	}
	return w, nil
}

type writing struct {
	root, row  string
	attributes bool
	charset    *delimited.Charset
}

// Extension implements plugin.FileWriting.
func (w *writing) Extension() string { return Format{}.Suffix() }

// Create implements plugin.FileWriting.
func (w *writing) Create(out io.Writer) (plugin.FileEncoder, error) {
	e := &encoder{writing: w, out: w.charset.Writer(out)}
	e.buf = fmt.Appendf(nil, "<?xml version=\"1.0\" encoding=%q?>\n<%s>", strings.ToUpper(w.charset.Name()), w.root)
	return e, nil
}
