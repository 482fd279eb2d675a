// Package datepattern formats and parses dates and times by the patterns of Java's
// java.time.format.DateTimeFormatter ("yyyy-MM-dd HH:mm:ss.SSS"), in the English locale and
// with Java's SMART resolution.
package datepattern

import (
	"fmt"
	"slices"
	"strings"
)

// Pattern is a compiled pattern. It is immutable and safe for concurrent use.
type Pattern struct {
	text  string
	items []item
	needs need
}

// item is one run of a pattern letter, a literal, or an optional section.
type item struct {
	letter  byte // 0: literal text or an optional section
	count   int
	text    string
	section []item
	// min and max bound the digits of a number; reserve is how many digits the fixed-width
	// numbers that follow without a gap need, so that yyyyMMdd can be told apart.
	min, max, reserve int
}

type need uint8

const (
	needDate need = 1 << iota
	needTime
	needZone
)

// letters lists the supported pattern letters, by what a value must have to be formatted.
var letters = map[byte]need{
	'G': needDate, 'u': needDate, 'y': needDate, 'Y': needDate, 'D': needDate, 'M': needDate, 'L': needDate,
	'd': needDate, 'Q': needDate, 'q': needDate, 'w': needDate, 'E': needDate,
	'a': needTime, 'h': needTime, 'K': needTime, 'k': needTime, 'H': needTime, 'm': needTime, 's': needTime,
	'S': needTime, 'A': needTime, 'n': needTime, 'N': needTime,
	'V': needZone, 'z': needZone, 'O': needZone, 'X': needZone, 'x': needZone, 'Z': needZone,
}

// Compile checks a pattern. Errors name the letter and its place, counted from 1.
func Compile(text string) (*Pattern, error) {
	c := &compiler{text: text}
	items, err := c.items(0)
	if err != nil {
		return nil, fmt.Errorf("date pattern %q: %w", text, err)
	}
	return &Pattern{text: text, items: items, needs: c.needs}, nil
}

// String is the pattern as written.
func (p *Pattern) String() string { return p.text }

// NeedsDate reports whether formatting asks for a year, month or day.
func (p *Pattern) NeedsDate() bool { return p.needs&needDate != 0 }

// NeedsTime reports whether formatting asks for a time of day.
func (p *Pattern) NeedsTime() bool { return p.needs&needTime != 0 }

// NeedsZone reports whether formatting asks for a time zone or an offset.
func (p *Pattern) NeedsZone() bool { return p.needs&needZone != 0 }

type compiler struct {
	text  string
	at    int
	needs need
}

// maxDepth bounds the nesting of optional sections.
const maxDepth = 16

func (c *compiler) items(depth int) ([]item, error) {
	var out []item
	for c.at < len(c.text) {
		b := c.text[c.at]
		switch {
		case b == '\'':
			lit, err := c.quoted()
			if err != nil {
				return nil, err
			}
			out = append(out, item{text: lit})
		case b == '[':
			if depth == maxDepth {
				return nil, fmt.Errorf("optional sections nest deeper than %d", maxDepth)
			}
			start := c.at + 1
			c.at++
			inner, err := c.items(depth + 1)
			if err != nil {
				return nil, err
			}
			if c.at >= len(c.text) {
				return nil, fmt.Errorf("the [ at position %d is not closed", start)
			}
			c.at++
			out = append(out, item{section: inner})
		case b == ']':
			if depth == 0 {
				return nil, fmt.Errorf("the ] at position %d closes nothing", c.at+1)
			}
			return reserve(out), nil
		case b >= 'a' && b <= 'z' || b >= 'A' && b <= 'Z':
			it, err := c.letter(b)
			if err != nil {
				return nil, err
			}
			out = append(out, it)
		case b == '{' || b == '}' || b == '#':
			return nil, fmt.Errorf("%q at position %d is reserved; put it in single quotes", b, c.at+1)
		default:
			end := c.at + 1
			for end < len(c.text) && !strings.ContainsRune("'[]{}#", rune(c.text[end])) && !isLetter(c.text[end]) {
				end++
			}
			out = append(out, item{text: c.text[c.at:end]})
			c.at = end
		}
	}
	return reserve(out), nil
}

func isLetter(b byte) bool { return b|0x20 >= 'a' && b|0x20 <= 'z' }

func (c *compiler) quoted() (string, error) {
	start := c.at
	var lit strings.Builder
	for c.at++; c.at < len(c.text); c.at++ {
		if c.text[c.at] != '\'' {
			lit.WriteByte(c.text[c.at])
			continue
		}
		if c.at+1 < len(c.text) && c.text[c.at+1] == '\'' {
			lit.WriteByte('\'')
			c.at++
			continue
		}
		c.at++
		if lit.Len() == 0 {
			return "'", nil // '' outside quotes is one quote
		}
		return lit.String(), nil
	}
	return "", fmt.Errorf("the quote at position %d is not closed", start+1)
}

func (c *compiler) letter(b byte) (item, error) {
	start := c.at
	for c.at < len(c.text) && c.text[c.at] == b {
		c.at++
	}
	it := item{letter: b, count: c.at - start}
	n, ok := letters[b]
	if !ok {
		return it, fmt.Errorf("unknown pattern letter %q at position %d; known are %s; put plain text in single quotes", b, start+1, known())
	}
	c.needs |= n
	most := 19
	switch b {
	case 'd', 'h', 'H', 'k', 'K', 'm', 's', 'w':
		most = 2
	case 'D':
		most = 3
	case 'S':
		most = 9
	case 'M', 'L', 'E', 'Q', 'q', 'G', 'X', 'x', 'Z':
		most = 5
	case 'V':
		most = 2
	case 'z', 'O':
		most = 4
	case 'a':
		most = 1
	}
	if it.count > most || b == 'V' && it.count != 2 || b == 'O' && it.count != 1 && it.count != 4 {
		return it, fmt.Errorf("pattern letter %q is repeated %d times at position %d, more or less than it may be (at most %d)", b, it.count, start+1, most)
	}
	it.min, it.max = it.digits()
	return it, nil
}

// digits gives the bounds of a number's width; 0, 0 for what is not written in digits.
func (it item) digits() (int, int) {
	switch it.letter {
	case 'u', 'y', 'Y':
		if it.count == 2 {
			return 2, 2
		}
		return it.count, 19
	case 'd', 'h', 'H', 'k', 'K', 'm', 's', 'w':
		if it.count == 1 {
			return 1, 19
		}
		return 2, 2
	case 'D':
		if it.count == 1 {
			return 1, 19
		}
		return it.count, 3
	case 'M', 'L', 'Q', 'q':
		switch it.count {
		case 1:
			return 1, 19
		case 2:
			return 2, 2
		}
	case 'S':
		return it.count, it.count
	case 'A', 'n', 'N':
		return it.count, 19
	}
	return 0, 0
}

// reserve fills in what adjacent fixed-width numbers leave to the number before them.
func reserve(items []item) []item {
	sum := 0
	for i := len(items) - 1; i >= 0; i-- {
		it := &items[i]
		switch {
		case it.max == 0:
			sum = 0
		case it.min == it.max:
			sum += it.max
		default:
			it.reserve = sum
			sum = 0
		}
	}
	return items
}

func known() string {
	var out []byte
	for l := range letters {
		out = append(out, l)
	}
	slices.Sort(out)
	return string(out)
}
