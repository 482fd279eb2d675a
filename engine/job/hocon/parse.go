package hocon

import (
	"fmt"
	"slices"
	"strings"
)

// Options says how Parse reads.
type Options struct {
	// PluginSections turns the root entries source, transform and sink into lists: each block
	// Name { … } in them becomes an element whose first entry is plugin_name = Name.
	// Order is kept and a name may repeat.
	PluginSections bool
	// Start is where the text begins in file, for a text that is a part of one. The zero Pos is its beginning.
	Start Pos
	// Include opens an included file: name is its path relative to where the first file's
	// name is relative to. It returns the text and the name to show in positions. An error
	// that is fs.ErrNotExist makes an include that is not required() vanish. nil refuses includes.
	Include func(name string) ([]byte, string, error)
	// Lookup finds what ${NAME} stands for when the configuration has no such key, such as an
	// environment variable. nil finds nothing.
	Lookup func(name string) (string, bool)
	// Warn receives what is odd but allowed. nil drops it.
	Warn func(Problem)
}

// Parse reads HOCON in SeaTunnel's dialect: "->" separates the parts of a path and a dot is an
// ordinary character. A substitution that finds nothing stays as text. The error is Problems.
func Parse(file string, text []byte, opts Options) (*Value, error) {
	run := &run{opts: opts, files: []string{file}, budget: maxInput - len(text)}
	p := run.parser(file, text)
	if opts.Start.Line > 0 {
		p.line, p.col = opts.Start.Line, opts.Start.Col
	}
	root := p.root(nil)
	if len(run.log.problems) > 0 {
		return nil, run.log.problems
	}
	v := resolve(root, opts, &run.log)
	if len(run.log.problems) > 0 {
		return nil, run.log.problems
	}
	return v, nil
}

// run is what the parsers of a file and of its includes share.
type run struct {
	opts     Options
	log      log
	files    []string // the chain of includes that is open
	includes int
	budget   int // bytes that includes may still bring
}

func (r *run) parser(file string, text []byte) *parser {
	return &parser{scanner: newScanner(file, text, &r.log), run: r}
}

func (r *run) warn(p Problem) {
	if p.Warning = true; r.opts.Warn != nil {
		r.opts.Warn(p)
	}
}

type parser struct {
	*scanner
	run   *run
	depth int
	scope *object // of an included file: the object it is included in
}

// place says what the entries of an object are.
type place uint8

const (
	inside  place = iota // ordinary entries
	atRoot               // entries of the file: some are plugin sections
	plugins              // blocks of a plugin section
)

var sections = []string{"source", "transform", "sink"}

const pluginName = "plugin_name"

// body collects what stands between the braces of an object or a plugin section.
type body struct {
	place  place
	object *object // inside, atRoot
	list   *node   // plugins
}

// root reads a whole file, into b when it is included.
func (p *parser) root(b *body) *node {
	included := b != nil
	if !included {
		b = &body{place: inside, object: newObject()}
		if p.run.opts.PluginSections {
			b.place = atRoot
		}
	}
	p.space()
	start := p.mark()
	n := &node{kind: objectNode, pos: Pos{p.file, start.line, start.col, start.col}, object: b.object}
	switch {
	case p.peek() == '[' && !included:
		n = p.list()
	case p.peek() == '{':
		n.pos = p.here()
		p.next()
		p.entries(b, n.pos, true)
	default:
		p.entries(b, n.pos, false)
	}
	if p.space(); p.peek() != eof {
		p.fail(Problem{Code: codeSyntax, Pos: p.here(), Message: fmt.Sprintf("unexpected %s after the end of the configuration", p.token()),
			Help: "check that every closing brace has its opening one"})
	}
	return n
}

// token describes the character ahead.
func (p *parser) token() string {
	switch r := p.peek(); r {
	case eof:
		return "end of file"
	case '\n':
		return "end of line"
	case '"':
		return `'"'`
	default:
		return fmt.Sprintf("%q", string(r))
	}
}

// entries reads key = value until the closing brace, or to the end of a file without braces.
func (p *parser) entries(b *body, opened Pos, braces bool) {
	p.enter(opened)
	defer p.leave()
	for {
		p.space()
		switch r := p.peek(); {
		case r == '}' && braces:
			p.next()
			return
		case r == eof:
			if braces {
				p.fail(Problem{Code: codeSyntax, Pos: opened, Message: `"{" is never closed`, Label: "expected a } further down"})
			}
			return
		case r == '}' || r == ']':
			p.fail(Problem{Code: codeSyntax, Pos: p.here(), Message: fmt.Sprintf("unexpected %s", p.token()),
				Label: "nothing is open that this could close"})
			p.next()
			continue
		case r == ',':
			p.fail(Problem{Code: codeSyntax, Pos: p.here(), Message: `unexpected ","`, Label: "expected a key"})
			p.next()
			continue
		}
		if !p.include(b) && !p.entry(b) {
			p.recover()
		}
		p.separator()
	}
}

// separator reads what must stand between two entries or elements.
func (p *parser) separator() {
	newline := p.space()
	if p.peek() == ',' {
		p.next()
		return
	}
	if r := p.peek(); newline || r == eof || r == '}' || r == ']' {
		return
	}
	p.fail(Problem{Code: codeSyntax, Pos: p.here(), Message: fmt.Sprintf("unexpected %s", p.token()), Label: "expected a comma or a new line"})
	p.recover()
}

