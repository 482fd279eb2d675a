package orcfile

import (
	"bytes"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

func reading(b []byte) *stream {
	return &stream{file: bytes.NewReader(b), end: int64(len(b)), codec: &decompressor{codec: None}}
}

// The examples of the ORC specification, version 1, "Run Length Encoding".
func TestRunLengthsOfTheSpecification(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		v2     bool
		signed bool
		in     []byte
		want   []int64
	}{
		{"v1 run", false, false, []byte{0x61, 0x00, 0x07}, slices.Repeat([]int64{7}, 100)},
		{"v1 falling run", false, false, []byte{0x61, 0xff, 0x64}, falling(100, 100)},
		{"v1 literals", false, false, []byte{0xfb, 0x02, 0x03, 0x06, 0x07, 0x0b}, []int64{2, 3, 6, 7, 11}},
		{"short repeat", true, false, []byte{0x0a, 0x27, 0x10}, slices.Repeat([]int64{10000}, 5)},
		{"direct", true, false, []byte{0x5e, 0x03, 0x5c, 0xa1, 0xab, 0x1e, 0xde, 0xad, 0xbe, 0xef}, []int64{23713, 43806, 57005, 48879}},
		{"patched base", true, false, []byte{0x8e, 0x13, 0x2b, 0x21, 0x07, 0xd0, 0x1e, 0x00, 0x14, 0x70, 0x28, 0x32, 0x3c, 0x46, 0x50, 0x5a, 0x64, 0x6e, 0x78, 0x82, 0x8c, 0x96, 0xa0, 0xaa, 0xb4, 0xbe, 0xfc, 0xe8},
			[]int64{2030, 2000, 2020, 1000000, 2040, 2050, 2060, 2070, 2080, 2090, 2100, 2110, 2120, 2130, 2140, 2150, 2160, 2170, 2180, 2190}},
		{"delta", true, false, []byte{0xc6, 0x09, 0x02, 0x02, 0x22, 0x42, 0x42, 0x46}, []int64{2, 3, 5, 7, 11, 13, 17, 19, 23, 29}},
	} {
		r := &intReader{s: reading(c.in), v2: c.v2, signed: c.signed}
		got := make([]int64, len(c.want))
		if err := r.read(got); err != nil {
			t.Errorf("%s: %v", c.name, err)
		} else if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
		if err := r.read(got[:1]); err == nil {
			t.Errorf("%s: a value came from behind the end", c.name)
		}
	}
}

func falling(from int64, n int) []int64 {
	out := make([]int64, n)
	for i := range out {
		out[i] = from - int64(i)
	}
	return out
}

func TestIntegersComeBack(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for name, next := range map[string]func(i int) int64{
		"any":       func(int) int64 { return int64(rng.Uint64()) },
		"small":     func(int) int64 { return rng.Int64N(10) },
		"runs":      func(i int) int64 { return int64(i/13) % 5 },
		"rising":    func(i int) int64 { return int64(i*1000) + rng.Int64N(900) },
		"falling":   func(i int) int64 { return -int64(i*1000) - rng.Int64N(900) },
		"steps":     func(i int) int64 { return int64(i) * -7 },
		"extremes":  func(i int) int64 { return []int64{math.MinInt64, math.MaxInt64, 0, -1}[i%4] },
		"never":     func(i int) int64 { return []int64{math.MinInt64, math.MinInt64 + 1}[min(i%600, 1)] },
		"flat rise": func(i int) int64 { return int64(i / 3) },
	} {
		for _, n := range []int{1, 2, 3, 10, 11, 511, 512, 513, 3000} {
			want := make([]int64, n)
			w := &Writer{codec: &compressor{}}
			o := &out{w: w}
			enc := &intWriter{out: o, signed: true}
			for i := range want {
				want[i] = next(i)
				enc.write(want[i])
			}
			enc.flush()
			got := make([]int64, n)
			r := &intReader{s: reading(o.buf), signed: true, v2: true}
			if err := r.read(got); err != nil {
				t.Fatalf("%s, %d values: %v", name, n, err)
			}
			if !slices.Equal(got, want) {
				t.Errorf("%s, %d values: %v, want %v", name, n, got, want)
			}
		}
	}
}

func TestByteRunsComeBack(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for _, spread := range []int{1, 2, 3, 200} {
		for n := range 600 {
			want := make([]byte, n)
			o := &out{w: &Writer{codec: &compressor{}}}
			enc := byteWriter{out: o}
			for i := range want {
				if want[i] = byte(rng.IntN(spread)); i > 0 && rng.IntN(3) > 0 {
					want[i] = want[i-1]
				}
				enc.write(want[i])
			}
			enc.flush()
			r := byteReader{s: reading(o.buf)}
			for i, v := range want {
				got, err := r.next()
				if err != nil || got != v {
					t.Fatalf("spread %d, byte %d of %d: %d, want %d, error %v", spread, i, n, got, v, err)
				}
			}
		}
	}
	// The examples of the specification.
	o := &out{w: &Writer{codec: &compressor{}}}
	enc := byteWriter{out: o}
	for range 100 {
		enc.write(0)
	}
	enc.flush()
	enc.write(0x44)
	enc.write(0x45)
	enc.flush()
	if got := fmt.Sprintf("%x", o.buf); got != "6100fe4445" {
		t.Errorf("encoded as %s, want 6100fe4445", got)
	}
}

func TestNanosecondsArePackedAsTheSpecificationSays(t *testing.T) {
	t.Parallel()
	for nano, want := range map[int64]int64{0: 0, 1: 8, 1000: 0x0a, 100000: 0x0c, 100: 1<<3 | 1, 10: 80, 900_000_000: 9<<3 | 7, 123_000_000: 123<<3 | 5} {
		if got := fraction(nano); got != want {
			t.Errorf("%d ns: %#x, want %#x", nano, got, want)
		}
	}
}

func TestDecimalsOfAnotherScaleAreMoved(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		in       int64
		from, to int
		want     int64 // -1: refused
	}{{5, 0, 2, 500}, {500, 2, 0, 5}, {501, 2, 0, -1}, {0, 0, 38, 0}, {7, 0, 38, -1}, {-12, 1, 3, -1200}, {1, 39, 0, -1}} {
		got, err := rescale(decimal128.FromI64(c.in), int64(c.from), c.to)
		switch {
		case c.want == -1 && err == nil:
			t.Errorf("%d from scale %d to %d became %v", c.in, c.from, c.to, got)
		case c.want != -1 && (err != nil || got != decimal128.FromI64(c.want)):
			t.Errorf("%d from scale %d to %d: %v, want %d, error %v", c.in, c.from, c.to, got, c.want, err)
		}
	}
}
