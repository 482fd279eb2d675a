package hocon

import (
	"errors"
	"fmt"
	"strings"
)

// Problem is one thing wrong in a file: what, where, what was expected and what to do.
type Problem struct {
	Code    string // stable, such as "CFG-012"
	Pos     Pos
	Message string // what is wrong, naming the option or token
	Label   string // printed beside the caret: what was expected
	Help    string // what to do
	Warning bool   // does not stop the job
}

func (p Problem) Error() string {
	var b strings.Builder
	if p.Pos.File != "" || p.Pos.Line > 0 {
		fmt.Fprintf(&b, "%s:%d:%d: ", p.Pos.File, p.Pos.Line, p.Pos.Col)
	}
	b.WriteString(p.Message)
	if p.Label != "" {
		b.WriteString(" (" + p.Label + ")")
	}
	return b.String()
}

// Problems is everything wrong in a file, as one error.
type Problems []Problem

func (ps Problems) Error() string {
	lines := make([]string, len(ps))
	for i, p := range ps {
		lines[i] = p.Error()
	}
	return strings.Join(lines, "\n")
}

// Err returns ps as an error when a problem in it is not a mere warning.
func (ps Problems) Err() error {
	for _, p := range ps {
		if !p.Warning {
			return ps
		}
	}
	return nil
}

// Add appends a problem. Text from a file makes no message endless.
func (ps *Problems) Add(p Problem) {
	p.Message, p.Label, p.Help = shorten(p.Message), shorten(p.Label), shorten(p.Help)
	*ps = append(*ps, p)
}

func shorten(text string) string {
	const limit = 1000 // bytes
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}

// AddErr appends the problems inside err, or err itself at pos.
func (ps *Problems) AddErr(pos Pos, err error) {
	var many Problems
	var one Problem
	switch {
	case err == nil:
	case errors.As(err, &many):
		for _, p := range many {
			ps.Add(p)
		}
	case errors.As(err, &one):
		ps.Add(one)
	default:
		ps.Add(Problem{Pos: pos, Message: err.Error()})
	}
}

// The codes of what can be wrong in the text itself.
const (
	codeSyntax       = "CFG-001" // not the language
	codeLimit        = "CFG-002" // too large, too deep
	codeInclude      = "CFG-003"
	codeSubstitution = "CFG-004" // a cycle, or parts that cannot be joined
	codeSection      = "CFG-005" // a plugin section that does not hold plugins
	codeDuplicate    = "CFG-006"
)
