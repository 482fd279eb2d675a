// Package syntax reads the one SELECT statement of SeaTunnel's Sql transform, and single
// expressions, into a tree that knows where everything stands and prints as it was meant.
package syntax

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxText bounds the length of a statement, in bytes; MaxDepth the nesting of parentheses,
// calls and CASEs.
const (
	MaxText  = 1 << 20
	MaxDepth = 200
)

// Error is a mistake in a statement. The compiler of expressions, which sees trees only, leaves
// Text empty; ErrorAt with the text and At completes it.
type Error struct {
	Text      string // the whole statement
	At        int    // byte offset of the mistake
	Line, Col int    // the same, counted from 1, columns in characters
	Message   string
}

// ErrorAt makes the error of a mistake at byte offset at of text.
func ErrorAt(text string, at int, format string, args ...any) *Error {
	at = min(max(at, 0), len(text))
	before := text[:at]
	line := strings.Count(before, "\n") + 1
	col := utf8.RuneCountInString(before[strings.LastIndexByte(before, '\n')+1:]) + 1
	return &Error{Text: text, At: at, Line: line, Col: col, Message: fmt.Sprintf(format, args...)}
}

// Error says line, column and the text found there.
func (e *Error) Error() string {
	if e.Text == "" && e.Line == 0 {
		return e.Message
	}
	return fmt.Sprintf("line %d, column %d: %s%s", e.Line, e.Col, e.Message, e.near())
}

func (e *Error) near() string {
	rest, _, _ := strings.Cut(e.Text[e.At:], "\n")
	rest = strings.TrimSpace(rest)
	if rest == "" {
		return ", at the end"
	}
	if r := []rune(rest); len(r) > 30 {
		rest = string(r[:30]) + "…"
	}
	return ", at: " + rest
}

type tokenKind uint8

const (
	tokenEnd    tokenKind = iota
	tokenWord             // identifier or keyword
	tokenQuoted           // `x` or "x"
	tokenText             // 'x'
	tokenNumber
	tokenSymbol
)

type token struct {
	kind  tokenKind
	text  string // unquoted; words as written
	upper string // words in upper case
	quote byte   // of tokenQuoted
	at    int
	end   int
}

// lex cuts the whole text into tokens, the last of them tokenEnd.
func lex(text string) ([]token, error) {
	if len(text) > MaxText {
		return nil, ErrorAt(text, MaxText, "the statement is longer than %d bytes", MaxText)
	}
	l := &lexer{text: text}
	var out []token
	for {
		t, err := l.next()
		if err != nil {
			return nil, err
		}
		t.end = l.at
		out = append(out, t)
		if t.kind == tokenEnd {
			return out, nil
		}
	}
}

type lexer struct {
	text string
	at   int
}

func (l *lexer) next() (token, error) {
	if err := l.blank(); err != nil {
		return token{}, err
	}
	start := l.at
	if start == len(l.text) {
		return token{kind: tokenEnd, at: start}, nil
	}
	c := l.text[start]
	r, _ := utf8.DecodeRuneInString(l.text[start:])
	switch {
	case c == '\'' || c == '`' || c == '"':
		text, err := l.quoted(c)
		kind := tokenQuoted
		if c == '\'' {
			kind = tokenText
		}
		if err == nil && kind == tokenQuoted && text == "" {
			err = ErrorAt(l.text, start, "a quoted name is empty")
		}
		return token{kind: kind, text: text, quote: c, at: start}, err
	case digit(c) || c == '.' && start+1 < len(l.text) && digit(l.text[start+1]):
		return l.number()
	case wordStart(r):
		for l.at < len(l.text) {
			r, size := utf8.DecodeRuneInString(l.text[l.at:])
			if !wordStart(r) && !unicode.IsDigit(r) && r != '$' && r != '#' {
				break
			}
			l.at += size
		}
		w := l.text[start:l.at]
		return token{kind: tokenWord, text: w, upper: strings.ToUpper(w), at: start}, nil
	}
	for _, s := range []string{"<>", "!=", "<=", ">=", "||", "::"} {
		if strings.HasPrefix(l.text[start:], s) {
			l.at += 2
			return token{kind: tokenSymbol, text: s, at: start}, nil
		}
	}
	if strings.IndexByte("()*,.;+-/%=<>", c) >= 0 {
		l.at++
		return token{kind: tokenSymbol, text: string(c), at: start}, nil
	}
	return token{}, ErrorAt(l.text, start, "unexpected character %q", r)
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func wordStart(r rune) bool { return r == '_' || r == '@' || unicode.IsLetter(r) }

// blank skips white space and comments.
func (l *lexer) blank() error {
	for l.at < len(l.text) {
		r, size := utf8.DecodeRuneInString(l.text[l.at:])
		switch {
		case unicode.IsSpace(r):
			l.at += size
		case strings.HasPrefix(l.text[l.at:], "--"):
			if end := strings.IndexByte(l.text[l.at:], '\n'); end >= 0 {
				l.at += end
			} else {
				l.at = len(l.text)
			}
		case strings.HasPrefix(l.text[l.at:], "/*"):
			end := strings.Index(l.text[l.at+2:], "*/")
			if end < 0 {
				return ErrorAt(l.text, l.at, "the comment is not closed; expected */")
			}
			l.at += end + 4
		default:
			return nil
		}
	}
	return nil
}

// quoted reads up to the closing quote; a doubled quote stands for one.
func (l *lexer) quoted(q byte) (string, error) {
	start := l.at
	var b strings.Builder
	for l.at++; l.at < len(l.text); l.at++ {
		if l.text[l.at] != q {
			b.WriteByte(l.text[l.at])
			continue
		}
		if l.at+1 < len(l.text) && l.text[l.at+1] == q {
			b.WriteByte(q)
			l.at++
			continue
		}
		l.at++
		return b.String(), nil
	}
	return "", ErrorAt(l.text, start, "the quote %c is not closed", q)
}

func (l *lexer) number() (token, error) {
	start := l.at
	digits := func() {
		for l.at < len(l.text) && digit(l.text[l.at]) {
			l.at++
		}
	}
	digits()
	if l.at < len(l.text) && l.text[l.at] == '.' {
		l.at++
		digits()
	}
	if l.at < len(l.text) && l.text[l.at]|0x20 == 'e' {
		mark := l.at
		l.at++
		if l.at < len(l.text) && (l.text[l.at] == '+' || l.text[l.at] == '-') {
			l.at++
		}
		from := l.at
		if digits(); l.at == from {
			l.at = mark
		}
	}
	if r, _ := utf8.DecodeRuneInString(l.text[l.at:]); l.at < len(l.text) && wordStart(r) {
		return token{}, ErrorAt(l.text, start, "a number runs into a name; put names that begin with a digit in back-ticks")
	}
	return token{kind: tokenNumber, text: l.text[start:l.at], at: start}, nil
}
