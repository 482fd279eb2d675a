// Package orc reads and writes Apache ORC files.
package orc

import (
	"io"
	"strings"

	"seikan/engine/format/compress"
	"seikan/engine/format/orc/orcfile"
	"seikan/engine/format/parquet/columnar"
	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// Format is file_format_type = orc.
type Format struct{}

// Name is "orc".
func (Format) Name() string { return "orc" }

// Suffix is ".orc".
func (Format) Suffix() string { return ".orc" }

// ReadOptions has compress_codec, which is accepted and not needed: files say it themselves.
func (Format) ReadOptions() []option.Option { return []option.Option{compress.ReadOption()} }

// WriteOptions has the codec.
func (Format) WriteOptions() []option.Option { return []option.Option{compress.WriteOption()} }

// codecs are the values of compress_codec that ORC has.
var codecs = map[string]orcfile.Codec{
	"none": orcfile.None, "zlib": orcfile.Zlib, "snappy": orcfile.Snappy, "lzo": orcfile.LZO, "lz4": orcfile.LZ4, "zstd": orcfile.Zstd,
}

// Reading reads all columns of declared, or all of the file, or of them those named by columns.
func (Format) Reading(_ *option.Values, declared *record.Schema, columns []string) (plugin.FileReading, error) {
	r := &reading{columnar.Wish{Declared: declared, Columns: columns}}
	return r, r.wish.Check()
}

// Writing checks the codec and the types of the schema.
func (Format) Writing(opts *option.Values, schema *record.Schema) (plugin.FileWriting, error) {
	name := strings.ToLower(opts.String(compress.OptionKey))
	codec, ok := codecs[name]
	if !ok {
		return nil, opts.Problem(compress.OptionKey, "expected none, zlib, snappy, lzo, lz4 or zstd",
			"orc files cannot be written with codec %s", name)
	}
	if err := orcfile.Check(schema); err != nil {
		return nil, err
	}
	suffix, _ := compress.Find(name)
	return &writing{schema, codec, suffix.Suffix + ".orc"}, nil
}

type writing struct {
	schema    *record.Schema
	codec     orcfile.Codec
	extension string
}

func (w *writing) Extension() string { return w.extension }

func (w *writing) Create(out io.Writer) (plugin.FileEncoder, error) {
	f, err := orcfile.NewWriter(out, w.schema, w.codec)
	if err != nil {
		return nil, err
	}
	return encoder{f}, nil
}

type encoder struct{ file *orcfile.Writer }

func (e encoder) Write(b *record.Batch) error {
	if b.Rows() == 0 {
		return nil
	}
	return e.file.Write(b.Data)
}

func (e encoder) Close() error { return e.file.Close() }
