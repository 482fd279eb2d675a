package columnar

import (
	"fmt"
	"math"
	"math/big"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/decimal256"

	"seikan/engine/record"
)

// integers returns access to an array of any integer type; ok is false for other types.
func integers(arr arrow.Array) (func(i int) (v int64, fits bool), bool) {
	switch a := arr.(type) {
	case *array.Int8:
		return func(i int) (int64, bool) { return int64(a.Value(i)), true }, true
	case *array.Int16:
		return func(i int) (int64, bool) { return int64(a.Value(i)), true }, true
	case *array.Int32:
		return func(i int) (int64, bool) { return int64(a.Value(i)), true }, true
	case *array.Int64:
		return func(i int) (int64, bool) { return a.Value(i), true }, true
	case *array.Uint8:
		return func(i int) (int64, bool) { return int64(a.Value(i)), true }, true
	case *array.Uint16:
		return func(i int) (int64, bool) { return int64(a.Value(i)), true }, true
	case *array.Uint32:
		return func(i int) (int64, bool) { return int64(a.Value(i)), true }, true
	case *array.Uint64:
		return func(i int) (int64, bool) { return int64(a.Value(i)), a.Value(i) <= math.MaxInt64 }, true
	}
	return nil, false
}

func toInteger(from arrow.DataType, t record.Type) (Converter, error) {
	if !arrow.IsInteger(from.ID()) && !arrow.IsDecimal(from.ID()) {
		return nil, errNever
	}
	want := t.Arrow()
	bits := uint(want.(arrow.FixedWidthDataType).BitWidth())
	return func(arr arrow.Array, bad Bad) (arrow.Array, error) {
		get, ok := integers(arr)
		if !ok {
			get = wholes(arr, from)
		}
		value := func(i int) (int64, error) {
			v, fits := get(i)
			if !fits || v<<(64-bits)>>(64-bits) != v {
				return 0, fmt.Errorf("%s is not a value of %s", arr.ValueStr(i), t)
			}
			return v, nil
		}
		switch t.Kind {
		case record.TinyInt:
			return mapped(arr, want, bad, narrow[int8](value)), nil
		case record.SmallInt:
			return mapped(arr, want, bad, narrow[int16](value)), nil
		case record.Int:
			return mapped(arr, want, bad, narrow[int32](value)), nil
		}
		return mapped(arr, want, bad, value), nil
	}, nil
}

func narrow[T int8 | int16 | int32](get func(int) (int64, error)) func(int) (T, error) {
	return func(i int) (T, error) { v, err := get(i); return T(v), err }
}

// wholes reads decimals that have no fraction as integers.
func wholes(arr arrow.Array, from arrow.DataType) func(int) (int64, bool) {
	get := decimals(arr)
	scale := from.(arrow.DecimalType).GetScale()
	return func(i int) (int64, bool) {
		v, ok := rescale(get(i), int(scale), 0)
		return v.Int64(), ok && v.IsInt64()
	}
}

// decimals returns access to the unscaled values of a decimal array.
func decimals(arr arrow.Array) func(int) *big.Int {
	switch a := arr.(type) {
	case *array.Decimal32:
		return func(i int) *big.Int { return big.NewInt(int64(a.Value(i))) }
	case *array.Decimal64:
		return func(i int) *big.Int { return big.NewInt(int64(a.Value(i))) }
	case *array.Decimal128:
		return func(i int) *big.Int { return a.Value(i).BigInt() }
	case *array.Decimal256:
		return func(i int) *big.Int { v := a.Value(i); return decimal256.Num(v).BigInt() }
	}
	return nil
}

// rescale moves the decimal point; ok is false when digits would be lost.
func rescale(v *big.Int, from, to int) (*big.Int, bool) {
	if from <= to {
		return v.Mul(v, pow10(to-from)), true
	}
	q, r := new(big.Int).QuoRem(v, pow10(from-to), new(big.Int))
	return q, r.Sign() == 0
}

func pow10(n int) *big.Int { return new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(n)), nil) }

func toDecimal(from arrow.DataType, t record.Type) (Converter, error) {
	want := t.Arrow()
	scale := 0
	switch {
	case arrow.IsDecimal(from.ID()):
		scale = int(from.(arrow.DecimalType).GetScale())
	case !arrow.IsInteger(from.ID()):
		return nil, errNever
	}
	limit := pow10(t.Precision)
	return func(arr arrow.Array, bad Bad) (arrow.Array, error) {
		get := decimals(arr)
		if u, ok := arr.(*array.Uint64); ok {
			get = func(i int) *big.Int { return new(big.Int).SetUint64(u.Value(i)) }
		} else if whole, ok := integers(arr); ok {
			get = func(i int) *big.Int { v, _ := whole(i); return big.NewInt(v) }
		}
		return mapped(arr, want, bad, func(i int) (decimal128.Num, error) {
			v, exact := rescale(get(i), scale, t.Scale)
			if !exact || v.CmpAbs(limit) >= 0 {
				return decimal128.Num{}, fmt.Errorf("%s is not a value of %s", arr.ValueStr(i), t)
			}
			return decimal128.FromBigInt(v), nil
		}), nil
	}, nil
}

func toFloat(from arrow.DataType, t record.Type) (Converter, error) {
	switch {
	case arrow.IsFloating(from.ID()), arrow.IsInteger(from.ID()):
	case arrow.IsDecimal(from.ID()):
	default:
		return nil, errNever
	}
	want := t.Arrow()
	return func(arr arrow.Array, bad Bad) (arrow.Array, error) {
		get := floats(arr, from)
		if t.Kind == record.Double {
			return mapped(arr, want, bad, func(i int) (float64, error) { return get(i), nil }), nil
		}
		return mapped(arr, want, bad, func(i int) (float32, error) {
			v := get(i)
			if f := float32(v); !math.IsInf(float64(f), 0) || math.IsInf(v, 0) {
				return f, nil
			}
			return 0, fmt.Errorf("%s is not a value of %s", arr.ValueStr(i), t)
		}), nil
	}, nil
}

func floats(arr arrow.Array, from arrow.DataType) func(int) float64 {
	switch a := arr.(type) {
	case *array.Float16:
		return func(i int) float64 { return float64(a.Value(i).Float32()) }
	case *array.Float32:
		return func(i int) float64 { return float64(a.Value(i)) }
	case *array.Float64:
		return a.Value
	case *array.Uint64:
		return func(i int) float64 { return float64(a.Value(i)) }
	}
	if whole, ok := integers(arr); ok {
		return func(i int) float64 { v, _ := whole(i); return float64(v) }
	}
	get := decimals(arr)
	unit := new(big.Rat).SetInt(pow10(int(from.(arrow.DecimalType).GetScale())))
	return func(i int) float64 {
		v, _ := new(big.Rat).Quo(new(big.Rat).SetInt(get(i)), unit).Float64()
		return v
	}
}
