package jsonpath

import (
	"bytes"
	"fmt"

	"seikan/engine/format/value"
)

// JSON text is walked as it stands: parts of a document are slices of it.

// check returns the one JSON value of a document.
func check(doc []byte) ([]byte, error) {
	start := value.SkipSpace(doc, 0)
	end, err := value.ScanJSON(doc, start)
	if err != nil {
		return nil, fmt.Errorf("it is not JSON: %w", err)
	}
	if value.SkipSpace(doc, end) < len(doc) {
		return nil, fmt.Errorf("it is not JSON: something follows the value at column %d", end+1)
	}
	return doc[start:end], nil
}

// is reports whether a member's key, in quotes, stands for name.
func is(key []byte, name string) bool {
	if bytes.IndexByte(key, '\\') < 0 {
		return string(key[1:len(key)-1]) == name
	}
	return text(key) == name
}

// member is the last member of v called name, or nil.
func member(v []byte, name string) (found []byte) {
	if v[0] == '{' {
		members(v, func(key, part []byte) bool {
			if is(key, name) {
				found = part
			}
			return true
		})
	}
	return found
}

func items(v []byte) (out [][]byte) {
	elements(v, func(e []byte) bool { out = append(out, e); return true })
	return out
}

// children calls f with every member or element of v until it returns false.
func children(v []byte, f func([]byte) bool) {
	switch v[0] {
	case '{':
		members(v, func(_, part []byte) bool { return f(part) })
	case '[':
		elements(v, f)
	}
}

// members calls f with the key, in quotes, and the value of every member of a checked object
// until it returns false.
func members(v []byte, f func(key, part []byte) bool) {
	for i := value.SkipSpace(v, 1); i < len(v) && v[i] == '"'; {
		end, err := value.ScanString(v, i)
		if err != nil {
			return
		}
		key := v[i:end]
		from := value.SkipSpace(v, value.SkipSpace(v, end)+1) // behind the colon
		if end, err = value.ScanJSON(v, from); err != nil || !f(key, v[from:end]) {
			return
		}
		i = value.SkipSpace(v, end)
		if i < len(v) && v[i] == ',' {
			i = value.SkipSpace(v, i+1)
		}
	}
}

// elements calls f with every element of a checked array until it returns false.
func elements(v []byte, f func([]byte) bool) {
	for i := value.SkipSpace(v, 1); i < len(v) && v[i] != ']'; {
		end, err := value.ScanJSON(v, i)
		if err != nil || !f(v[i:end]) {
			return
		}
		i = value.SkipSpace(v, end)
		if i < len(v) && v[i] == ',' {
			i = value.SkipSpace(v, i+1)
		}
	}
}

// list writes values as a JSON array.
func list(values [][]byte) []byte {
	out := []byte{'['}
	for i, v := range values {
		if i > 0 {
			out = append(out, ',')
		}
		out = append(out, v...)
	}
	return append(out, ']')
}
