package orcfile

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"
)

type streamKey struct {
	column uint64
	kind   streamKind
}

// opener makes the decoders of a stripe.
type opener struct {
	reader    *Reader
	streams   map[streamKey]*stream
	encodings []encoding
	zone      *time.Location
	nanos     bool
}

// stream returns a stream of a column; one that is missing is empty.
func (o *opener) stream(n *node, k streamKind) *stream {
	if s := o.streams[streamKey{n.id, k}]; s != nil {
		return s
	}
	return &stream{file: o.reader.file, codec: o.reader.codec}
}

// decoder decodes one column of a stripe.
type decoder interface {
	// read returns the next n values. There is a value only where parent is true; nil means
	// everywhere.
	read(n int, parent []bool) (arrow.Array, error)
}

func (o *opener) decoder(n *node) (decoder, error) {
	if n.id >= uint64(len(o.encodings)) {
		return nil, errors.New("the file is damaged: a column has no encoding")
	}
	if err := n.supported(); err != nil {
		return nil, err
	}
	enc := o.encodings[n.id]
	v2 := enc.kind == directV2 || enc.kind == dictionaryV2
	dict := enc.kind == dictionaryV1 || enc.kind == dictionaryV2
	if enc.kind > dictionaryV2 || dict && n.kind != kString && n.kind != kVarchar && n.kind != kChar {
		return nil, fmt.Errorf("%s columns with encoding %d cannot be read", n.kind, enc.kind)
	}
	c := core{typ: n.arrow(o.nanos)}
	if o.streams[streamKey{n.id, present}] != nil {
		c.present = &bitReader{bytes: byteReader{s: o.stream(n, present)}}
	}
	ints := func(k streamKind, signed bool) *intReader {
		return &intReader{s: o.stream(n, k), signed: signed, v2: v2}
	}
	switch n.kind {
	case kBoolean:
		return &booleans{c, bitReader{bytes: byteReader{s: o.stream(n, data)}}}, nil
	case kByte:
		return &tinyInts{c, byteReader{s: o.stream(n, data)}}, nil
	case kShort:
		return &integers[int16]{core: c, data: ints(data, true)}, nil
	case kInt:
		return &integers[int32]{core: c, data: ints(data, true)}, nil
	case kDate:
		return &integers[int32]{core: c, data: ints(data, true), julian: o.reader.julian}, nil
	case kLong:
		return &integers[int64]{core: c, data: ints(data, true)}, nil
	case kFloat:
		return &floats{c, o.stream(n, data), 4}, nil
	case kDouble:
		return &floats{c, o.stream(n, data), 8}, nil
	case kTimestamp, kInstant:
		zone := o.zone
		if n.kind == kInstant {
			zone = time.UTC
		}
		return newTimestamps(c, ints(data, true), ints(secondary, false), zone, o.nanos, o.reader.julian && n.kind == kTimestamp), nil
	case kDecimal:
		return &decimals{core: c, data: o.stream(n, data), scales: ints(secondary, true), scale: n.scale}, nil
	case kString, kVarchar, kChar, kBinary:
		if dict {
			return &dictionaryStrings{core: c, numbers: ints(data, false), bytes: o.stream(n, dictionaryData),
				lengths: ints(length, false), entries: enc.dictionary}, nil
		}
		return &byteStrings{core: c, data: o.stream(n, data), lengths: ints(length, false)}, nil
	}
	var children []decoder
	for _, child := range n.children {
		d, err := o.decoder(child)
		if err != nil {
			return nil, err
		}
		children = append(children, d)
	}
	if n.kind == kStruct {
		return &structs{c, children}, nil
	}
	return &lists{core: c, lengths: ints(length, false), children: children}, nil
}

// core is what all decoders share.
type core struct {
	typ     arrow.DataType
	present *bitReader // nil when no value is null
	valid   []bool
	ints    []int64
}

// nulls reads which of n values are there; valid is nil when all are.
func (c *core) nulls(n int, parent []bool) (valid []bool, count int, err error) {
	if c.present == nil {
		if parent == nil {
			return nil, n, nil
		}
		for _, p := range parent {
			if p {
				count++
			}
		}
		return parent, count, nil
	}
	valid = c.valid[:0]
	for i := range n {
		v := false
		if parent == nil || parent[i] {
			if v, err = c.present.next(); err != nil {
				return nil, 0, err
			}
		}
		if v {
			count++
		}
		valid = append(valid, v)
	}
	c.valid = valid
	if count == n {
		valid = nil
	}
	return valid, count, nil
}

