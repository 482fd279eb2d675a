package value

import (
	"bytes"
	"errors"
	"fmt"
	"math"

	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/record"
)

// JSONAppender returns the Append of a type for one whole JSON value with nothing but white
// space around it. JSON null is null. Row members are found by name, unknown ones are
// ignored, missing ones are null, of equal ones the last counts; a row may also be an array of
// its values.
func JSONAppender(t record.Type) Append {
	add := JSONPart(t)
	return func(b array.Builder, text []byte) error {
		start := SkipSpace(text, 0)
		end, err := ScanJSON(text, start)
		if err == nil {
			if rest := SkipSpace(text, end); rest < len(text) {
				end, err = rest, Unexpected(text, rest, "the end of the JSON value")
			}
		}
		if err != nil {
			b.AppendEmptyValue()
			return fmt.Errorf("%w (character %d)", err, end+1)
		}
		return add(b, text[start:end])
	}
}

// JSONPart is JSONAppender for a value that was checked already and has no white space around it.
func JSONPart(t record.Type) Append {
	add := jsonValueAppender(t)
	return func(b array.Builder, raw []byte) error {
		if raw[0] == 'n' {
			b.AppendNull()
			return nil
		}
		return add(b, raw)
	}
}

func jsonValueAppender(t record.Type) Append {
	switch t.Kind {
	case record.Row:
		return jsonRowAppender(t)
	case record.Array, record.FloatVector:
		elem := JSONPart(elemType(t))
		return func(b array.Builder, raw []byte) error {
			if raw[0] != '[' {
				b.AppendEmptyValue()
				return Wrong(raw, t, "a JSON array")
			}
			list := b.(*array.ListBuilder)
			list.Append(true)
			return elements(raw, func(v []byte) error { return elem(list.ValueBuilder(), v) })
		}
	case record.Map, record.SparseFloatVector:
		return jsonMapAppender(t)
	}
	var scratch []byte
	scalar := Appender(t, Options{Base64: true})
	return func(b array.Builder, raw []byte) (err error) {
		if scratch, err = JSONScalar(scratch[:0], raw, t); err != nil {
			b.AppendEmptyValue()
			return err
		}
		return scalar(b, scratch)
	}
}

// JSONScalar adds to dst the text a checked JSON value stands for when a value of the scalar
// type t is wanted: strings unescaped, nested values as compact JSON for STRING, whole numbers
// such as 1.0 and 1e3 as 1 and 1000 for integers.
func JSONScalar(dst, raw []byte, t record.Type) ([]byte, error) {
	switch c := raw[0]; {
	case c == '"':
		return UnescapeJSON(dst, raw[1:len(raw)-1])
	case c == '{' || c == '[':
		if t.Kind != record.String {
			return dst, Wrong(raw, t, Expected(t)+", not a nested value")
		}
		return compactJSON(dst, raw), nil
	case t.Kind.Integer():
		if n, ok := ParseJSONInt(raw); ok {
			return AppendInt(dst, n), nil
		}
	}
	return append(dst, raw...), nil
}

// ParseJSONInt reads a whole number that may be written with a fraction of zeros or an
// exponent.
func ParseJSONInt(s []byte) (int64, bool) {
	if n, ok := ParseInt(s); ok {
		return n, true
	}
	d, ok := ParseDecimal(s, 19, 0)
	n := int64(d.LowBits())
	return n, ok && d.HighBits() == n>>63
}

func jsonRowAppender(t record.Type) Append {
	fields := make([]Append, len(t.Fields))
	index := make(map[string]int, len(t.Fields))
	for i, f := range t.Fields {
		fields[i] = JSONPart(f.Type)
		index[f.Name] = i
	}
	found := make([][]byte, len(fields))
	return func(b array.Builder, raw []byte) error {
		clear(found)
		var err error
		switch raw[0] {
		case '{':
			err = members(raw, func(key, v []byte) error {
				if i, ok := index[string(key)]; ok {
					found[i] = v
				}
				return nil
			})
		case '[':
			n := 0
			err = elements(raw, func(v []byte) error {
				if n < len(found) {
					found[n] = v
				}
				n++
				return nil
			})
		default:
			err = Wrong(raw, t, "a JSON object")
		}
		if err != nil {
			b.AppendEmptyValue()
			return err
		}
		row := b.(*array.StructBuilder)
		row.Append(true)
		for i, v := range found {
			if v == nil {
				row.FieldBuilder(i).AppendNull()
			} else if ferr := fields[i](row.FieldBuilder(i), v); ferr != nil {
				err = errors.Join(err, fmt.Errorf("field %q: %w", t.Fields[i].Name, ferr))
			}
		}
		return err
	}
}

func jsonMapAppender(t record.Type) Append {
	key, elem := Appender(keyType(t), Options{Base64: true}), JSONPart(elemType(t))
	type entry struct{ key, value []byte }
	var entries []entry
	return func(b array.Builder, raw []byte) error {
		if raw[0] != '{' {
			b.AppendEmptyValue()
			return Wrong(raw, t, "a JSON object")
		}
		entries = entries[:0]
		at := map[string]int{}
		err := members(raw, func(k, v []byte) error {
			if i, twice := at[string(k)]; twice {
				entries[i].value = v
				return nil
			}
			at[string(k)] = len(entries)
			entries = append(entries, entry{bytes.Clone(k), v})
			return nil
		})
		if err == nil && len(entries) > math.MaxInt32 {
			err = Wrong(raw, t, "fewer entries")
		}
		m := b.(*array.MapBuilder)
		m.Append(true)
		for _, e := range entries {
			if kerr := key(m.KeyBuilder(), e.key); err == nil {
				err = kerr
			}
			if verr := elem(m.ItemBuilder(), e.value); err == nil {
				err = verr
			}
		}
		return err
	}
}

// elements calls f with each element of a checked JSON array.
func elements(raw []byte, f func(v []byte) error) error {
	i := SkipSpace(raw, 1)
	for i < len(raw) && raw[i] != ']' {
		end, err := ScanJSON(raw, i)
		if err != nil {
			return err
		}
		if err := f(raw[i:end]); err != nil {
			return err
		}
		if i = SkipSpace(raw, end); i < len(raw) && raw[i] == ',' {
			i = SkipSpace(raw, i+1)
		}
	}
	return nil
}

// members calls f with the name, unescaped, and the value of each member of a checked JSON
// object. The name is valid only during the call.
func members(raw []byte, f func(key, v []byte) error) error {
	var scratch []byte
	i := SkipSpace(raw, 1)
	for i < len(raw) && raw[i] != '}' {
		keyEnd, err := ScanString(raw, i)
		if err != nil {
			return err
		}
		name := raw[i+1 : keyEnd-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			if scratch, err = UnescapeJSON(scratch[:0], name); err != nil {
				return err
			}
			name = scratch
		}
		if i, err = ScanKey(raw, i); err != nil {
			return err
		}
		end, err := ScanJSON(raw, i)
		if err != nil {
			return err
		}
		if err := f(name, raw[i:end]); err != nil {
			return err
		}
		if i = SkipSpace(raw, end); i < len(raw) && raw[i] == ',' {
			i = SkipSpace(raw, i+1)
		}
	}
	return nil
}
