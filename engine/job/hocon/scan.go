package hocon

import (
	"bytes"
	"fmt"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"
)

// What a configuration may cost. A file beyond a limit is refused, with a Problem.
const (
	maxInput    = 16 << 20 // bytes of text, all includes together
	maxDepth    = 512      // objects and lists inside one another
	maxProblems = 50       // reported for one Parse
)

const eof rune = -1

// reserved are the characters HOCON allows only inside quotes.
const reserved = "$\"{}[]:=,+#`^?!@*&\\"

// scanner walks over the characters of one file and knows where it is.
type scanner struct {
	file      string
	text      []byte
	off       int
	line, col int
	log       *log
}

// log collects the problems of a file and of what it includes.
type log struct {
	problems Problems
	stopped  bool // the rest of the text is not worth reading
}

// mark is a place in the text to measure or return to.
type mark struct{ off, line, col int }

func newScanner(file string, text []byte, log *log) *scanner {
	s := &scanner{file: file, text: text, line: 1, col: 1, log: log}
	if len(text) > maxInput {
		s.fail(Problem{Code: codeLimit, Pos: Pos{file, 1, 1, 1},
			Message: fmt.Sprintf("the configuration has more than %d MiB of text", maxInput>>20), Help: "split it into several jobs"})
		s.text = nil
	}
	s.text = bytes.TrimPrefix(s.text, []byte("\ufeff"))
	if at := firstInvalid(s.text); at >= 0 {
		before := s.text[:at]
		start := bytes.LastIndexByte(before, '\n') + 1
		col := utf8.RuneCount(before[start:]) + 1
		s.fail(Problem{Code: codeSyntax, Pos: Pos{file, bytes.Count(before, []byte{'\n'}) + 1, col, col + 1},
			Message: "the text is not valid UTF-8", Label: fmt.Sprintf("byte 0x%02x", s.text[at]), Help: "save the file in UTF-8"})
	}
	return s
}

func firstInvalid(text []byte) int {
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRune(text[i:])
		if r == utf8.RuneError && n == 1 {
			return i
		}
		i += n
	}
	return -1
}

// fail records a problem. After the last one that is reported the rest of the text is skipped.
func (s *scanner) fail(p Problem) {
	if !s.log.stopped {
		s.log.problems.Add(p)
	}
	if s.log.stopped || len(s.log.problems) >= maxProblems {
		s.stop()
	}
}

// stop ends the reading of this and of every other file.
func (s *scanner) stop() {
	s.log.stopped = true
	s.off = len(s.text)
}

func (s *scanner) peek() rune {
	if s.off >= len(s.text) {
		return eof
	}
	if c := s.text[s.off]; c < utf8.RuneSelf {
		return rune(c)
	}
	r, _ := utf8.DecodeRune(s.text[s.off:])
	return r
}

func (s *scanner) next() rune {
	if s.off >= len(s.text) {
		return eof
	}
	r, n := utf8.DecodeRune(s.text[s.off:])
	s.off += n
	if r == '\n' {
		s.line++
		s.col = 1
	} else {
		s.col++
	}
	return r
}

// has reports whether the text goes on with word, which take also consumes.
func (s *scanner) has(word string) bool {
	return len(s.text)-s.off >= len(word) && string(s.text[s.off:s.off+len(word)]) == word
}

func (s *scanner) take(word string) bool {
	if !s.has(word) {
		return false
	}
	s.off += len(word)
	s.col += len(word) // words are ASCII, without newlines
	return true
}

func (s *scanner) mark() mark      { return mark{s.off, s.line, s.col} }
func (s *scanner) reset(m mark)    { s.off, s.line, s.col = m.off, m.line, m.col }
func (s *scanner) here() Pos       { return s.ahead(1) }
func (s *scanner) ahead(n int) Pos { return Pos{s.file, s.line, s.col, s.col + n} }

// since is the stretch from m to here, cut at the end of its first line.
func (s *scanner) since(m mark) Pos {
	p := Pos{s.file, m.line, m.col, s.col}
	if s.line != m.line {
		first, _, _ := strings.Cut(string(s.text[m.off:s.off]), "\n")
		p.EndCol = m.col + utf8.RuneCountInString(strings.TrimSuffix(first, "\r"))
	}
	return p
}

func blank(r rune) bool {
	return r != '\n' && (unicode.IsSpace(r) || r == '\ufeff' || r >= 0x1c && r <= 0x1f)
}

// blanks consumes white space within the line and returns it.
func (s *scanner) blanks() string {
	from := s.off
	for blank(s.peek()) {
		s.next()
	}
	return string(s.text[from:s.off])
}

func (s *scanner) comment() bool { return s.peek() == '#' || s.has("//") }

func (s *scanner) skipLine() {
	for r := s.peek(); r != '\n' && r != eof; r = s.peek() {
		s.next()
	}
}

// space consumes white space, newlines and comments, and reports whether there was a newline.
func (s *scanner) space() (newline bool) {
	for {
		switch s.blanks(); {
		case s.peek() == '\n':
			s.next()
			newline = true
		case s.comment():
			s.skipLine()
		default:
			return newline
		}
	}
}

