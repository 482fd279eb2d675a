package parquet

import (
	"encoding/binary"
	"errors"

	pqcompress "github.com/apache/arrow-go/v18/parquet/compress"
	"github.com/pierrec/lz4/v4"
)

// arrow-go reads LZ4_RAW only. Files of Hadoop's writers, SeaTunnel's among them, have the codec
// before it, which parquet-format calls LZ4.
func init() { pqcompress.RegisterCodec(pqcompress.Codecs.Lz4, hadoopLZ4{}) }

// hadoopLZ4 decodes pages of Hadoop's frames: the plain length, the packed length, both four
// bytes big endian, and a block. Some writers left the frames away.
type hadoopLZ4 struct{}

var errLZ4 = errors.New("the lz4 data is damaged")

// DecodeWithError decodes src into dst, which has the length that the page's header says.
func (hadoopLZ4) DecodeWithError(dst, src []byte) ([]byte, error) {
	at, rest := 0, src
	for len(rest) >= 8 {
		plain, packed := binary.BigEndian.Uint32(rest), binary.BigEndian.Uint32(rest[4:])
		rest = rest[8:]
		if uint64(packed) > uint64(len(rest)) || uint64(plain) > uint64(len(dst)-at) {
			break
		}
		n, err := lz4.UncompressBlock(rest[:packed], dst[at:at+int(plain)])
		if err != nil || n != int(plain) {
			break
		}
		if at, rest = at+n, rest[packed:]; len(rest) == 0 && at == len(dst) {
			return dst, nil
		}
	}
	n, err := lz4.UncompressBlock(src, dst)
	if err != nil {
		return nil, errLZ4
	}
	return dst[:n], nil
}

// Decode is DecodeWithError for the library's older interface.
func (c hadoopLZ4) Decode(dst, src []byte) []byte {
	out, err := c.DecodeWithError(dst, src)
	if err != nil {
		panic(err)
	}
	return out
}

// Encode writes one frame.
func (c hadoopLZ4) Encode(dst, src []byte) []byte {
	out := append(dst[:0], make([]byte, c.CompressBound(int64(len(src))))...)
	n, err := lz4.CompressBlock(src, out[8:], nil)
	if err != nil {
		panic(err)
	}
	binary.BigEndian.PutUint32(out, uint32(len(src)))
	binary.BigEndian.PutUint32(out[4:], uint32(n))
	return out[:8+n]
}

// EncodeLevel has no levels.
func (c hadoopLZ4) EncodeLevel(dst, src []byte, _ int) []byte { return c.Encode(dst, src) }

// CompressBound is the most bytes that n become.
func (hadoopLZ4) CompressBound(n int64) int64 { return 8 + int64(lz4.CompressBlockBound(int(n))) }