// recover skips to where the next entry may begin: past the line, or to a closing bracket.
func (p *parser) recover() {
	depth := 0
	for {
		switch r := p.peek(); {
		case r == eof, r == '\n' && depth == 0, (r == '}' || r == ']') && depth == 0, r == ',' && depth == 0:
			return
		case r == '{' || r == '[':
			depth++
		case r == '}' || r == ']':
			depth--
		case p.has(`"""`):
			p.take(`"""`)
			for p.peek() != eof && !p.has(`"""`) {
				p.next()
			}
			p.take(`"""`)
			continue
		case r == '"':
			for p.next(); p.peek() != '"' && p.peek() != '\n' && p.peek() != eof; p.next() {
				if p.peek() == '\\' {
					p.next()
				}
			}
			if p.peek() != '"' {
				continue
			}
		case p.comment():
			p.skipLine()
			continue
		}
		p.next()
	}
}

// enter counts a level of nesting; too many end the parse.
func (p *parser) enter(opened Pos) {
	if p.depth++; p.depth > maxDepth+1 {
		p.tooDeep(opened)
	}
}

func (p *parser) tooDeep(at Pos) {
	p.fail(Problem{Code: codeLimit, Pos: at, Message: fmt.Sprintf("objects and lists nest deeper than %d levels", maxDepth)})
	p.stop()
}

func (p *parser) leave() { p.depth-- }

// entry reads one key = value.
func (p *parser) entry(b *body) bool {
	start := p.mark()
	path, ok := p.key()
	if !ok {
		return false
	}
	keyPos := p.since(start)
	keyPos.EndCol = path[len(path)-1].pos.EndCol
	name := path[len(path)-1].name
	afterKey := p.mark()
	p.space()
	more := p.take("+=")
	if !more && !p.take("=") && !p.take(":") && p.peek() != '{' {
		problem := Problem{Code: codeSyntax, Pos: keyPos, Message: fmt.Sprintf("no value follows %q", name), Label: "expected =, : or {"}
		if strings.ContainsAny(name, "<>()") {
			problem.Help = `a value with a comma in it, such as "map<string, int>", must stand in quotes`
		}
		p.reset(afterKey)
		if p.blanks(); p.peek() != '\n' && p.peek() != eof && !strings.ContainsRune(",}]", p.peek()) {
			problem = Problem{Code: codeSyntax, Pos: p.here(), Message: fmt.Sprintf("unexpected %s after %q", p.token(), name), Label: "expected =, : or {"}
		}
		p.fail(problem)
		return false
	}
	afterSign := p.mark()
	newline := p.space()
	missing := Problem{Code: codeSyntax, Pos: keyPos, Message: fmt.Sprintf("%q has no value", name), Help: `write "" for an empty text`}
	if r := p.peek(); r == eof || strings.ContainsRune(",}]", r) {
		p.fail(missing)
		return true
	}
	section := b.place == atRoot && !more && slices.Contains(sections, path[0].name)
	n := p.value(section && len(path) == 1, newline)
	if n == nil {
		return false
	}
	if newline && n.kind == scalarNode && strings.ContainsRune("=:{", p.peek()) {
		p.fail(missing) // what was read is the next entry's key
		p.reset(afterSign)
		return true
	}
	if more {
		n = &node{kind: listNode, pos: n.pos, items: []*node{n}, more: true}
	}
	p.store(b, path, keyPos, n, section)
	return true
}

// store puts n where path leads from b.
func (p *parser) store(b *body, path []element, keyPos Pos, n *node, section bool) {
	for len(path) > 1 && !(section && len(path) == 2) {
		last := path[len(path)-1]
		o := newObject()
		o.put(last.name, last.pos, n)
		path = path[:len(path)-1]
		n = &node{kind: objectNode, pos: path[len(path)-1].pos, object: o}
	}
	if section && len(path) == 2 { // source -> Name { … }
		list := &node{kind: listNode, pos: path[1].pos, section: true}
		addPlugin(list, path[1].name, path[1].pos, n)
		n, keyPos = list, path[0].pos
	}
	if b.place == plugins {
		addPlugin(b.list, path[0].name, path[0].pos, n)
		return
	}
	n.section = n.section || section
	b.object.put(path[0].name, keyPos, n)
}

// addPlugin adds the block name { … } to the list of a plugin section.
func addPlugin(list *node, name string, keyPos Pos, n *node) {
	list.items = append(list.items, &node{kind: pluginNode, pos: keyPos, text: name, items: []*node{n}})
}

// element is one part of a path.
type element struct {
	name string
	pos  Pos
}

// key reads a path: parts in or outside of quotes, joined by "->".
func (p *parser) key() ([]element, bool) {
	var path []element
	start, end := p.mark(), p.mark()
	var name, gap string
	some := false
	finish := func() bool {
		pos := p.here()
		if some {
			here := p.mark()
			p.reset(end)
			pos = p.since(start)
			p.reset(here)
		} else {
			p.fail(Problem{Code: codeSyntax, Pos: pos, Message: fmt.Sprintf("unexpected %s", p.token()), Label: "expected a key"})
			return false
		}
		path = append(path, element{name, pos})
		if p.depth+len(path) > maxDepth+2 {
			p.tooDeep(pos)
		}
		return true
	}
	for {
		gap = p.blanks()
		if !some {
			start, gap = p.mark(), ""
		}
		r := p.peek()
		switch {
		case r == '"':
			name += gap + p.quoted(true)
		case p.take("->"):
			if !finish() {
				return nil, false
			}
			name, some = "", false
			continue
		case r == eof, strings.ContainsRune("\n=:{,}]", r), p.has("+="), p.comment():
			ok := finish()
			return path, ok
		case strings.ContainsRune(reserved, r):
			problem := Problem{Code: codeSyntax, Pos: p.here(), Message: fmt.Sprintf("%s must not stand in a key outside of quotes", p.token())}
			if r == '$' {
				problem.Help = "a substitution cannot be part of a key"
			}
			p.fail(problem)
			return nil, false
		default:
			name += gap + p.unquoted(true)
		}
		some, end = true, p.mark()
	}
}
