package jsonpath

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ohler55/ojg/jp"
)

// Path is a compiled path in Jayway's dialect of JSONPath.
type Path struct {
	text     string
	steps    []step
	one      bool   // every step leads to one place at most
	function string // the function applied to the result, "" without one
}

// step goes from values to parts of them. Exactly one of its members says which.
type step struct {
	names    []string // members of an object
	indexes  []int    // elements of an array, negative ones from its end
	slice    *slice
	filter   *jp.Filter
	wildcard bool // all members or elements
	descend  bool // the value itself and everything below it
}

type slice struct{ from, to *int }

// single reports whether the step leads to one place at most.
func (s step) single() bool { return len(s.names) == 1 || len(s.indexes) == 1 }

// definite reports whether steps lead to one place at most; then the result is the value
// there, else a list of values.
func definite(steps []step) bool {
	for i, s := range steps {
		if merge := len(s.names) > 1 && i == len(steps)-1; !s.single() && !merge {
			return false
		}
	}
	return true
}

// maxSteps bounds the length of a path.
const maxSteps = 100

// Parse compiles a path. The error says where it is wrong.
func Parse(text string) (*Path, error) {
	p := &pathParser{text: strings.TrimSpace(text)}
	if p.text == "" {
		return nil, fmt.Errorf("the path is empty; $ is the whole document")
	}
	if p.text[0] != '$' {
		p.text = "$." + p.text
	}
	p.at = 1
	out := &Path{text: text, one: true}
	for p.at < len(p.text) {
		if out.function != "" {
			return nil, p.fail("the end behind the function %s()", out.function)
		}
		if err := p.step(out); err != nil {
			return nil, err
		}
		if len(out.steps) > maxSteps {
			return nil, fmt.Errorf("path %q has more than %d steps", text, maxSteps)
		}
	}
	for _, s := range out.steps {
		out.one = out.one && s.single()
	}
	if n := len(out.steps); n > 0 && out.steps[n-1].descend {
		return nil, p.fail("a name, * or [ behind ..")
	}
	return out, nil
}

type pathParser struct {
	text string
	at   int
}

func (p *pathParser) fail(expected string, args ...any) error {
	found := "the end"
	if p.at < len(p.text) {
		found = strconv.Quote(p.text[p.at:])
	}
	return fmt.Errorf("path %q: expected %s, found %s", p.text, fmt.Sprintf(expected, args...), found)
}

func (p *pathParser) take(s string) bool {
	if strings.HasPrefix(p.text[p.at:], s) {
		p.at += len(s)
		return true
	}
	return false
}

func (p *pathParser) blanks() {
	for p.at < len(p.text) && p.text[p.at] == ' ' {
		p.at++
	}
}

func (p *pathParser) step(out *Path) error {
	switch {
	case p.take(".."):
		out.steps = append(out.steps, step{descend: true})
		if p.at < len(p.text) && p.text[p.at] == '[' {
			return nil
		}
	case p.take("."):
		if p.at < len(p.text) && p.text[p.at] == '[' {
			return nil
		}
	case p.take("["):
		s, err := p.bracket()
		out.steps = append(out.steps, s)
		return err
	default:
		return p.fail(". or [")
	}
	if p.take("*") {
		out.steps = append(out.steps, step{wildcard: true})
		return nil
	}
	start := p.at
	for p.at < len(p.text) && !strings.ContainsRune(".[(", rune(p.text[p.at])) {
		p.at++
	}
	name := p.text[start:p.at]
	if name == "" {
		return p.fail("a name")
	}
	if p.take("(") {
		if p.blanks(); !p.take(")") {
			return p.fail(") : functions with arguments are not supported")
		}
		if functions[name] == nil {
			p.at = start
			return p.fail("one of the functions %s", functionNames())
		}
		out.function = name
		return nil
	}
	out.steps = append(out.steps, step{names: []string{name}})
	return nil
}

func (p *pathParser) bracket() (step, error) {
	p.blanks()
	switch {
	case p.at == len(p.text):
		return step{}, p.fail("a name in quotes, a number, * or ?")
	case p.take("*"):
		return step{wildcard: true}, p.close()
	case p.text[p.at] == '?':
		return p.filter()
	case p.text[p.at] == '\'' || p.text[p.at] == '"':
		return p.names()
	}
	return p.numbers()
}

func (p *pathParser) close() error {
	if p.blanks(); !p.take("]") {
		return p.fail("]")
	}
	return nil
}

func (p *pathParser) names() (step, error) {
	var s step
	for {
		p.blanks()
		if p.at == len(p.text) || p.text[p.at] != '\'' && p.text[p.at] != '"' {
			return s, p.fail("a name in quotes")
		}
		quote := p.text[p.at]
		var name []byte
		for p.at++; p.at < len(p.text) && p.text[p.at] != quote; p.at++ {
			if p.text[p.at] == '\\' && p.at+1 < len(p.text) {
				p.at++
			}
			name = append(name, p.text[p.at])
		}
		if !p.take(string(quote)) {
			return s, p.fail("the closing quote")
		}
		s.names = append(s.names, string(name))
		if p.blanks(); !p.take(",") {
			return s, p.close()
		}
	}
}

func (p *pathParser) numbers() (step, error) {
	from, err := p.number()
	if err != nil {
		return step{}, err
	}
	if p.blanks(); p.take(":") {
		to, err := p.number()
		if err != nil {
			return step{}, err
		}
		return step{slice: &slice{from, to}}, p.close()
	}
	var s step
	for {
		if from == nil {
			return s, p.fail("a number")
		}
		s.indexes = append(s.indexes, *from)
		if p.blanks(); !p.take(",") {
			return s, p.close()
		}
		if from, err = p.number(); err != nil {
			return s, err
		}
	}
}

// number reads a whole number; nil when none stands here.
func (p *pathParser) number() (*int, error) {
	p.blanks()
	start := p.at
	p.take("-")
	for p.at < len(p.text) && p.text[p.at] >= '0' && p.text[p.at] <= '9' {
		p.at++
	}
	if start == p.at {
		return nil, nil
	}
	n, err := strconv.ParseInt(p.text[start:p.at], 10, 32)
	if err != nil {
		p.at = start
		return nil, p.fail("a whole number of 32 bits")
	}
	i := int(n)
	return &i, nil
}
