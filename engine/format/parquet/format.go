// Package parquet reads and writes Apache Parquet files.
package parquet

import (
	"io"
	"slices"
	"strings"

	"seikan/engine/format/compress"
	"seikan/engine/format/parquet/columnar"
	"seikan/engine/format/parquet/parquetfile"
	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// Format is file_format_type = parquet.
type Format struct{}

// Options of the sink.
const (
	timestampAsInt96 = "parquet_avro_write_timestamp_as_int96"
	fixedAsInt96     = "parquet_avro_write_fixed_as_int96"
)

// message is the name SeaTunnel gives the root of a file's schema.
const message = "SeaTunnelRecord"

// Name is "parquet".
func (Format) Name() string { return "parquet" }

// Suffix is ".parquet".
func (Format) Suffix() string { return ".parquet" }

// ReadOptions has compress_codec, which is accepted and not needed: files say it themselves.
func (Format) ReadOptions() []option.Option { return []option.Option{compress.ReadOption()} }

// WriteOptions has the codec and the int96 options.
func (Format) WriteOptions() []option.Option {
	return []option.Option{
		compress.WriteOption(),
		{Key: timestampAsInt96, Type: option.Bool, Default: false,
			Doc: "Write TIMESTAMP columns as int96, the old form of Hive and Impala, in place of int64 microseconds."},
		{Key: fixedAsInt96, Type: option.List, Default: []string{},
			Doc: "BYTES columns, each value 12 bytes long, to write as int96."},
	}
}

// codecs are the values of compress_codec that Parquet has.
var codecs = map[string]parquetfile.Codec{
	"none": parquetfile.None, "snappy": parquetfile.Snappy, "gzip": parquetfile.Gzip,
	"brotli": parquetfile.Brotli, "lz4": parquetfile.LZ4, "zstd": parquetfile.Zstd,
}

// Reading reads all columns of declared, or all of the file, or of them those named by columns.
func (Format) Reading(_ *option.Values, declared *record.Schema, columns []string) (plugin.FileReading, error) {
	r := &reading{columnar.Wish{Declared: declared, Columns: columns}}
	return r, r.wish.Check()
}

// Writing checks the codec, the int96 options and the types of the schema.
func (Format) Writing(opts *option.Values, schema *record.Schema) (plugin.FileWriting, error) {
	name := strings.ToLower(opts.String(compress.OptionKey))
	codec, ok := codecs[name]
	if !ok {
		return nil, opts.Problem(compress.OptionKey, "expected none, snappy, lz4, gzip, brotli or zstd",
			"parquet files cannot be written with codec %s", name)
	}
	suffix, _ := compress.Find(name)
	w := &writing{schema: schema, extension: suffix.Suffix + ".parquet", options: parquetfile.Options{
		Codec: codec, Message: message, TimestampsAsInt96: opts.Bool(timestampAsInt96), Int96Columns: opts.List(fixedAsInt96)}}
	for _, c := range w.options.Int96Columns {
		if schema.Index(c) < 0 {
			return nil, opts.Problem(fixedAsInt96, "expected columns of the input", "there is no column %q; the input has %s",
				c, strings.Join(slices.Sorted(slices.Values(schema.Names())), ", "))
		}
	}
	if err := parquetfile.Check(schema, w.options); err != nil {
		return nil, err
	}
	return w, nil
}

type writing struct {
	schema    *record.Schema
	extension string
	options   parquetfile.Options
}

func (w *writing) Extension() string { return w.extension }

func (w *writing) Create(out io.Writer) (plugin.FileEncoder, error) {
	f, err := parquetfile.NewWriter(out, w.schema, w.options)
	if err != nil {
		return nil, err
	}
	return encoder{f}, nil
}

type encoder struct{ file *parquetfile.Writer }

func (e encoder) Write(b *record.Batch) error {
	if b.Rows() == 0 {
		return nil
	}
	return e.file.Write(b.Data)
}

func (e encoder) Close() error { return e.file.Close() }
