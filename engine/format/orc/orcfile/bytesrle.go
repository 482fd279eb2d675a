package orcfile

// byteReader decodes byte run lengths.
type byteReader struct {
	s      *stream
	run    int // bytes left of the run or of the literals
	repeat bool
	value  byte
}

func (r *byteReader) next() (byte, error) {
	if r.run == 0 {
		control, err := r.s.byte()
		if err != nil {
			return 0, err
		}
		if r.repeat = control < 0x80; r.repeat {
			r.run = int(control) + 3
			if r.value, err = r.s.byte(); err != nil {
				return 0, err
			}
		} else {
			r.run = 256 - int(control)
		}
	}
	r.run--
	if r.repeat {
		return r.value, nil
	}
	return r.s.byte()
}

// bitReader decodes booleans: bits of byte runs, the highest first.
type bitReader struct {
	bytes byteReader
	bits  byte
	left  int
}

func (r *bitReader) next() (bool, error) {
	if r.left == 0 {
		b, err := r.bytes.next()
		if err != nil {
			return false, err
		}
		r.bits, r.left = b, 8
	}
	v := r.bits&0x80 != 0
	r.bits <<= 1
	r.left--
	return v, nil
}
