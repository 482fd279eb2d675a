package db

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"
)

// ErrText is inside the error of a statement that is refused for its text or its arguments.
var ErrText = errors.New("statement not allowed")

// Screen says whether text may be the text of a Write: one statement that changes rows or the
// schema and does the same on every replica whenever it runs. A nil error means yes; a store
// still refuses what SQLite itself cannot parse. Answers are cached.
func Screen(sql string) error { return writes.screen(sql) }

// ScreenQuery says whether text may be the text of a Query: one SELECT, VALUES, WITH or EXPLAIN.
func ScreenQuery(sql string) error { return reads.screen(sql) }

// Check screens the texts of a Write and its arguments, which must survive the way to a replica
// unchanged: text must be UTF-8, and NaN is refused since SQLite would store NULL for it.
func Check(statements []Statement) error {
	if len(statements) == 0 {
		return fmt.Errorf("%w: a write needs at least one statement", ErrText)
	}
	for i, s := range statements {
		err := Screen(s.SQL)
		if err == nil {
			err = checkArgs(s.Args)
		}
		if err != nil {
			return fmt.Errorf("statement %d of %d (%s): %w", i+1, len(statements), Brief(s.SQL), err)
		}
	}
	return nil
}

// CheckQuery screens the text of a Query and its arguments.
func CheckQuery(s Statement) error {
	err := ScreenQuery(s.SQL)
	if err == nil {
		err = checkArgs(s.Args)
	}
	if err != nil {
		return fmt.Errorf("query (%s): %w", Brief(s.SQL), err)
	}
	return nil
}

// Brief is the beginning of a statement's text on one line, for messages. It never holds
// arguments.
func Brief(sql string) string {
	s := strings.Join(strings.Fields(sql), " ")
	if r := []rune(s); len(r) > 80 {
		return string(r[:77]) + "..."
	}
	return s
}

func checkArgs(args []any) error {
	for i, a := range args {
		switch v := a.(type) {
		case nil, bool, int64, []byte:
		case float64:
			if math.IsNaN(v) {
				return fmt.Errorf("%w: argument %d is NaN, which SQL cannot hold; bind nil", ErrText, i+1)
			}
		case string:
			if !utf8.ValidString(v) {
				return fmt.Errorf("%w: argument %d is text that is not UTF-8; bind it as []byte", ErrText, i+1)
			}
		default:
			return fmt.Errorf("%w: argument %d is a %T; bind nil, bool, int64, float64, string or []byte",
				ErrText, i+1, a)
		}
	}
	return nil
}

var (
	writes = screener{check: screenWrite}
	reads  = screener{check: screenQuery}
)

// screener remembers answers, since programs send the same few texts again and again.
type screener struct {
	check func([]token) error
	mu    sync.RWMutex
	known map[string]error
}

const maxScreened = 2048

func (s *screener) screen(sql string) error {
	s.mu.RLock()
	err, ok := s.known[sql]
	s.mu.RUnlock()
	if ok {
		return err
	}
	err = s.fresh(sql)
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.known == nil || len(s.known) >= maxScreened {
		s.known = make(map[string]error)
	}
	s.known[sql] = err
	return err
}

func (s *screener) fresh(sql string) error {
	if strings.IndexByte(sql, 0) >= 0 {
		return fmt.Errorf("%w: it holds a NUL byte", ErrText)
	}
	tokens := tokenize(sql)
	for len(tokens) > 0 && tokens[len(tokens)-1].is(";") {
		tokens = tokens[:len(tokens)-1]
	}
	switch i := slices.IndexFunc(tokens, func(t token) bool { return t.is(";") }); {
	case len(tokens) == 0:
		return fmt.Errorf("%w: it is empty", ErrText)
	case i >= 0:
		return fmt.Errorf("%w: it holds several statements; send them as several", ErrText)
	case tokens[len(tokens)-1].kind == tokenBroken:
		return fmt.Errorf("%w: %s is opened and never closed", ErrText, tokens[len(tokens)-1].text)
	}
	return s.check(tokens)
}

func (t token) is(punctuation string) bool { return t.kind == tokenOther && t.text == punctuation }

func (t token) word(w string) bool { return t.kind == tokenWord && t.text == w }