// unquoted consumes a run of characters that need no quotes: a number, or anything up to white
// space, a reserved character or a comment, and up to "->" when it is part of a key.
func (s *scanner) unquoted(key bool) string {
	from := s.off
	if n := numberLen(s.text[s.off:]); n > 0 {
		s.take(string(s.text[s.off : s.off+n]))
		return string(s.text[from:s.off])
	}
	for {
		r := s.peek()
		if r == eof || r == '\n' || blank(r) || strings.ContainsRune(reserved, r) || s.has("//") || key && s.has("->") {
			return string(s.text[from:s.off])
		}
		s.next()
	}
}

// numberLen is the length of the number text begins with, or 0. A number takes every
// character that numbers are made of, as Lightbend's tokenizer does: 1.0.0 is none.
func numberLen(text []byte) int {
	n := 0
	for n < len(text) && strings.IndexByte("0123456789eE+-.", text[n]) >= 0 {
		n++
	}
	if isNumber(string(text[:n])) {
		return n
	}
	return 0
}

// isNumber reports whether text is a number in JSON's grammar.
func isNumber(text string) bool {
	digits := func() bool {
		n := 0
		for n < len(text) && text[n] >= '0' && text[n] <= '9' {
			n++
		}
		text = text[n:]
		return n > 0
	}
	text = strings.TrimPrefix(text, "-")
	if strings.HasPrefix(text, "0") {
		text = text[1:]
	} else if !digits() {
		return false
	}
	if strings.HasPrefix(text, ".") {
		if text = text[1:]; !digits() {
			return false
		}
	}
	if text != "" && (text[0] == 'e' || text[0] == 'E') {
		text = strings.TrimLeft(text[:min(2, len(text))], "eE+-") + text[min(2, len(text)):]
		if !digits() {
			return false
		}
	}
	return text == ""
}

// quoted consumes a quoted string, of one or of three quotes, and returns what it stands for.
// The scanner stands on the opening quote.
func (s *scanner) quoted(triple bool) string {
	start := s.mark()
	if triple && s.take(`"""`) {
		return s.tripleQuoted(start)
	}
	s.next()
	var b strings.Builder
	for {
		switch r := s.peek(); r {
		case eof, '\n':
			s.fail(Problem{Code: codeSyntax, Pos: s.since(start), Message: "the text in quotes does not end on its line",
				Label: `expected a closing "`, Help: `text of several lines stands in """ … """`})
			return strings.TrimRight(b.String(), " \t\r")
		case '"':
			s.next()
			return b.String()
		case '\\':
			s.escape(&b)
		default:
			b.WriteRune(s.next())
		}
	}
}

func (s *scanner) tripleQuoted(start mark) string {
	var b strings.Builder
	for !s.has(`"""`) {
		if s.peek() == eof {
			s.fail(Problem{Code: codeSyntax, Pos: Pos{s.file, start.line, start.col, start.col + 3},
				Message: `the text that begins with """ here never ends`, Label: `expected """ further down`})
			return b.String()
		}
		b.WriteRune(s.next())
	}
	s.take(`"""`)
	for s.take(`"`) { // of more than three quotes the first ones belong to the text
		b.WriteByte('"')
	}
	return b.String()
}

func (s *scanner) escape(b *strings.Builder) {
	start := s.mark()
	s.next()
	switch r := s.next(); r {
	case '"', '\\', '/':
		b.WriteRune(r)
	case 'b':
		b.WriteByte('\b')
	case 'f':
		b.WriteByte('\f')
	case 'n':
		b.WriteByte('\n')
	case 'r':
		b.WriteByte('\r')
	case 't':
		b.WriteByte('\t')
	case 'u':
		r, ok := s.hex4()
		if !ok {
			s.fail(Problem{Code: codeSyntax, Pos: s.since(start), Message: `\u needs four hexadecimal digits`, Help: `as in "\u00e9"`})
			return
		}
		if utf16.IsSurrogate(r) {
			m := s.mark()
			low := utf8.RuneError
			if s.take(`\u`) {
				low, _ = s.hex4()
			}
			if r = utf16.DecodeRune(r, low); r == utf8.RuneError {
				s.reset(m)
			}
		}
		b.WriteRune(r)
	default:
		if r == '\n' || r == eof {
			s.reset(start)
			s.next() // the missing quote is reported by the caller
			return
		}
		s.fail(Problem{Code: codeSyntax, Pos: s.since(start), Message: fmt.Sprintf(`unknown escape \%c`, r),
			Label: `a backslash itself is written \\`, Help: `or put the text in """ … """, where a backslash is just one`})
		b.WriteByte('\\')
		b.WriteRune(r)
	}
}

func (s *scanner) hex4() (rune, bool) {
	if len(s.text)-s.off < 4 {
		return 0, false
	}
	word := string(s.text[s.off : s.off+4])
	n, err := strconv.ParseUint(word, 16, 32)
	return rune(n), err == nil && s.take(word)
}
