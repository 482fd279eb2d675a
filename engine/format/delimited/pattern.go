package delimited

import (
	"regexp"
	"strconv"
	"strings"
)

// escapes are the escapes of a regular expression that stand for one character.
var escapes = map[byte]string{'t': "\t", 'n': "\n", 'r': "\r", 'f': "\f", 'a': "\a", 'e': "\x1b"}

// Unescape returns the text that a regular expression matches when it has nothing but literal
// characters and escapes of single ones: \\| \t \u0001 \x01. ok is false when it has more.
func Unescape(pattern string) (literal string, ok bool) {
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		c := pattern[i]
		switch {
		case strings.IndexByte(`.[]{}()*+?^$|`, c) >= 0:
			return "", false
		case c != '\\':
			b.WriteByte(c)
			continue
		}
		if i++; i == len(pattern) {
			return "", false
		}
		c = pattern[i]
		digits := 0
		switch {
		case c == 'u':
			digits = 4
		case c == 'x':
			digits = 2
		case escapes[c] != "":
			b.WriteString(escapes[c])
			continue
		case c|32 >= 'a' && c|32 <= 'z' || c >= '0' && c <= '9':
			return "", false // a class such as \s, or a back reference
		default:
			b.WriteByte(c)
			continue
		}
		if len(pattern)-i <= digits {
			return "", false
		}
		r, err := strconv.ParseUint(pattern[i+1:i+1+digits], 16, 32)
		if err != nil {
			return "", false
		}
		b.WriteRune(rune(r))
		i += digits
	}
	return b.String(), true
}

// Pattern reads a field_delimiter that SeaTunnel takes as a Java regular expression. It
// returns the literal text it stands for, or the expression when it is more than that. A
// single character, and an expression that matches nothing at all, are meant literally.
func Pattern(given string) (literal string, re *regexp.Regexp, err error) {
	if len([]rune(given)) == 1 {
		return given, nil, nil
	}
	if s, ok := Unescape(given); ok {
		return s, nil, nil
	}
	if re, err = regexp.Compile(given); err != nil {
		return "", nil, err
	}
	if re.MatchString("") {
		return given, nil, nil
	}
	return "", re, nil
}
