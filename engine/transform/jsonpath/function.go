package jsonpath

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"seikan/engine/format/value"
)

// functions are those of Jayway that take no arguments.
var functions = map[string]func(v []byte) ([]byte, error){
	"length": length,
	"size":   length,
	"keys":   keys,
	"first":  func(v []byte) ([]byte, error) { return end(v, func(all [][]byte) []byte { return all[0] }) },
	"last":   func(v []byte) ([]byte, error) { return end(v, func(all [][]byte) []byte { return all[len(all)-1] }) },
	"min":    func(v []byte) ([]byte, error) { return aggregate(v, slices.Min[[]float64]) },
	"max":    func(v []byte) ([]byte, error) { return aggregate(v, slices.Max[[]float64]) },
	"sum":    func(v []byte) ([]byte, error) { return aggregate(v, sum) },
	"avg": func(v []byte) ([]byte, error) {
		return aggregate(v, func(n []float64) float64 { return sum(n) / float64(len(n)) })
	},
}

func functionNames() string {
	return strings.Join(slices.Sorted(maps.Keys(functions)), "(), ") + "()"
}

// length is the number of elements or members; null for a value that has none.
func length(v []byte) ([]byte, error) {
	if v[0] != '[' && v[0] != '{' {
		return []byte("null"), nil
	}
	n := 0
	children(v, func([]byte) bool { n++; return true })
	return strconv.AppendInt(nil, int64(n), 10), nil
}

func keys(v []byte) ([]byte, error) {
	if v[0] != '{' {
		return nil, errors.New("keys() needs an object")
	}
	out := []byte{'['}
	members(v, func(key, _ []byte) bool {
		if len(out) > 1 {
			out = append(out, ',')
		}
		out = append(out, key...)
		return true
	})
	return append(out, ']'), nil
}

func end(v []byte, pick func([][]byte) []byte) ([]byte, error) {
	if v[0] != '[' {
		return nil, errors.New("first() and last() need an array")
	}
	all := items(v)
	if len(all) == 0 {
		return nil, errMissing
	}
	return pick(all), nil
}

// aggregate works on the numbers of an array; what is not a number is passed over.
func aggregate(v []byte, f func([]float64) float64) ([]byte, error) {
	if v[0] != '[' {
		return nil, errors.New("it needs an array of numbers")
	}
	var numbers []float64
	elements(v, func(e []byte) bool {
		if n, err := strconv.ParseFloat(string(e), 64); err == nil {
			numbers = append(numbers, n)
		}
		return true
	})
	if len(numbers) == 0 {
		return nil, fmt.Errorf("there is no number: %w", errMissing)
	}
	return value.AppendDouble(nil, f(numbers)), nil
}

func sum(numbers []float64) (s float64) {
	for _, n := range numbers {
		s += n
	}
	return s
}