// values decodes n integers, taking memory only as they come.
func (c *core) values(r *intReader, n int) ([]int64, error) {
	out := c.ints[:0]
	for len(out) < n {
		k := min(n-len(out), 4096)
		out = slices.Grow(out, k)[:len(out)+k]
		if err := r.read(out[len(out)-k:]); err != nil {
			return nil, err
		}
	}
	c.ints = out
	return out, nil
}

// build makes an array of n values.
func (c *core) build(n int, valid []bool, children []arrow.ArrayData, buffers ...*memory.Buffer) arrow.Array {
	var bits *memory.Buffer
	nulls := 0
	if valid != nil {
		b := make([]byte, (n+7)/8)
		for i, v := range valid {
			if v {
				b[i/8] |= 1 << (i % 8)
			} else {
				nulls++
			}
		}
		bits = memory.NewBufferBytes(b)
	}
	d := array.NewData(c.typ, n, append([]*memory.Buffer{bits}, buffers...), children, nulls, 0)
	defer d.Release()
	return array.MakeFromData(d)
}

// spread puts values, which have no gaps, to where valid is true.
func spread[T any](n int, valid []bool, value func(i int) T) []T {
	out := make([]T, n)
	if valid == nil {
		for i := range out {
			out[i] = value(i)
		}
		return out
	}
	at := 0
	for i, v := range valid {
		if v {
			out[i] = value(at)
			at++
		}
	}
	return out
}

type booleans struct {
	core
	data bitReader
}

func (d *booleans) read(n int, parent []bool) (arrow.Array, error) {
	valid, _, err := d.nulls(n, parent)
	if err != nil {
		return nil, err
	}
	bits := make([]byte, (n+7)/8)
	for i := range n {
		if valid != nil && !valid[i] {
			continue
		}
		v, err := d.data.next()
		if err != nil {
			return nil, err
		}
		if v {
			bits[i/8] |= 1 << (i % 8)
		}
	}
	return d.build(n, valid, nil, memory.NewBufferBytes(bits)), nil
}

type tinyInts struct {
	core
	data byteReader
}

func (d *tinyInts) read(n int, parent []bool) (arrow.Array, error) {
	valid, _, err := d.nulls(n, parent)
	if err != nil {
		return nil, err
	}
	out := make([]byte, n)
	for i := range out {
		if valid != nil && !valid[i] {
			continue
		}
		if out[i], err = d.data.next(); err != nil {
			return nil, err
		}
	}
	return d.build(n, valid, nil, memory.NewBufferBytes(out)), nil
}

type integers[T int16 | int32 | int64] struct {
	core
	data   *intReader
	julian bool // dates of the Julian calendar
}

func (d *integers[T]) read(n int, parent []bool) (arrow.Array, error) {
	valid, count, err := d.nulls(n, parent)
	if err != nil {
		return nil, err
	}
	v, err := d.values(d.data, count)
	if err != nil {
		return nil, err
	}
	if d.julian {
		for i, x := range v {
			v[i] = gregorian(x)
		}
	}
	var wide int64
	for _, x := range v {
		wide |= x ^ int64(T(x))
	}
	if wide != 0 {
		return nil, fmt.Errorf("a number is too large for %s", d.typ)
	}
	out := spread(n, valid, func(i int) T { return T(v[i]) })
	return d.build(n, valid, nil, memory.NewBufferBytes(arrow.GetBytes(out))), nil
}

type floats struct {
	core
	data  *stream
	width int
}

func (d *floats) read(n int, parent []bool) (arrow.Array, error) {
	valid, _, err := d.nulls(n, parent)
	if err != nil {
		return nil, err
	}
	out := make([]byte, n*d.width) // little endian in the file and in memory
	for i := range n {
		if valid != nil && !valid[i] {
			continue
		}
		b, err := d.data.take(d.width)
		if err != nil {
			return nil, err
		}
		copy(out[i*d.width:], b)
	}
	return d.build(n, valid, nil, memory.NewBufferBytes(out)), nil
}

type byteStrings struct {
	core
	data    *stream
	lengths *intReader
}

var errLong = errors.New("the values of a batch take more than 2 GiB")

func (d *byteStrings) read(n int, parent []bool) (arrow.Array, error) {
	valid, count, err := d.nulls(n, parent)
	if err != nil {
		return nil, err
	}
	lengths, err := d.values(d.lengths, count)
	if err != nil {
		return nil, err
	}
	offsets, err := offsets(n, valid, lengths)
	if err != nil {
		return nil, err
	}
	total := int(offsets[n])
	bytes, err := d.data.append(make([]byte, 0, min(total, 1<<20)), total)
	if err != nil {
		return nil, err
	}
	return d.build(n, valid, nil, memory.NewBufferBytes(arrow.GetBytes(offsets)), memory.NewBufferBytes(bytes)), nil
}

