package fakesource

import (
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/float16"

	"seikan/engine/record"
)

func (m *maker) vector(t record.Type) (generator, int64, error) {
	size := int(m.opts.Int("vector.dimension"))
	low, high := m.opts.Double("vector.float.min"), m.opts.Double("vector.float.max")
	limit := math.MaxFloat32
	if t.Kind == record.Float16Vector {
		limit = 65504 // the largest half-precision number
	}
	low, high = max(low, -limit), min(high, limit)
	if low > high {
		return nil, 0, m.opts.Problem("vector.float.min", "at most vector.float.max", "%v is more than %v", low, high)
	}
	elements := floats[float32](arrow.PrimitiveTypes.Float32, low, high)
	switch t.Kind {
	case record.BinaryVector:
		bytes := int(m.opts.Int("binary.vector.dimension")+7) / 8
		return octets(bytes), int64(bytes) + 4, nil
	case record.FloatVector:
		return lists(t.Arrow(), size, elements), int64(size)*4 + 4, nil
	case record.Float16Vector:
		return halves(size, low, high, func(f float32) uint16 { return float16.New(f).Uint16() }), int64(size)*2 + 4, nil
	case record.BFloat16Vector:
		return halves(size, low, high, func(f float32) uint16 { return uint16(math.Float32bits(f) >> 16) }), int64(size)*2 + 4, nil
	case record.SparseFloatVector:
		return maps(t.Arrow().(*arrow.MapType), size, dimensions(size), elements), int64(size)*8 + 4, nil
	}
	return nil, 0, fmt.Errorf("FakeSource cannot make up values of type %s", t)
}

// halves are vectors of two bytes an element, little endian.
func halves(size int, low, high float64, narrow func(float32) uint16) generator {
	return func(key uint64, from int64, n int) arrow.Array {
		bytes := make([]byte, 0, n*size*2)
		for i := range int64(n * size) {
			u := unit(draw(key, from*int64(size)+i))
			h := narrow(float32(low*(1-u) + high*u))
			bytes = append(bytes, byte(h), byte(h>>8))
		}
		return binaries(n, size*2, bytes)
	}
}

// dimensions are the ascending keys of sparse vectors, one of 16 numbers each.
func dimensions(size int) generator {
	return func(key uint64, from int64, n int) arrow.Array {
		values := make([]int32, n)
		for i := range values {
			number := from + int64(i)
			values[i] = int32(number%int64(size))*16 + int32(below(draw(key, number), 16))
		}
		return fixed(arrow.PrimitiveTypes.Int32, values)
	}
}
