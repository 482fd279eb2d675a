// Package compress holds the codecs (compress_codec) and archives (archive_compress_codec) of
// file connectors.
package compress

import (
	"bytes"
	"compress/bzip2"
	"fmt"
	"io"
	"strings"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zlib"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"seikan/engine/option"
)

// OptionKey is the option that names a codec.
const OptionKey = "compress_codec"

// Codec compresses and decompresses whole files. The zero Codec passes bytes through.
type Codec struct {
	// Name is the value of compress_codec.
	Name string
	// Suffix stands before the format's suffix in the names of written files: ".lzo".
	Suffix string
	reader func(io.Reader) (io.ReadCloser, error)
	writer func(io.Writer) (io.WriteCloser, error)
}

// codecs of line formats. SeaTunnel knows lzo alone and reads files of all others as if they
// were plain, which turns them into rows of rubbish.
var codecs = []Codec{
	{Name: "none"},
	{Name: "lzo", Suffix: ".lzo", reader: noClose(NewLzopReader), writer: newLzopWriter},
	{Name: "gzip", Suffix: ".gz",
		reader: func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) },
		writer: func(w io.Writer) (io.WriteCloser, error) { return gzip.NewWriter(w), nil }},
	{Name: "zstd", Suffix: ".zst",
		reader: func(r io.Reader) (io.ReadCloser, error) {
			d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
			if err != nil {
				return nil, err
			}
			return d.IOReadCloser(), nil
		},
		writer: func(w io.Writer) (io.WriteCloser, error) {
			return zstd.NewWriter(w, zstd.WithEncoderConcurrency(1))
		}},
	{Name: "lz4", Suffix: ".lz4",
		reader: noClose(newLz4Reader),
		writer: func(w io.Writer) (io.WriteCloser, error) { return lz4.NewWriter(w), nil }},
	{Name: "snappy", Suffix: ".snappy",
		reader: noClose(newSnappyReader),
		writer: func(w io.Writer) (io.WriteCloser, error) { return snappy.NewBufferedWriter(w), nil }},
	{Name: "zlib", Suffix: ".zlib",
		reader: func(r io.Reader) (io.ReadCloser, error) { return zlib.NewReader(r) },
		writer: func(w io.Writer) (io.WriteCloser, error) { return zlib.NewWriter(w), nil }},
	{Name: "brotli", Suffix: ".br",
		reader: noClose(func(r io.Reader) (io.Reader, error) { return brotli.NewReader(r), nil }),
		writer: func(w io.Writer) (io.WriteCloser, error) { return brotli.NewWriterLevel(w, 5), nil }},
	{Name: "bzip2", Suffix: ".bz2",
		reader: noClose(func(r io.Reader) (io.Reader, error) { return bzip2.NewReader(r), nil })},
}

func noClose(open func(io.Reader) (io.Reader, error)) func(io.Reader) (io.ReadCloser, error) {
	return func(r io.Reader) (io.ReadCloser, error) {
		d, err := open(r)
		if err != nil {
			return nil, err
		}
		return io.NopCloser(d), nil
	}
}

// ReadOption is compress_codec of a source.
func ReadOption() option.Option {
	return codecOption("How the files are compressed. orc and parquet files say it themselves.", func(Codec) bool { return true })
}

// WriteOption is compress_codec of a sink.
func WriteOption() option.Option {
	return codecOption("How to compress the files.", func(c Codec) bool { return c.Name == "none" || c.writer != nil })
}

func codecOption(doc string, keep func(Codec) bool) option.Option {
	o := option.Option{Key: OptionKey, Type: option.Enum, Default: "none", Doc: doc}
	for _, c := range codecs {
		if keep(c) {
			o.Choices = append(o.Choices, c.Name)
		}
	}
	return o
}

// Find returns the codec called name; "" is none.
func Find(name string) (Codec, bool) {
	if name == "" {
		return codecs[0], true
	}
	for _, c := range codecs {
		if strings.EqualFold(c.Name, name) {
			return c, true
		}
	}
	return Codec{}, false
}

// None reports whether the codec passes bytes through.
func (c Codec) None() bool { return c.reader == nil }

// NewReader decompresses r. Closing it leaves r open.
func (c Codec) NewReader(r io.Reader) (io.ReadCloser, error) {
	if c.None() {
		return io.NopCloser(r), nil
	}
	d, err := c.reader(r)
	if err != nil {
		return nil, fmt.Errorf("the content is not %s: %w", c.Name, err)
	}
	return d, nil
}

// NewWriter compresses into w. Closing it writes the trailer and leaves w open.
func (c Codec) NewWriter(w io.Writer) (io.WriteCloser, error) {
	switch {
	case c.None():
		return plainWriter{w}, nil
	case c.writer == nil:
		return nil, fmt.Errorf("files cannot be written with %s = %s, only read", OptionKey, c.Name)
	}
	return c.writer(w)
}

type plainWriter struct{ io.Writer }

func (plainWriter) Close() error { return nil }

// Snappy and lz4 files come in two containers: the codec's own frames, known by their first
// bytes, and Hadoop's blocks.

func newSnappyReader(r io.Reader) (io.Reader, error) {
	framed, r, err := startsWith(r, []byte("\xff\x06\x00\x00sNaPpY"))
	if err != nil || framed {
		return snappy.NewReader(r), err
	}
	return &hadoopReader{in: r, decode: func(dst, src []byte) (int, error) {
		n, err := snappy.DecodedLen(src)
		if err != nil {
			return 0, err
		}
		if n > len(dst) {
			return 0, errBlock
		}
		out, err := snappy.Decode(dst[:n], src)
		return len(out), err
	}}, nil
}

func newLz4Reader(r io.Reader) (io.Reader, error) {
	var head [4]byte
	n, err := io.ReadFull(r, head[:])
	if err != nil && err != io.ErrUnexpectedEOF && err != io.EOF {
		return nil, err
	}
	r = io.MultiReader(bytes.NewReader(head[:n]), r)
	// Frame, legacy frame and the sixteen skippable frames, little endian.
	if s := string(head[:]); s == "\x04\x22\x4d\x18" || s == "\x02\x21\x4c\x18" || head[0]&0xf0 == 0x50 && s[1:] == "\x2a\x4d\x18" {
		return lz4.NewReader(r), nil
	}
	return &hadoopReader{in: r, decode: func(dst, src []byte) (int, error) { return lz4.UncompressBlock(src, dst) }}, nil
}

func startsWith(r io.Reader, magic []byte) (bool, io.Reader, error) {
	head := make([]byte, len(magic))
	n, err := io.ReadFull(r, head)
	if err == io.ErrUnexpectedEOF || err == io.EOF {
		err = nil
	}
	return bytes.Equal(head[:n], magic), io.MultiReader(bytes.NewReader(head[:n]), r), err
}
