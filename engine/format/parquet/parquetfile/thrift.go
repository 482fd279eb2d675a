package parquetfile

import "encoding/binary"

// Types of the Thrift compact protocol, the form of Parquet's page headers and footer
// (thrift-compact-protocol.md of Apache Thrift).
const (
	typeTrue   = 1
	typeFalse  = 2
	typeByte   = 3
	typeI16    = 4
	typeI32    = 5
	typeI64    = 6
	typeBinary = 8
	typeList   = 9
	typeStruct = 12
)

// thrift builds a compact protocol message.
type thrift struct {
	buf  []byte
	last int16   // id of the field before
	up   []int16 // last of the structs around this one
}

func (t *thrift) field(id int16, kind byte) {
	if d := id - t.last; d > 0 && d <= 15 {
		t.buf = append(t.buf, byte(d)<<4|kind)
	} else {
		t.buf = append(t.buf, kind)
		t.varint(int64(id))
	}
	t.last = id
}

func (t *thrift) varint(v int64) { t.buf = binary.AppendVarint(t.buf, v) }

func (t *thrift) i32(id int16, v int32) { t.field(id, typeI32); t.varint(int64(v)) }
func (t *thrift) i64(id int16, v int64) { t.field(id, typeI64); t.varint(v) }

func (t *thrift) i16(id int16, v int16) { t.field(id, typeI16); t.varint(int64(v)) }

func (t *thrift) i8(id int16, v int8) {
	t.field(id, typeByte)
	t.buf = append(t.buf, byte(v))
}

func (t *thrift) boolean(id int16, v bool) {
	if v {
		t.field(id, typeTrue)
	} else {
		t.field(id, typeFalse)
	}
}

func (t *thrift) bytes(id int16, v []byte) { t.field(id, typeBinary); t.blob(v) }

func (t *thrift) text(id int16, v string) { t.bytes(id, []byte(v)) }

// blob writes a string as a list element.
func (t *thrift) blob(v []byte) {
	t.buf = binary.AppendUvarint(t.buf, uint64(len(v)))
	t.buf = append(t.buf, v...)
}

// list opens a list of n elements, which follow without field headers.
func (t *thrift) list(id int16, kind byte, n int) {
	t.field(id, typeList)
	if n < 15 {
		t.buf = append(t.buf, byte(n)<<4|kind)
		return
	}
	t.buf = append(t.buf, 0xf0|kind)
	t.buf = binary.AppendUvarint(t.buf, uint64(n))
}

// open begins a struct that is a field.
func (t *thrift) open(id int16) { t.field(id, typeStruct); t.element() }

// element begins a struct that is a list element.
func (t *thrift) element() {
	t.up = append(t.up, t.last)
	t.last = 0
}

// shut ends a struct begun by open or element.
func (t *thrift) shut() {
	t.buf = append(t.buf, 0)
	t.last = t.up[len(t.up)-1]
	t.up = t.up[:len(t.up)-1]
}

// end ends the outermost struct.
func (t *thrift) end() []byte {
	t.buf = append(t.buf, 0)
	return t.buf
}

func (t *thrift) reset() { *t = thrift{buf: t.buf[:0], up: t.up[:0]} }
