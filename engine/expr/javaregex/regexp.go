// Package javaregex runs regular expressions written for java.util.regex. A pattern is
// translated once: to Go's regexp, which takes linear time, wherever that gives the same
// answer, and to a backtracking engine with a time limit where it does not (lookaround, back
// references, possessive quantifiers, $ before a line end).
package javaregex

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"slices"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/dlclark/regexp2"
)

// MatchTimeout bounds one match of the backtracking engine.
const MatchTimeout = time.Second

// ErrTimeout says that a match took longer than MatchTimeout.
var ErrTimeout = fmt.Errorf("took longer than %s on one value; make it simpler", MatchTimeout)

// maxPattern bounds the length of a pattern, in bytes.
const maxPattern = 64 << 10

// Flags are java.util.regex's match flags. UNICODE_CASE is always on.
type Flags uint8

const (
	CaseInsensitive Flags = 1 << iota
	DotAll                // dot matches line terminators too
	Multiline             // ^ and $ match at lines
)

// Regexp is a compiled pattern, safe for concurrent use.
type Regexp struct {
	pattern string
	fast    *regexp.Regexp // nil when only the exact engine will do
	groups  int
	names   map[string]int
	// lines and words say that fast is wrong on texts with line terminators, with letters
	// outside ASCII.
	lines, words bool
	// empty says that a match may be empty: Go passes over such a one right behind another.
	empty bool

	source string // of exact
	once   sync.Once
	exact  *regexp2.Regexp
	err    error
}

// Compile translates a pattern. Errors are in Java's terms and say where, counted from 1.
func Compile(pattern string, flags Flags) (*Regexp, error) {
	if len(pattern) > maxPattern {
		return nil, fmt.Errorf("regular expression of %d bytes is longer than %d", len(pattern), maxPattern)
	}
	t := &translator{src: pattern, names: map[string]int{}, mode: mode{multiline: flags&Multiline != 0, dotAll: flags&DotAll != 0}}
	if flags&CaseInsensitive != 0 {
		t.emit("(?i)", "(?i)")
	}
	if err := t.run(); err != nil {
		return nil, fmt.Errorf("regular expression %q: %w", pattern, err)
	}
	r := &Regexp{pattern: pattern, groups: t.groups, names: t.names, lines: t.lines, words: t.words, source: t.exact.String()}
	if !t.exactOnly {
		r.fast, _ = regexp.Compile(t.fast.String()) // too large for it: the exact engine takes over
	}
	if r.fast != nil {
		tree, err := syntax.Parse(r.fast.String(), syntax.Perl)
		r.empty = err != nil || nullable(tree)
	} else {
		if _, err := r.slow(); err != nil {
			return nil, err
		}
	}
	return r, nil
}

// String is the pattern as written.
func (r *Regexp) String() string { return r.pattern }

// Groups is the number of capturing groups.
func (r *Regexp) Groups() int { return r.groups }

func (r *Regexp) slow() (*regexp2.Regexp, error) {
	r.once.Do(func() {
		r.exact, r.err = regexp2.Compile(r.source, regexp2.None)
		if r.err != nil {
			r.err = fmt.Errorf("regular expression %q: %w", r.pattern, r.err)
			return
		}
		r.exact.MatchTimeout = MatchTimeout
	})
	return r.exact, r.err
}

// fastFor reports whether the linear engine gives Java's answer on s.
func (r *Regexp) fastFor(s string) bool {
	switch {
	case r.fast == nil:
		return false
	case ascii(s):
		return !r.lines || strings.IndexByte(s, '\n') < 0 && strings.IndexByte(s, '\r') < 0
	case r.words || !utf8.ValidString(s):
		return false
	}
	return !r.lines || !strings.ContainsAny(s, "\n\r\u0085\u2028\u2029")
}

// nullable reports whether re can match an empty text.
func nullable(re *syntax.Regexp) bool {
	switch re.Op {
	case syntax.OpNoMatch, syntax.OpCharClass, syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		return false
	case syntax.OpLiteral:
		return len(re.Rune) == 0
	case syntax.OpPlus, syntax.OpCapture:
		return nullable(re.Sub[0])
	case syntax.OpRepeat:
		return re.Min == 0 || nullable(re.Sub[0])
	case syntax.OpConcat:
		return !slices.ContainsFunc(re.Sub, func(s *syntax.Regexp) bool { return !nullable(s) })
	case syntax.OpAlternate:
		return slices.ContainsFunc(re.Sub, nullable)
	}
	return true
}

func ascii(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] >= utf8.RuneSelf {
			return false
		}
	}
	return true
}

// Match reports whether the pattern is found in s (Matcher.find).
func (r *Regexp) Match(s string) (bool, error) {
	if r.fastFor(s) {
		return r.fast.MatchString(s), nil
	}
	re, err := r.slow()
	if err != nil {
		return false, err
	}
	ok, err := re.MatchString(s)
	return ok, r.explain(err)
}

// Find returns the first n matches (all of them when n < 0) that begin at byte from or later.
// A match is a list of pairs of byte offsets, the whole first, then each group; -1, -1 for a
// group that took no part.
func (r *Regexp) Find(s string, from, n int) ([][]int, error) {
	if from == 0 && (!r.empty || n == 1) && r.fastFor(s) {
		return r.fast.FindAllStringSubmatchIndex(s, n), nil
	}
	re, err := r.slow()
	if err != nil {
		return nil, err
	}
	var out [][]int
	index := runeOffsets(s)
	m, err := re.FindStringMatchStartingAt(s, from)
	for m != nil && err == nil && (n < 0 || len(out) < n) {
		loc := make([]int, 0, 2*r.groups+2)
		for _, g := range m.Groups() {
			if len(g.Captures) == 0 {
				loc = append(loc, -1, -1)
				continue
			}
			loc = append(loc, index(g.Index), index(g.Index+g.Length))
		}
		out = append(out, loc)
		m, err = re.FindNextMatch(m)
	}
	return out, r.explain(err)
}

func (r *Regexp) explain(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("regular expression %q %w", r.pattern, ErrTimeout)
}

// runeOffsets maps rune numbers of s to byte offsets.
func runeOffsets(s string) func(int) int {
	if ascii(s) {
		return func(i int) int { return i }
	}
	offsets := make([]int, 0, len(s)+1)
	for i := range s {
		offsets = append(offsets, i)
	}
	offsets = append(offsets, len(s))
	return func(i int) int { return offsets[i] }
}

// Full returns a pattern that matches whole texts only (Matcher.matches).
func Full(pattern string, flags Flags) (*Regexp, error) {
	if _, err := Compile(pattern, flags); err != nil {
		return nil, err
	}
	return Compile(`\A(?:`+pattern+`)\z`, flags)
}