// offsets sums lengths up; what is null has none.
func offsets(n int, valid []bool, lengths []int64) ([]int32, error) {
	out := make([]int32, n+1)
	at, sum := 0, int64(0)
	for i := range n {
		if valid == nil || valid[i] {
			l := lengths[at]
			at++
			if l < 0 || l > math.MaxInt32-sum {
				return nil, errLong
			}
			sum += l
		}
		out[i+1] = int32(sum)
	}
	return out, nil
}

type dictionaryStrings struct {
	core
	numbers, lengths *intReader
	bytes            *stream
	entries          uint64
	loaded           bool
	ends             []int64
	text             []byte
}

// load reads the dictionary at the first use.
func (d *dictionaryStrings) load() error {
	if d.entries > math.MaxInt32 {
		return errors.New("the dictionary is too large")
	}
	lengths, err := d.values(d.lengths, int(d.entries))
	if err != nil {
		return err
	}
	sum := int64(0)
	d.ends = slices.Clone(lengths)
	for i, l := range d.ends {
		if l < 0 || l > math.MaxInt32-sum {
			return errLong
		}
		sum += l
		d.ends[i] = sum
	}
	d.text, err = d.bytes.append(nil, int(sum))
	d.loaded = err == nil
	return err
}

func (d *dictionaryStrings) read(n int, parent []bool) (arrow.Array, error) {
	valid, count, err := d.nulls(n, parent)
	if err != nil {
		return nil, err
	}
	if !d.loaded {
		if err := d.load(); err != nil {
			return nil, err
		}
	}
	numbers, err := d.values(d.numbers, count)
	if err != nil {
		return nil, err
	}
	offsets := make([]int32, n+1)
	var bytes []byte
	at := 0
	for i := range n {
		if valid == nil || valid[i] {
			k := numbers[at]
			at++
			if k < 0 || k >= int64(len(d.ends)) {
				return nil, fmt.Errorf("number %d of a dictionary of %d entries", k, len(d.ends))
			}
			from := int64(0)
			if k > 0 {
				from = d.ends[k-1]
			}
			if int64(len(bytes))+d.ends[k]-from > math.MaxInt32 {
				return nil, errLong
			}
			bytes = append(bytes, d.text[from:d.ends[k]]...)
		}
		offsets[i+1] = int32(len(bytes))
	}
	return d.build(n, valid, nil, memory.NewBufferBytes(arrow.GetBytes(offsets)), memory.NewBufferBytes(bytes)), nil
}

type structs struct {
	core
	children []decoder
}

func (d *structs) read(n int, parent []bool) (arrow.Array, error) {
	valid, _, err := d.nulls(n, parent)
	if err != nil {
		return nil, err
	}
	data, release, err := readAll(d.children, n, valid)
	defer release()
	if err != nil {
		return nil, err
	}
	return d.build(n, valid, data), nil
}

func readAll(children []decoder, n int, parent []bool) (out []arrow.ArrayData, release func(), err error) {
	var arrays []arrow.Array
	release = func() {
		for _, a := range arrays {
			a.Release()
		}
	}
	for _, c := range children {
		a, err := c.read(n, parent)
		if err != nil {
			return nil, release, err
		}
		arrays = append(arrays, a)
		out = append(out, a.Data())
	}
	return out, release, nil
}

// lists decodes lists and maps.
type lists struct {
	core
	lengths  *intReader
	children []decoder
}

// maxElements bounds the elements of a batch, whose number a damaged file could claim to be anything.
const maxElements = 1 << 26

func (d *lists) read(n int, parent []bool) (arrow.Array, error) {
	valid, count, err := d.nulls(n, parent)
	if err != nil {
		return nil, err
	}
	lengths, err := d.values(d.lengths, count)
	if err != nil {
		return nil, err
	}
	offsets, err := offsets(n, valid, lengths)
	if err != nil {
		return nil, err
	}
	if offsets[n] > maxElements {
		return nil, fmt.Errorf("%d rows have %d elements, more than can be read at once", n, offsets[n])
	}
	data, release, err := readAll(d.children, int(offsets[n]), nil)
	defer release()
	if err != nil {
		return nil, err
	}
	if m, ok := d.typ.(*arrow.MapType); ok {
		pairs := array.NewData(m.Elem(), int(offsets[n]), []*memory.Buffer{nil}, data, 0, 0)
		defer pairs.Release()
		data = []arrow.ArrayData{pairs}
	}
	return d.build(n, valid, data, memory.NewBufferBytes(arrow.GetBytes(offsets))), nil
}
