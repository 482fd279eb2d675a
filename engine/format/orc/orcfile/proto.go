package orcfile

import (
	"errors"
	"fmt"

	"google.golang.org/protobuf/encoding/protowire"
)

// Field numbers are those of orc_proto.proto in the ORC specification, version 1.

// field is one field of a protobuf message: a number, or bytes.
type field struct {
	id     protowire.Number
	number uint64
	bytes  []byte
}

var errProto = errors.New("a protobuf message is damaged")

// each goes through the fields of a message.
func each(msg []byte, f func(field) error) error {
	for len(msg) > 0 {
		id, kind, n := protowire.ConsumeTag(msg)
		if n < 0 {
			return errProto
		}
		msg = msg[n:]
		out := field{id: id}
		switch kind {
		case protowire.VarintType:
			out.number, n = protowire.ConsumeVarint(msg)
		case protowire.BytesType:
			out.bytes, n = protowire.ConsumeBytes(msg)
		default:
			n = protowire.ConsumeFieldValue(id, kind, msg)
		}
		if n < 0 {
			return errProto
		}
		msg = msg[n:]
		if err := f(out); err != nil {
			return err
		}
	}
	return nil
}

// list appends a repeated number, packed or not.
func list(to []uint64, f field) ([]uint64, error) {
	if f.bytes == nil {
		return append(to, f.number), nil
	}
	for b := f.bytes; len(b) > 0; {
		v, n := protowire.ConsumeVarint(b)
		if n < 0 {
			return nil, errProto
		}
		to, b = append(to, v), b[n:]
	}
	return to, nil
}

type postscript struct {
	footer uint64 // its length in bytes
	codec  Codec
	block  uint64 // the most bytes of a decompressed chunk
}

func parsePostscript(msg []byte) (postscript, error) {
	p := postscript{block: 256 << 10}
	magic := ""
	err := each(msg, func(f field) error {
		switch f.id {
		case 1:
			p.footer = f.number
		case 2:
			p.codec = Codec(f.number)
		case 3:
			p.block = f.number
		case 8000:
			magic = string(f.bytes)
		}
		return nil
	})
	if err == nil && magic != "ORC" {
		err = errors.New("it is not an ORC file: the magic word is missing at its end")
	}
	return p, err
}

// Stripe is a run of rows of a file that can be read on its own.
type Stripe struct {
	Rows                        int64
	offset, index, data, footer uint64
}

// Bytes is the stripe's size in the file.
func (s Stripe) Bytes() int64 { return int64(s.index + s.data + s.footer) }

type footer struct {
	stripes          []Stripe
	types            []typeInfo
	writer, calendar uint64
}

// Numbers of CalendarKind.
const (
	calendarUnknown   = 0
	calendarJulian    = 1 // up to 1582-10-04
	calendarGregorian = 2 // all the way back
)

// julian reports whether old dates follow the Julian calendar, as Java's writers have it unless
// they say something else.
func (f footer) julian() bool {
	return f.calendar == calendarJulian || f.calendar == calendarUnknown && f.writer == 0
}

func parseFooter(msg []byte) (footer, error) {
	var out footer
	err := each(msg, func(f field) error {
		switch f.id {
		case 3:
			s, err := parseStripe(f.bytes)
			if err != nil {
				return err
			}
			out.stripes = append(out.stripes, s)
		case 4:
			t, err := parseType(f.bytes)
			if err != nil {
				return err
			}
			out.types = append(out.types, t)
		case 9:
			out.writer = f.number
		case 11:
			out.calendar = f.number
		}
		return nil
	})
	return out, err
}

func parseStripe(msg []byte) (s Stripe, err error) {
	err = each(msg, func(f field) error {
		switch f.id {
		case 1:
			s.offset = f.number
		case 2:
			s.index = f.number
		case 3:
			s.data = f.number
		case 4:
			s.footer = f.number
		case 5:
			s.Rows = int64(f.number)
		}
		return nil
	})
	return s, err
}

// typeInfo is one node of a file's type tree.
type typeInfo struct {
	kind             kind
	subtypes         []uint64
	names            []string
	precision, scale uint64
}

func parseType(msg []byte) (t typeInfo, err error) {
	err = each(msg, func(f field) (err error) {
		switch f.id {
		case 1:
			t.kind = kind(f.number)
		case 2:
			t.subtypes, err = list(t.subtypes, f)
		case 3:
			t.names = append(t.names, string(f.bytes))
		case 5:
			t.precision = f.number
		case 6:
			t.scale = f.number
		}
		return err
	})
	return t, err
}

// section is a stream of a stripe.
type section struct {
	kind   streamKind
	column uint64
	length uint64
}

type encoding struct {
	kind       encodingKind
	dictionary uint64 // entries
}

type stripeFooter struct {
	sections  []section
	encodings []encoding
	zone      string
}

func parseStripeFooter(msg []byte) (out stripeFooter, err error) {
	err = each(msg, func(f field) error {
		switch f.id {
		case 1:
			var s section
			err := each(f.bytes, func(f field) error {
				switch f.id {
				case 1:
					s.kind = streamKind(f.number)
				case 2:
					s.column = f.number
				case 3:
					s.length = f.number
				}
				return nil
			})
			out.sections = append(out.sections, s)
			return err
		case 2:
			var e encoding
			err := each(f.bytes, func(f field) error {
				switch f.id {
				case 1:
					e.kind = encodingKind(f.number)
				case 2:
					e.dictionary = f.number
				}
				return nil
			})
			out.encodings = append(out.encodings, e)
			return err
		case 3:
			out.zone = string(f.bytes)
		}
		return nil
	})
	return out, err
}

// message builds a protobuf message.
type message []byte

func (m *message) number(id protowire.Number, v uint64) {
	*m = protowire.AppendVarint(protowire.AppendTag(*m, id, protowire.VarintType), v)
}

func (m *message) signed(id protowire.Number, v int64) { m.number(id, protowire.EncodeZigZag(v)) }

func (m *message) double(id protowire.Number, bits uint64) {
	*m = protowire.AppendFixed64(protowire.AppendTag(*m, id, protowire.Fixed64Type), bits)
}

func (m *message) bytes(id protowire.Number, v []byte) {
	*m = protowire.AppendBytes(protowire.AppendTag(*m, id, protowire.BytesType), v)
}

func (m *message) packed(id protowire.Number, v ...uint64) {
	var b []byte
	for _, n := range v {
		b = protowire.AppendVarint(b, n)
	}
	m.bytes(id, b)
}

type kind uint64

// The kinds of types.
const (
	kBoolean kind = iota
	kByte
	kShort
	kInt
	kLong
	kFloat
	kDouble
	kString
	kBinary
	kTimestamp
	kList
	kMap
	kStruct
	kUnion
	kDecimal
	kDate
	kVarchar
	kChar
	kInstant
)

var kindNames = []string{"boolean", "tinyint", "smallint", "int", "bigint", "float", "double", "string", "binary",
	"timestamp", "array", "map", "struct", "uniontype", "decimal", "date", "varchar", "char", "timestamp with local time zone"}

func (k kind) String() string {
	if int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("type kind %d", uint64(k))
}

type streamKind uint64

const (
	present        streamKind = 0
	data           streamKind = 1
	length         streamKind = 2
	dictionaryData streamKind = 3
	secondary      streamKind = 5
	// Those after are indexes.
)

type encodingKind uint64

const (
	direct       encodingKind = 0
	dictionaryV1 encodingKind = 1
	directV2     encodingKind = 2
	dictionaryV2 encodingKind = 3
)
