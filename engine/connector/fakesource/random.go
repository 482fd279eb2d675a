package fakesource

import "math/bits"

// The generator is SplitMix64 (Steele, Lea, Flood: Fast Splittable Pseudorandom Number
// Generators, OOPSLA 2014) used by counter: number i of a stream is a function of the
// stream's key and i alone, so a reader can begin at any row.

const golden = 0x9e3779b97f4a7c15

func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// draw returns number i of the stream key: 64 random bits.
func draw(key uint64, i int64) uint64 { return mix(key + uint64(i)*golden) }

// branch derives the key of part n of a stream's values.
func branch(key uint64, n int) uint64 { return mix(mix(key) + uint64(n+1)*golden) }

// below scales x to [0, n).
func below(x, n uint64) uint64 { hi, _ := bits.Mul64(x, n); return hi }

// unit scales x to [0, 1).
func unit(x uint64) float64 { return float64(x>>11) / (1 << 53) }
