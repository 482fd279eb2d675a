package job

import (
	"bytes"
	"strings"
	"unicode"
	"unicode/utf8"

	"seikan/engine/job/hocon"
)

// sqlKind is the kind of a sqlToken. Other characters are tokens of their own.
type sqlKind rune

const (
	sqlWord   sqlKind = 'w'
	sqlText   sqlKind = '\'' // '…'
	sqlQuoted sqlKind = '`'  // a name in `…` or "…"
)

type sqlToken struct {
	kind     sqlKind
	text     string // without quotes
	from, to int    // bytes
	pos      hocon.Pos
	doubled  []hocon.Pos // where two quotes stand for one
}

func (t sqlToken) is(word string) bool { return t.kind == sqlWord && strings.EqualFold(t.text, word) }
func (t sqlToken) name() bool          { return t.kind == sqlWord || t.kind == sqlQuoted }

// sqlScanner cuts a SQL job into statements of tokens, and takes comments and the config block out.
type sqlScanner struct {
	file       string
	text       []byte
	off        int
	line, col  int
	statements [][]sqlToken
	comments   [][2]int // bytes
	config     []byte   // the text of the config block
	configAt   hocon.Pos
	problems   hocon.Problems
}

func (s *sqlScanner) fail(pos hocon.Pos, label, help, message string) {
	s.problems.Add(hocon.Problem{Code: codeSQL, Pos: pos, Message: message, Label: label, Help: help})
}

func (s *sqlScanner) here(width int) hocon.Pos {
	return hocon.Pos{File: s.file, Line: s.line, Col: s.col, EndCol: s.col + width}
}

func (s *sqlScanner) next() rune {
	r, n := utf8.DecodeRune(s.text[s.off:])
	s.off += n
	s.col++
	if r == '\n' {
		s.line, s.col = s.line+1, 1
	}
	return r
}

func (s *sqlScanner) more() bool           { return s.off < len(s.text) }
func (s *sqlScanner) has(word string) bool { return bytes.HasPrefix(s.text[s.off:], []byte(word)) }

// restOfLine is the text from here to the end of the line.
func (s *sqlScanner) restOfLine() string {
	rest := s.text[s.off:]
	if i := bytes.IndexByte(rest, '\n'); i >= 0 {
		rest = rest[:i]
	}
	return string(rest)
}

func (s *sqlScanner) scan() {
	var statement []sqlToken
	end := func() {
		if len(statement) > 0 {
			s.statements = append(s.statements, statement)
		}
		statement = nil
	}
	fresh := true // nothing but white space since the last newline
	gap := true   // white space just before
	for s.more() {
		r, _ := utf8.DecodeRune(s.text[s.off:])
		switch {
		case unicode.IsSpace(r) || r == '\ufeff':
			gap, fresh = true, fresh || r == '\n'
			s.next()
			continue
		case s.has("--") && gap:
			from := s.off
			for s.more() && s.text[s.off] != '\n' {
				s.next()
			}
			s.comments = append(s.comments, [2]int{from, s.off})
			continue
		case s.has("/*"):
			s.blockComment(fresh)
			gap, fresh = true, false
			continue
		case r == ';':
			s.next()
			end()
		case r == '\'' || r == '`' || r == '"':
			statement = append(statement, s.quoted(r))
		default:
			statement = append(statement, s.word())
		}
		gap, fresh = false, false
	}
	end()
}

func wordRune(r rune) bool {
	return r == '_' || r == '.' || r == '$' || unicode.IsLetter(r) || unicode.IsDigit(r)
}

func (s *sqlScanner) word() sqlToken {
	t := sqlToken{kind: sqlWord, from: s.off, pos: s.here(0)}
	first := s.next()
	if !wordRune(first) {
		t.kind = sqlKind(first)
	}
	for t.kind == sqlWord && s.more() {
		if r, _ := utf8.DecodeRune(s.text[s.off:]); !wordRune(r) {
			break
		}
		s.next()
	}
	t.to, t.pos.EndCol = s.off, s.col
	t.text = string(s.text[t.from:t.to])
	return t
}

// quoted reads text or a name in quotes; two quotes in it stand for one.
func (s *sqlScanner) quoted(quote rune) sqlToken {
	t := sqlToken{kind: sqlQuoted, from: s.off, pos: s.here(0)}
	if quote == '\'' {
		t.kind = sqlText
	}
	s.next()
	var b strings.Builder
	for {
		if !s.more() {
			s.fail(hocon.Pos{File: s.file, Line: t.pos.Line, Col: t.pos.Col, EndCol: t.pos.Col + 1}, "expected another "+string(quote)+" further down", "", "this quote is never closed")
			break
		}
		at := s.here(1)
		r := s.next()
		if r == quote {
			if !s.more() || s.text[s.off] != byte(quote) {
				break
			}
			t.doubled = append(t.doubled, at)
			s.next()
		}
		if r == '\n' && s.line == t.pos.Line+1 {
			t.pos.EndCol = at.Col
		}
		b.WriteRune(r)
	}
	if s.line == t.pos.Line {
		t.pos.EndCol = s.col
	}
	t.to, t.text = s.off, b.String()
	return t
}

// blockComment skips /* … */. One that is "/* config" alone on its line is the config block; it
// ends at a line that is "*/" alone, since HOCON may hold */ too.
func (s *sqlScanner) blockComment(fresh bool) {
	from, at := s.off, s.here(2)
	config := fresh && strings.TrimSpace(strings.TrimPrefix(s.restOfLine(), "/*")) == "config"
	ends := func() bool {
		if config {
			return s.col == 1 && strings.TrimSpace(s.restOfLine()) == "*/"
		}
		return s.has("*/") && s.off > from+1
	}
	begin := hocon.Pos{}
	var content int
	for ; s.more() && !ends(); s.next() {
		if config && begin.Line == 0 && s.line == at.Line+1 {
			begin, content = s.here(0), s.off
		}
	}
	switch {
	case !s.more() && config:
		s.fail(at, "expected a line */ further down", "", "the config block is never closed")
	case !s.more():
		s.fail(at, "expected */ further down", "", "this comment is never closed")
	case config && s.configAt.Line > 0:
		s.fail(at, "", "put everything into one block", "there are two config blocks")
	case config && begin.Line > 0:
		s.config, s.configAt = s.text[content:s.off], begin
	}
	for s.more() && !s.has("*/") {
		s.next()
	}
	for range 2 {
		if s.more() {
			s.next()
		}
	}
	s.comments = append(s.comments, [2]int{from, s.off})
}

// slice is the text of tokens, without the comments among them.
func (s *sqlScanner) slice(tokens []sqlToken) string {
	from, to := tokens[0].from, tokens[len(tokens)-1].to
	var b strings.Builder
	for _, c := range s.comments {
		if c[0] >= from && c[1] <= to {
			b.Write(s.text[from:c[0]])
			from = c[1]
		}
	}
	b.Write(s.text[from:to])
	return strings.TrimSpace(b.String())
}
