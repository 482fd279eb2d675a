package replace

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// appendReplaced appends text with every occurrence of pattern replaced; an empty pattern
// stands before every character and at the end, as in Java.
func appendReplaced(dst []byte, text, pattern, with string) ([]byte, error) {
	start := len(dst)
	for {
		at := strings.Index(text, pattern)
		if at < 0 {
			return append(dst, text...), nil
		}
		dst = append(append(dst, text[:at]...), with...)
		if len(dst)-start > maxValue {
			return dst, fmt.Errorf("the text grows beyond %d bytes", maxValue)
		}
		text = text[at+len(pattern):]
		if pattern == "" {
			if text == "" {
				return dst, nil
			}
			_, n := utf8.DecodeRuneInString(text)
			dst, text = append(dst, text[:n]...), text[n:]
		}
	}
}
