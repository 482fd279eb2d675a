// Package dictionary numbers values in order of appearance.
package dictionary

import (
	"hash/maphash"
)

// Ints numbers values of up to eight bytes. Reset it before the first use.
type Ints struct {
	slots  []uint32 // number + 1, 0 when free; open addressing
	shift  uint
	values []int64
}

// Values are the entries, by number.
func (d *Ints) Values() []int64 { return d.values }

// Reset forgets all entries.
func (d *Ints) Reset() {
	if d.slots == nil {
		d.slots, d.shift = make([]uint32, 1024), 64-10
	}
	clear(d.slots)
	d.values = d.values[:0]
}

// Number appends the number of each value to dst.
func (d *Ints) Number(dst []uint32, values []int64) []uint32 {
	for _, v := range values {
		mask := uint64(len(d.slots) - 1)
		h := uint64(v) * 0x9e3779b97f4a7c15 >> d.shift
		for {
			s := d.slots[h&mask]
			if s == 0 {
				s = d.insert(v, h&mask)
			} else if d.values[s-1] != v {
				h++
				continue
			}
			dst = append(dst, s-1)
			break
		}
	}
	return dst
}

func (d *Ints) insert(v int64, slot uint64) uint32 {
	d.values = append(d.values, v)
	n := uint32(len(d.values))
	d.slots[slot] = n
	if len(d.values)*2 > len(d.slots) {
		d.slots = make([]uint32, 2*len(d.slots))
		d.shift--
		mask := uint64(len(d.slots) - 1)
		for i, old := range d.values {
			h := uint64(old) * 0x9e3779b97f4a7c15 >> d.shift
			for d.slots[h&mask] != 0 {
				h++
			}
			d.slots[h&mask] = uint32(i) + 1
		}
	}
	return n
}

// Bytes numbers byte strings. Reset it before the first use.
type Bytes struct {
	slots []bytesSlot
	data  []byte
	ends  []int32 // of each entry in data
}

type bytesSlot struct{ hash, number uint32 } // number + 1, 0 when free

// seed is of the process: hashes never reach a file.
var seed = maphash.MakeSeed()

// Len is the number of entries.
func (d *Bytes) Len() int { return len(d.ends) }

// Size is the length of all entries together, in bytes.
func (d *Bytes) Size() int { return len(d.data) }

// Reset forgets all entries.
func (d *Bytes) Reset() {
	if d.slots == nil {
		d.slots = make([]bytesSlot, 1024)
	}
	clear(d.slots)
	d.data, d.ends = d.data[:0], d.ends[:0]
}

// Entry is the byte string with number i.
func (d *Bytes) Entry(i uint32) []byte {
	from := int32(0)
	if i > 0 {
		from = d.ends[i-1]
	}
	return d.data[from:d.ends[i]]
}

// Number is the number of v, which may be a new one.
func (d *Bytes) Number(v []byte) uint32 {
	hash := uint32(maphash.Bytes(seed, v))
	mask := uint32(len(d.slots) - 1)
	for at := hash & mask; ; at = (at + 1) & mask {
		switch s := d.slots[at]; {
		case s.number == 0:
			return d.insert(v, hash, at)
		case s.hash == hash && string(d.Entry(s.number-1)) == string(v):
			return s.number - 1
		}
	}
}

func (d *Bytes) insert(v []byte, hash, slot uint32) uint32 {
	d.data = append(d.data, v...)
	d.ends = append(d.ends, int32(len(d.data)))
	n := uint32(len(d.ends))
	d.slots[slot] = bytesSlot{hash: hash, number: n}
	if len(d.ends)*2 > len(d.slots) {
		old := d.slots
		d.slots = make([]bytesSlot, 2*len(old))
		mask := uint32(len(d.slots) - 1)
		for _, s := range old {
			if s.number == 0 {
				continue
			}
			at := s.hash & mask
			for d.slots[at].number != 0 {
				at = (at + 1) & mask
			}
			d.slots[at] = s
		}
	}
	return n - 1
}
