package orcfile

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/flate"
	"github.com/klauspost/compress/s2"
	"github.com/klauspost/compress/zstd"
	"github.com/pierrec/lz4/v4"

	"seikan/engine/format/lzo"
)

// Codec is a compression kind, by its number in the specification.
type Codec uint64

// The compression kinds. Brotli is known by name only.
const (
	None   Codec = 0
	Zlib   Codec = 1 // raw deflate
	Snappy Codec = 2
	LZO    Codec = 3 // LZO1X
	LZ4    Codec = 4
	Zstd   Codec = 5
	Brotli Codec = 6
)

var codecNames = []string{"none", "zlib", "snappy", "lzo", "lz4", "zstd", "brotli"}

func (c Codec) String() string {
	if int(c) < len(codecNames) {
		return codecNames[c]
	}
	return fmt.Sprintf("codec %d", uint64(c))
}

var errChunk = errors.New("a compressed chunk is damaged")

// decompressor decompresses chunks. It is not safe for concurrent use.
type decompressor struct {
	codec   Codec
	limit   int // bytes of a decompressed chunk
	inflate io.ReadCloser
	zstd    *zstd.Decoder
}

func newDecompressor(codec Codec, limit uint64) (*decompressor, error) {
	if codec != None && (limit == 0 || limit > 1<<28) {
		return nil, fmt.Errorf("compressed chunks of up to %d bytes are announced", limit)
	}
	d := &decompressor{codec: codec, limit: int(limit)}
	switch codec {
	case None, Snappy, LZO, LZ4:
	case Zlib:
		d.inflate = flate.NewReader(nil)
	case Zstd:
		z, err := zstd.NewReader(nil, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxMemory(max(limit, 1<<20)))
		if err != nil {
			return nil, fmt.Errorf("making a zstd decoder: %w", err)
		}
		d.zstd = z
	default:
		return nil, fmt.Errorf("files compressed with %s cannot be read; write it with zlib, snappy, lzo, lz4, zstd or none", codec)
	}
	return d, nil
}

// chunk decompresses src into dst's memory.
func (d *decompressor) chunk(dst, src []byte) ([]byte, error) {
	switch d.codec {
	case Zlib:
		if err := d.inflate.(flate.Resetter).Reset(bytes.NewReader(src), nil); err != nil {
			return nil, err
		}
		out := bytes.NewBuffer(dst[:0])
		n, err := io.Copy(out, io.LimitReader(d.inflate, int64(d.limit)+1))
		if err != nil || n > int64(d.limit) {
			return nil, errChunk
		}
		return out.Bytes(), nil
	case Snappy:
		n, err := s2.DecodedLen(src)
		if err != nil || n > d.limit {
			return nil, errChunk
		}
		out, err := s2.Decode(grow(dst, n), src)
		if err != nil {
			return nil, errChunk
		}
		return out, nil
	case LZO:
		out, err := lzo.Decode(dst[:0], src, d.limit)
		if err != nil {
			return nil, errChunk
		}
		return out, nil
	case LZ4:
		out := grow(dst, d.limit)
		n, err := lz4.UncompressBlock(src, out)
		if err != nil {
			return nil, errChunk
		}
		return out[:n], nil
	case Zstd:
		out, err := d.zstd.DecodeAll(src, dst[:0])
		if err != nil || len(out) > d.limit {
			return nil, errChunk
		}
		return out, nil
	}
	return nil, errChunk
}

func grow(b []byte, n int) []byte {
	if cap(b) < n {
		return make([]byte, n)
	}
	return b[:n]
}

// compressor compresses chunks.
type compressor struct {
	codec   Codec
	out     []byte
	deflate *flate.Writer
	sink    bytes.Buffer
	zstd    *zstd.Encoder
	lz4     lz4.Compressor
	lzo     lzo.Table
}

func newCompressor(codec Codec) (*compressor, error) {
	c := &compressor{codec: codec}
	var err error
	switch codec {
	case None, Snappy, LZO, LZ4:
	case Zlib:
		c.deflate, err = flate.NewWriter(nil, flate.DefaultCompression)
	case Zstd:
		c.zstd, err = zstd.NewWriter(nil, zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true), zstd.WithWindowSize(1<<18))
	default:
		return nil, fmt.Errorf("orc files cannot be written with codec %s", codec)
	}
	if err != nil {
		return nil, fmt.Errorf("making a %s encoder: %w", codec, err)
	}
	return c, nil
}

// chunk compresses src; the result is valid until the next call.
func (c *compressor) chunk(src []byte) ([]byte, error) {
	switch c.codec {
	case Zlib:
		c.sink.Reset()
		c.deflate.Reset(&c.sink)
		if _, err := c.deflate.Write(src); err != nil {
			return nil, err
		}
		if err := c.deflate.Close(); err != nil {
			return nil, err
		}
		return c.sink.Bytes(), nil
	case Snappy:
		c.out = s2.EncodeSnappy(c.out[:cap(c.out)], src)
		return c.out, nil
	case LZO:
		c.out = lzo.Encode(c.out[:0], src, &c.lzo)
		return c.out, nil
	case LZ4:
		c.out = grow(c.out, lz4.CompressBlockBound(len(src)))
		n, err := c.lz4.CompressBlock(src, c.out)
		return c.out[:n], err
	case Zstd:
		c.out = c.zstd.EncodeAll(src, c.out[:0])
		return c.out, nil
	}
	return src, nil
}
