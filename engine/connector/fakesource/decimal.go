package fakesource

import (
	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
)

// decimals have random digits that fill the precision.
func decimals(dt arrow.DataType, precision int) generator {
	const digits = 18 // what a draw gives
	high := max(precision-digits, 0)
	shift := decimal128.FromU64(pow10(precision - high))
	return func(key uint64, from int64, n int) arrow.Array {
		values := make([]decimal128.Num, n)
		for i := range values {
			number := from + int64(i)
			if high == 0 {
				values[i] = decimal128.FromU64(filling(draw(key, number), precision))
				continue
			}
			top := filling(draw(key, 2*number), min(high, digits))
			v := decimal128.FromU64(top)
			if high > digits {
				extra := draw(branch(key, 2), number)
				v = v.Mul(decimal128.FromU64(pow10(high - digits))).Add(decimal128.FromU64(below(extra, pow10(high-digits))))
			}
			values[i] = v.Mul(shift).Add(decimal128.FromU64(below(draw(key, 2*number+1), pow10(digits))))
		}
		return fixed(dt, values)
	}
}

// filling scales x to a number of exactly the given count of decimal digits.
func filling(x uint64, digits int) uint64 {
	least := pow10(digits - 1)
	return least + below(x, pow10(digits)-least)
}

func pow10(n int) uint64 {
	p := uint64(1)
	for range n {
		p *= 10
	}
	return p
}