// The words are those of sqlite.org/lang.html. A write may begin only with these, which keeps
// out BEGIN, COMMIT, END, SAVEPOINT, RELEASE, ATTACH, DETACH, PRAGMA, VACUUM and what comes.
var (
	writeVerbs = []string{"insert", "replace", "update", "delete", "with", "create", "drop", "alter"}
	queryVerbs = []string{"select", "values", "with", "explain"}

	// forbiddenWords are refused anywhere in a write outside quotes.
	forbiddenWords = map[string]string{
		"current_timestamp": "it reads the clock; bind the time as an argument",
		"current_date":      "it reads the clock; bind the time as an argument",
		"current_time":      "it reads the clock; bind the time as an argument",
		"returning":         "a write returns no rows; read them back with a query",
		"rollback":          "it would end the transaction in the middle of the write",
	}
	// forbiddenCalls differ from replica to replica or from run to run.
	forbiddenCalls = map[string]string{
		"random":            "it is random; bind the value as an argument",
		"randomblob":        "it is random; bind the value as an argument",
		"last_insert_rowid": "it depends on the connection; choose ids before writing",
		"changes":           "it depends on the connection; use Result.Affected",
		"total_changes":     "it depends on the connection; use Result.Affected",
		"sqlite_version":    "it depends on the program's version",
		"sqlite_source_id":  "it depends on the program's version",
		"load_extension":    "it loads code",
	}
	// dateCalls read the clock when an argument is 'now' or absent.
	dateCalls = []string{"date", "time", "datetime", "julianday", "unixepoch", "strftime", "timediff"}
)

func screenWrite(tokens []token) error {
	if !slices.ContainsFunc(writeVerbs, tokens[0].word) {
		return fmt.Errorf("%w: a write begins with one of %s, not with %q",
			ErrText, strings.ToUpper(strings.Join(writeVerbs, ", ")), tokens[0].text)
	}
	view := false
	if tokens[0].word("create") {
		for _, t := range tokens[1:min(len(tokens), 3)] {
			switch {
			case t.word("temp"), t.word("temporary"):
				return fmt.Errorf("%w: temporary objects live on one connection only", ErrText)
			case t.word("virtual"), t.word("trigger"):
				return fmt.Errorf("%w: %s is not supported", ErrText, strings.ToUpper(t.text))
			case t.word("view"):
				view = true
			}
		}
	}
	for i, t := range tokens {
		if t.kind == tokenWord {
			if why := forbiddenWords[t.text]; why != "" {
				return fmt.Errorf("%w: %s: %s", ErrText, strings.ToUpper(t.text), why)
			}
		}
		if err := screenName(t, i+1 < len(tokens) && tokens[i+1].is("("), tokens[i+1:], view); err != nil {
			return err
		}
	}
	return nil
}

// screenName refuses t as the name of a function or of a table-valued PRAGMA. A view may call
// date functions on stored times: it is evaluated when read.
func screenName(t token, called bool, rest []token, view bool) error {
	if t.kind != tokenWord && t.kind != tokenQuoted {
		return nil
	}
	name := strings.ToLower(t.text)
	if strings.HasPrefix(name, "pragma_") {
		return fmt.Errorf("%w: %s depends on the node", ErrText, name)
	}
	if !called {
		return nil
	}
	if why := forbiddenCalls[name]; why != "" {
		return fmt.Errorf("%w: %s(): %s", ErrText, name, why)
	}
	if slices.Contains(dateCalls, name) && (!view || readsClock(rest)) {
		return fmt.Errorf("%w: %s(): it can read the clock; bind the time as an argument", ErrText, name)
	}
	return nil
}

// readsClock looks at the arguments of a date call, which begin with a parenthesis: none, or a
// literal that stands for the present or for the machine's time zone.
func readsClock(call []token) bool {
	depth := 0
	for i, t := range call {
		switch {
		case t.is("("):
			depth++
		case t.is(")"):
			if depth--; depth == 0 {
				return i == 1
			}
		case t.kind == tokenText || t.kind == tokenQuoted:
			switch strings.ToLower(strings.TrimSpace(t.text)) {
			case "now", "localtime", "utc":
				return true
			}
		}
	}
	return true
}

func screenQuery(tokens []token) error {
	if !slices.ContainsFunc(queryVerbs, tokens[0].word) {
		return fmt.Errorf("%w: a query begins with one of %s, not with %q",
			ErrText, strings.ToUpper(strings.Join(queryVerbs, ", ")), tokens[0].text)
	}
	return nil
}
