package value

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// ErrJSONEnd says that the text ends inside a value.
var ErrJSONEnd = errors.New("the text ends inside a JSON value")

// SkipSpace returns the index of the first byte of data from i on that is not JSON white space.
func SkipSpace(data []byte, i int) int {
	for i < len(data) && (data[i] == ' ' || data[i] == '\t' || data[i] == '\n' || data[i] == '\r') {
		i++
	}
	return i
}

// ScanJSON checks the JSON value (RFC 8259) that begins at data[i] and returns the index
// behind it, or with an error the index where it is wrong. Control characters inside strings are let through. Values nested deeper than
// MaxDepth are an error.
func ScanJSON(data []byte, i int) (int, error) { return scanValue(data, i, 0) }

func scanValue(data []byte, i, depth int) (int, error) {
	if i >= len(data) {
		return i, ErrJSONEnd
	}
	switch c := data[i]; c {
	case '"':
		return ScanString(data, i)
	case '{', '[':
		if depth >= MaxDepth {
			return i, fmt.Errorf("JSON is nested deeper than %d levels", MaxDepth)
		}
		return scanNested(data, i, depth+1)
	case 't':
		return scanWord(data, i, "true")
	case 'f':
		return scanWord(data, i, "false")
	case 'n':
		return scanWord(data, i, "null")
	default:
		if c == '-' || c >= '0' && c <= '9' {
			return scanNumber(data, i)
		}
	}
	return i, Unexpected(data, i, "a JSON value")
}

// Unexpected is the error for data[i] where something else must stand.
func Unexpected(data []byte, i int, expected string) error {
	if i >= len(data) {
		return ErrJSONEnd
	}
	r, _ := utf8.DecodeRune(data[i:])
	return fmt.Errorf("JSON has %q; expected %s", r, expected)
}

func scanWord(data []byte, i int, word string) (int, error) {
	if len(data)-i < len(word) || string(data[i:i+len(word)]) != word {
		return i, Unexpected(data, i, "a JSON value")
	}
	return i + len(word), nil
}

func scanNested(data []byte, i, depth int) (int, error) {
	object := data[i] == '{'
	end := byte(']')
	if object {
		end = '}'
	}
	i = SkipSpace(data, i+1)
	if i < len(data) && data[i] == end {
		return i + 1, nil
	}
	for {
		var err error
		if object {
			if i, err = ScanKey(data, i); err != nil {
				return i, err
			}
		}
		if i, err = scanValue(data, i, depth); err != nil {
			return i, err
		}
		if i = SkipSpace(data, i); i >= len(data) {
			return i, ErrJSONEnd
		}
		switch data[i] {
		case end:
			return i + 1, nil
		case ',':
			i = SkipSpace(data, i+1)
		default:
			return i, Unexpected(data, i, "a comma or "+string(end))
		}
	}
}

// scanKey checks a member's name and the colon, and returns where its value begins.
func ScanKey(data []byte, i int) (int, error) {
	if i >= len(data) || data[i] != '"' {
		return i, Unexpected(data, i, "a name in double quotes")
	}
	i, err := ScanString(data, i)
	if err != nil {
		return i, err
	}
	if i = SkipSpace(data, i); i >= len(data) || data[i] != ':' {
		return i, Unexpected(data, i, "a colon")
	}
	return SkipSpace(data, i+1), nil
}

// ScanString checks the string whose opening quote is data[i] and returns the index behind
// its closing quote.
func ScanString(data []byte, i int) (int, error) {
	for i++; i < len(data); i++ {
		switch data[i] {
		case '"':
			return i + 1, nil
		case '\\':
			i++
			if i >= len(data) {
				return i, ErrJSONEnd
			}
			switch data[i] {
			case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
			case 'u':
				if len(data)-i < 5 {
					return len(data), ErrJSONEnd
				}
				if _, ok := hex4(data[i+1:]); !ok {
					return i, errors.New("JSON has a \\u without four hexadecimal digits")
				}
				i += 4
			default:
				return i, Unexpected(data, i, `one of "\/bfnrtu behind a backslash`)
			}
		}
	}
	return i, ErrJSONEnd
}

func scanNumber(data []byte, i int) (int, error) {
	if data[i] == '-' {
		i++
	}
	digits := func() bool {
		start := i
		for i < len(data) && data[i]-'0' <= 9 {
			i++
		}
		return i > start
	}
	first := i
	if !digits() {
		return i, Unexpected(data, i, "a digit")
	}
	if data[first] == '0' && i > first+1 {
		return first, errors.New("JSON has a number with a leading zero")
	}
	if i < len(data) && data[i] == '.' {
		if i++; !digits() {
			return i, Unexpected(data, i, "a digit")
		}
	}
	if i < len(data) && data[i]|32 == 'e' {
		if i++; i < len(data) && (data[i] == '+' || data[i] == '-') {
			i++
		}
		if !digits() {
			return i, Unexpected(data, i, "a digit")
		}
	}
	return i, nil
}

func hex4(s []byte) (rune, bool) {
	var r rune
	for _, c := range s[:4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case (c|32)-'a' <= 5:
			c = (c | 32) - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

// UnescapeJSON adds the text between the quotes of a checked JSON string to dst. Half of a
// surrogate pair is an error: no UTF-8 stands for it.
func UnescapeJSON(dst, s []byte) ([]byte, error) {
	for {
		i := bytes.IndexByte(s, '\\')
		if i < 0 || i+1 >= len(s) {
			return append(dst, s...), nil
		}
		dst = append(dst, s[:i]...)
		c := s[i+1]
		s = s[i+2:]
		switch c {
		case 'b':
			dst = append(dst, '\b')
		case 'f':
			dst = append(dst, '\f')
		case 'n':
			dst = append(dst, '\n')
		case 'r':
			dst = append(dst, '\r')
		case 't':
			dst = append(dst, '\t')
		case 'u':
			if len(s) < 4 {
				return dst, ErrJSONEnd
			}
			r, _ := hex4(s)
			s = s[4:]
			if utf16.IsSurrogate(r) {
				var low rune
				if len(s) >= 6 && s[0] == '\\' && s[1] == 'u' {
					low, _ = hex4(s[2:])
				}
				pair := utf16.DecodeRune(r, low)
				if pair == utf8.RuneError {
					return dst, fmt.Errorf("JSON has half of a surrogate pair: \\u%04x", r)
				}
				r, s = pair, s[6:]
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, c)
		}
	}
}

// compactJSON adds a checked JSON value to dst without the white space between its tokens.
func compactJSON(dst, s []byte) []byte {
	for i := 0; i < len(s); i++ {
		switch s[i] {
		case ' ', '\t', '\n', '\r':
		case '"':
			end, _ := ScanString(s, i)
			dst = append(dst, s[i:end]...)
			i = end - 1
		default:
			dst = append(dst, s[i])
		}
	}
	return dst
}
