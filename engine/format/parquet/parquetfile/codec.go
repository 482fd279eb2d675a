package parquetfile

import (
	"bytes"
	"fmt"
	"io"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"
)

// Codec is a compression codec, by its number in parquet.thrift.
type Codec int32

// The codecs that can be written. LZ4 is LZ4_RAW, the one that every reader agrees on.
const (
	None   Codec = 0
	Snappy Codec = 1
	Gzip   Codec = 2
	Brotli Codec = 4
	Zstd   Codec = 6
	LZ4    Codec = 7
)

// compressor holds what a codec can reuse from page to page.
type compressor struct {
	codec  Codec
	out    []byte
	sink   bytes.Buffer
	stream resettable // gzip, brotli
	zstd   *zstd.Encoder
	lz4    lz4.Compressor
}

type resettable interface {
	io.WriteCloser
	Reset(io.Writer)
}

func newCompressor(codec Codec) (*compressor, error) {
	c := &compressor{codec: codec}
	switch codec {
	case None, Snappy, LZ4:
	case Gzip:
		c.stream = gzip.NewWriter(nil)
	case Brotli:
		c.stream = brotli.NewWriterLevel(nil, 5)
	case Zstd:
		e, err := zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithEncoderLevel(zstd.SpeedDefault),
			zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<20))
		if err != nil {
			return nil, fmt.Errorf("making a zstd encoder: %w", err)
		}
		c.zstd = e
	default:
		return nil, fmt.Errorf("parquet codec %d cannot be written", codec)
	}
	return c, nil
}

// compress returns the page's bytes; they are valid until the next call.
func (c *compressor) compress(page []byte) ([]byte, error) {
	switch c.codec {
	case Snappy:
		c.out = s2.EncodeSnappy(c.out[:cap(c.out)], page)
		return c.out, nil
	case LZ4:
		if need := lz4.CompressBlockBound(len(page)); cap(c.out) < need {
			c.out = make([]byte, need)
		}
		n, err := c.lz4.CompressBlock(page, c.out[:cap(c.out)])
		return c.out[:n], err
	case Zstd:
		c.out = c.zstd.EncodeAll(page, c.out[:0])
		return c.out, nil
	case Gzip, Brotli:
		c.sink.Reset()
		c.stream.Reset(&c.sink)
		if _, err := c.stream.Write(page); err != nil {
			return nil, err
		}
		err := c.stream.Close()
		return c.sink.Bytes(), err
	}
	return page, nil
}
