package orcfile

import (
	"math"
	"math/bits"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// statistics are those of a column of a stripe or of a file.
type statistics struct {
	kind     kind
	values   uint64 // not null
	nulls    bool
	known    bool // min and max are
	min, max int64
	sum      int64 // integers; bytes of texts; booleans that are true
	overflow bool

	minFloat, maxFloat, sumFloat float64
	nan                          bool
	minText, maxText             string
	minDecimal, maxDecimal       decimal128.Num
	scale                        int
}

func (s *statistics) integer(v int64) {
	if !s.known {
		s.min, s.max, s.known = v, v, true
	}
	s.min, s.max = min(s.min, v), max(s.max, v)
	s.add(v)
}

func (s *statistics) add(v int64) {
	sum, _ := bits.Add64(uint64(s.sum), uint64(v), 0)
	if v > 0 && int64(sum) < s.sum || v < 0 && int64(sum) > s.sum {
		s.overflow = true
	}
	s.sum = int64(sum)
}

func (s *statistics) float(v float64) {
	s.sumFloat += v
	if v != v {
		s.nan = true
		return
	}
	if !s.known {
		s.minFloat, s.maxFloat, s.known = v, v, true
	}
	s.minFloat, s.maxFloat = math.Min(s.minFloat, v), math.Max(s.maxFloat, v)
}

// text takes a text, or the length of a byte string.
func (s *statistics) text(v []byte) {
	s.sum += int64(len(v))
	if s.kind == kBinary {
		return
	}
	if !s.known {
		s.minText, s.maxText, s.known = string(v), string(v), true
		return
	}
	if string(v) < s.minText {
		s.minText = string(v)
	} else if string(v) > s.maxText {
		s.maxText = string(v)
	}
}

func (s *statistics) decimal(v decimal128.Num) {
	if !s.known {
		s.minDecimal, s.maxDecimal, s.known = v, v, true
	}
	if v.Less(s.minDecimal) {
		s.minDecimal = v
	} else if v.Greater(s.maxDecimal) {
		s.maxDecimal = v
	}
}

// merge takes the statistics of one more stripe into those of the file.
func (s *statistics) merge(o *statistics) {
	s.values += o.values
	s.nulls = s.nulls || o.nulls
	s.overflow = s.overflow || o.overflow
	s.nan = s.nan || o.nan
	s.sumFloat += o.sumFloat
	if o.known && !s.known {
		sum, values, nulls, overflow, nan, float := s.sum, s.values, s.nulls, s.overflow, s.nan, s.sumFloat
		*s = *o
		s.values, s.nulls, s.overflow, s.nan, s.sumFloat = values, nulls, overflow, nan, float
		s.sum = sum
	} else if o.known {
		s.min, s.max = min(s.min, o.min), max(s.max, o.max)
		s.minFloat, s.maxFloat = math.Min(s.minFloat, o.minFloat), math.Max(s.maxFloat, o.maxFloat)
		s.minText, s.maxText = min(s.minText, o.minText), max(s.maxText, o.maxText)
		if o.minDecimal.Less(s.minDecimal) {
			s.minDecimal = o.minDecimal
		}
		if o.maxDecimal.Greater(s.maxDecimal) {
			s.maxDecimal = o.maxDecimal
		}
	}
	s.add(o.sum)
}

// maxText is the longest text worth its place in the footer, in bytes.
const maxText = 1024

// encode makes a ColumnStatistics message.
func (s *statistics) encode() message {
	var m, of message
	m.number(1, s.values)
	switch s.kind {
	case kByte, kShort, kInt, kLong:
		if s.known {
			of.signed(1, s.min)
			of.signed(2, s.max)
			if !s.overflow {
				of.signed(3, s.sum)
			}
			m.bytes(2, of)
		}
	case kFloat, kDouble:
		if s.known && !s.nan {
			of.double(1, math.Float64bits(s.minFloat))
			of.double(2, math.Float64bits(s.maxFloat))
			of.double(3, math.Float64bits(s.sumFloat))
			m.bytes(3, of)
		}
	case kString:
		if s.known && len(s.minText) <= maxText && len(s.maxText) <= maxText {
			of.bytes(1, []byte(s.minText))
			of.bytes(2, []byte(s.maxText))
			of.signed(3, s.sum)
			m.bytes(4, of)
		}
	case kBoolean:
		of.packed(1, uint64(s.sum))
		m.bytes(5, of)
	case kDecimal:
		if s.known {
			of.bytes(1, []byte(s.minDecimal.ToString(int32(s.scale))))
			of.bytes(2, []byte(s.maxDecimal.ToString(int32(s.scale))))
			m.bytes(6, of)
		}
	case kDate:
		if s.known {
			of.signed(1, s.min)
			of.signed(2, s.max)
			m.bytes(7, of)
		}
	case kBinary:
		of.signed(1, s.sum)
		m.bytes(8, of)
	}
	if s.nulls {
		m.number(10, 1)
	} else {
		m.number(10, 0)
	}
	return m
}

// reset begins the next stripe.
func (s *statistics) reset() { *s = statistics{kind: s.kind, scale: s.scale} }
