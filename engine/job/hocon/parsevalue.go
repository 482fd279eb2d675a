package hocon

import (
	"fmt"
	"slices"
	"strings"
)

// value reads a value: one part or several on one line that are joined. With section, an
// object is the content of a plugin section; fresh says that the value does not begin on its
// key's line. It returns nil after a problem.
func (p *parser) value(section, fresh bool) *node {
	var parts []*node
	start, end := p.mark(), p.mark()
	for {
		before := p.mark()
		gap := p.blanks()
		r := p.peek()
		if r == eof || r == '\n' || r == ',' || r == '}' || r == ']' || p.comment() {
			break
		}
		if fresh && strings.ContainsRune("=:{", r) && len(parts) > 0 && onlyScalars(parts) {
			break // this is the next entry; the caller says that the one before has no value
		}
		if gap != "" && len(parts) > 0 {
			parts = append(parts, &node{kind: scalarNode, pos: p.since(before), scalar: String, text: gap, blank: true})
		}
		n := p.part(section, len(parts) > 0)
		if n == nil {
			return nil
		}
		parts = append(parts, n)
		end = p.mark()
	}
	if len(parts) == 0 {
		p.fail(Problem{Code: codeSyntax, Pos: p.here(), Message: fmt.Sprintf("unexpected %s", p.token()), Label: "expected a value"})
		return nil
	}
	here := p.mark()
	p.reset(end)
	pos := p.since(start)
	p.reset(here)
	return p.concat(parts, pos, section)
}

func onlyScalars(parts []*node) bool {
	return !slices.ContainsFunc(parts, func(n *node) bool { return n.kind != scalarNode })
}

// part reads one part of a value.
func (p *parser) part(section, after bool) *node {
	start := p.mark()
	switch r := p.peek(); {
	case r == '"':
		text := p.quoted(true)
		return &node{kind: scalarNode, pos: p.since(start), scalar: String, text: text, quoted: true}
	case r == '[':
		return p.list()
	case r == '{':
		opened := p.here()
		p.next()
		if section {
			n := &node{kind: listNode, pos: opened, section: true}
			p.entries(&body{place: plugins, list: n}, opened, true)
			return n
		}
		o := newObject()
		p.entries(&body{place: inside, object: o}, opened, true)
		return &node{kind: objectNode, pos: opened, object: o}
	case p.has("${"):
		return p.substitution()
	case strings.ContainsRune(reserved, r):
		problem := Problem{Code: codeSyntax, Pos: p.here(), Message: fmt.Sprintf("unexpected %s in a value", p.token()),
			Label: "must stand in quotes", Help: `put the whole value in double quotes, as in "a:b"`}
		if r == '=' && after {
			problem.Help = "a new line or a comma must separate two entries; or put the whole value in double quotes"
		}
		p.fail(problem)
		return nil
	}
	text := p.unquoted(false)
	return plain(text, p.since(start))
}

// list reads [ … ].
func (p *parser) list() *node {
	n := &node{kind: listNode, pos: p.here()}
	p.next()
	p.enter(n.pos)
	defer p.leave()
	for {
		p.space()
		switch r := p.peek(); r {
		case ']':
			p.next()
			return n
		case eof, '}':
			p.fail(Problem{Code: codeSyntax, Pos: n.pos, Message: `"[" is never closed`, Label: "expected a ] further down"})
			return n
		case ',':
			p.fail(Problem{Code: codeSyntax, Pos: p.here(), Message: `unexpected ","`, Label: "expected a value"})
			p.next()
			continue
		}
		if item := p.value(false, false); item != nil {
			n.items = append(n.items, item)
		} else {
			p.recover()
		}
		p.separator()
	}
}

// substitution reads ${path}, ${?path} or ${name:default}.
func (p *parser) substitution() *node {
	start := p.mark()
	p.take("${")
	n := &node{kind: substNode, optional: p.take("?"), scope: p.scope}
	path, ok := p.substPath()
	if !ok {
		return nil
	}
	for _, e := range path {
		n.path = append(n.path, e.name)
	}
	text := p.raw(start)
	if p.take(":") {
		n.keep = true
		from := p.off
		for r := p.peek(); r != '}' && r != '\n' && r != eof; r = p.peek() {
			p.next()
		}
		def := strings.TrimSpace(string(p.text[from:p.off]))
		if len(def) > 1 && def[0] == '"' && def[len(def)-1] == '"' {
			def = def[1 : len(def)-1]
		}
		text += ":" + def
	}
	if !p.take("}") {
		p.fail(Problem{Code: codeSyntax, Pos: p.since(start), Message: `"${" is not closed on its line`, Label: "expected }"})
		return nil
	}
	n.text, n.pos = text+"}", p.since(start)
	if n.optional {
		n.text = "${" + strings.TrimPrefix(n.text, "${?")
	}
	return n
}

func (p *parser) raw(from mark) string { return strings.TrimSpace(string(p.text[from.off:p.off])) }

// substPath reads the path in ${…}, which may hold any character but : and }.
func (p *parser) substPath() ([]element, bool) {
	var path []element
	for {
		p.blanks()
		start := p.mark()
		var name string
		for {
			r := p.peek()
			if r == '"' {
				name += p.quoted(false)
				continue
			}
			if r == '}' || r == ':' || r == '\n' || r == eof || p.has("->") {
				break
			}
			name += string(p.next())
		}
		name = strings.TrimSpace(name)
		if name == "" {
			p.fail(Problem{Code: codeSyntax, Pos: p.here(), Message: "a substitution names no key", Help: "write ${key}, or ${outer -> key} for a key inside another"})
			return nil, false
		}
		path = append(path, element{name, p.since(start)})
		if !p.take("->") {
			return path, true
		}
	}
}

// concat makes one node of parts; what has no substitution in it is joined at once.
func (p *parser) concat(parts []*node, pos Pos, section bool) *node {
	if len(parts) == 1 {
		parts[0].section = parts[0].section || section
		return parts[0]
	}
	var texts, structures, substs int
	for _, n := range parts {
		switch {
		case n.kind == substNode:
			substs++
		case n.kind != scalarNode:
			structures++
		case !n.blank:
			texts++
		}
	}
	if structures > 0 && texts > 0 {
		for i, n := range parts[1:] {
			if n.kind == scalarNode && !n.blank || parts[i].kind == scalarNode {
				p.fail(Problem{Code: codeSyntax, Pos: n.pos, Message: "text cannot be joined to an object or a list",
					Label: "expected a comma or a new line before this"})
				return nil
			}
		}
	}
	if substs == 0 && structures == 0 {
		return joinText(parts, pos)
	}
	return &node{kind: concatNode, pos: pos, items: parts, section: section}
}
