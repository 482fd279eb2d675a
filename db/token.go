package db

import "strings"

// tokenKind is what the screening needs to know of a piece of SQL text.
type tokenKind uint8

const (
	tokenWord   tokenKind = iota // a bare word: keyword, identifier or function name
	tokenQuoted                  // "x", `x` or [x]: an identifier, or the name of a function
	tokenText                    // 'x'
	tokenOther                   // a number, an operator, a parameter, one byte of punctuation
	tokenBroken                  // a string, identifier or comment that never ends
)

type token struct {
	kind tokenKind
	text string // without its quotes; words in lower case
}

// tokenize cuts SQLite text into tokens without blanks and comments. It follows SQLite's own
// tokenizer (sqlite.org/lang_keywords.html, lang_comment.html) as far as quoting goes.
func tokenize(sql string) []token {
	var out []token
	for i := 0; i < len(sql); {
		c := sql[i]
		switch {
		case c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f':
			i++
		case strings.HasPrefix(sql[i:], "--"):
			end := strings.IndexByte(sql[i:], '\n')
			if end < 0 {
				return out
			}
			i += end + 1
		case strings.HasPrefix(sql[i:], "/*"):
			end := strings.Index(sql[i+2:], "*/")
			if end < 0 {
				return append(out, token{tokenBroken, "/*"})
			}
			i += 2 + end + 2
		case c == '\'' || c == '"' || c == '`':
			text, n := quoted(sql[i:], c)
			if n == 0 {
				return append(out, token{tokenBroken, string(c)})
			}
			kind := tokenQuoted
			if c == '\'' {
				kind = tokenText
			}
			out = append(out, token{kind, text})
			i += n
		case c == '[':
			end := strings.IndexByte(sql[i:], ']')
			if end < 0 {
				return append(out, token{tokenBroken, "["})
			}
			out = append(out, token{tokenQuoted, sql[i+1 : i+end]})
			i += end + 1
		case wordByte(c) && (c < '0' || c > '9'):
			n := i + 1
			for n < len(sql) && wordByte(sql[n]) {
				n++
			}
			out = append(out, token{tokenWord, strings.ToLower(sql[i:n])})
			i = n
		case c >= '0' && c <= '9':
			n := i + 1
			for n < len(sql) && (wordByte(sql[n]) || sql[n] == '.') {
				n++
			}
			out = append(out, token{tokenOther, sql[i:n]})
			i = n
		default:
			out = append(out, token{tokenOther, sql[i : i+1]})
			i++
		}
	}
	return out
}

func wordByte(c byte) bool {
	return c == '_' || c == '$' || c >= 0x80 ||
		c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// quoted reads a piece that starts with the quote q and in which q is doubled to stand for
// itself. n is its whole length, 0 when it does not end.
func quoted(sql string, q byte) (text string, n int) {
	var b strings.Builder
	for i := 1; i < len(sql); i++ {
		if sql[i] != q {
			b.WriteByte(sql[i])
			continue
		}
		if i+1 < len(sql) && sql[i+1] == q {
			b.WriteByte(q)
			i++
			continue
		}
		return b.String(), i + 1
	}
	return "", 0
}
