package parquetfile

import (
	"encoding/binary"
	"math/bits"
)

// widthOf is the number of bits that hold values up to most.
func widthOf(most uint32) int { return bits.Len32(most) }

// appendHybrid appends values of width bits (at most 32) in Parquet's RLE / bit-packed hybrid
// encoding, without a length in front.
func appendHybrid[T uint8 | uint32](dst []byte, values []T, width int) []byte {
	for packed := 0; packed < len(values); {
		// A stretch of groups of eight that are not the begin of a run worth having.
		end := packed
		run := 0
		for end < len(values) {
			if run = runLength(values[end:]); run >= minRun {
				break
			}
			run = 0
			end = min(end+8, len(values))
		}
		if end > packed {
			dst = appendPacked(dst, values[packed:end], width)
		}
		if run > 0 {
			dst = binary.AppendUvarint(dst, uint64(run)<<1)
			for v, n := uint32(values[end]), (width+7)/8; n > 0; n-- {
				dst = append(dst, byte(v))
				v >>= 8
			}
		}
		packed = end + run
	}
	return dst
}

// minRun is the length from which a run is written as one. A bit-packed stretch ends before
// it, which must be at a multiple of eight.
const minRun = 16

// runLength counts equal values at the beginning; it gives up early where the first two differ.
func runLength[T uint8 | uint32](values []T) int {
	first := values[0]
	n := 1
	for n < len(values) && values[n] == first {
		n++
	}
	return n
}

// appendPacked writes one bit-packed run, the last group filled up with zeros.
func appendPacked[T uint8 | uint32](dst []byte, values []T, width int) []byte {
	groups := (len(values) + 7) / 8
	dst = binary.AppendUvarint(dst, uint64(groups)<<1|1)
	var acc uint64
	used := 0
	for _, v := range values {
		acc |= uint64(v) << used
		used += width
		if used >= 32 {
			dst = binary.LittleEndian.AppendUint32(dst, uint32(acc))
			acc >>= 32
			used -= 32
		}
	}
	for left := groups*width - (len(values)*width-used)/8; left > 0; left-- {
		dst = append(dst, byte(acc))
		acc >>= 8
	}
	return dst
}
