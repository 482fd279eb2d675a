package hocon

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
)

// ParseJSON reads JSON into the same tree as Parse, with order and positions kept. Nothing in
// it is substituted or rewritten. Of a key that stands twice in an object the last one counts;
// warn, if given, hears of it. The error is Problems.
func ParseJSON(file string, text []byte, warn ...func(Problem)) (*Value, error) {
	run := &run{files: []string{file}}
	run.opts.Warn = func(p Problem) {
		for _, w := range warn {
			w(p)
		}
	}
	p := run.parser(file, text)
	p.jsonSpace()
	n := p.jsonValue()
	p.jsonEnd()
	if len(run.log.problems) > 0 {
		return nil, run.log.problems
	}
	v := resolve(n, Options{}, &run.log)
	if len(run.log.problems) > 0 {
		return nil, run.log.problems
	}
	return v, nil
}

// jsonInto reads a JSON file that is included into b.
func (p *parser) jsonInto(b *body) {
	p.jsonSpace()
	at := p.here()
	n := p.jsonValue()
	p.jsonEnd()
	if n == nil {
		return
	}
	if n.kind != objectNode {
		p.fail(Problem{Code: codeInclude, Pos: at, Message: "an included JSON file must hold an object"})
		return
	}
	for _, s := range n.object.slots {
		p.store(b, []element{{s.key, s.keyPos}}, s.keyPos, s.stack[len(s.stack)-1], false)
	}
}

func (p *parser) jsonSpace() {
	for p.blanks(); p.peek() == '\n'; p.blanks() {
		p.next()
	}
}

func (p *parser) jsonEnd() {
	if p.jsonSpace(); p.peek() != eof {
		p.jsonFail("expected the end of the file")
	}
}

// jsonFail reports what stands here. What follows a mistake in JSON is guesswork, so it ends the parse.
func (p *parser) jsonFail(label string) {
	problem := Problem{Code: codeSyntax, Pos: p.here(), Message: "unexpected " + p.token(), Label: label}
	switch r := p.peek(); {
	case r == '#' || p.has("//") || p.has("/*"):
		problem.Help = "JSON has no comments; a file whose name does not end in .json may have them"
	case r == '\'':
		problem.Help = "JSON wants double quotes"
	}
	p.fail(problem)
	p.stop()
}

func (p *parser) jsonValue() *node {
	start := p.mark()
	switch r := p.peek(); {
	case r == '{':
		return p.jsonObject()
	case r == '[':
		return p.jsonList()
	case r == '"':
		text := p.quoted(false)
		return &node{kind: scalarNode, pos: p.since(start), scalar: String, text: text, quoted: true}
	}
	if text := p.unquoted(false); text != "" {
		n := plain(text, p.since(start))
		if n.scalar != String {
			return n
		}
		p.reset(start)
	}
	p.jsonFail("expected a value")
	return nil
}

func (p *parser) jsonObject() *node {
	n := &node{kind: objectNode, pos: p.here(), object: newObject()}
	p.enter(n.pos)
	defer p.leave()
	p.next()
	for p.jsonSpace(); !p.take("}"); p.jsonSpace() {
		if len(n.object.slots) > 0 {
			if !p.take(",") {
				p.jsonFail("expected , or }")
				return nil
			}
			p.jsonSpace()
		}
		if p.peek() != '"' {
			p.jsonFail(`expected a key in double quotes`)
			return nil
		}
		start := p.mark()
		key := p.quoted(false)
		pos := p.since(start)
		if p.jsonSpace(); !p.take(":") {
			p.jsonFail("expected :")
			return nil
		}
		p.jsonSpace()
		v := p.jsonValue()
		if v == nil {
			return nil
		}
		if old := n.object.index[key]; old != nil {
			p.run.warn(Problem{Code: codeDuplicate, Pos: pos, Message: fmt.Sprintf("key %q stands twice in this object; the last one counts", key)})
			old.stack = nil
		}
		n.object.put(key, pos, v)
	}
	return n
}

func (p *parser) jsonList() *node {
	n := &node{kind: listNode, pos: p.here()}
	p.enter(n.pos)
	defer p.leave()
	p.next()
	for p.jsonSpace(); !p.take("]"); p.jsonSpace() {
		if len(n.items) > 0 {
			if !p.take(",") {
				p.jsonFail("expected , or ]")
				return nil
			}
			p.jsonSpace()
		}
		v := p.jsonValue()
		if v == nil {
			return nil
		}
		n.items = append(n.items, v)
	}
	return n
}

// JSON writes v as JSON on one line, in v's order.
func JSON(v *Value) []byte {
	var b bytes.Buffer
	writeJSON(&b, v)
	return b.Bytes()
}

func writeJSON(b *bytes.Buffer, v *Value) {
	switch v.Kind {
	case List:
		b.WriteByte('[')
		for i, item := range v.Items {
			if i > 0 {
				b.WriteByte(',')
			}
			writeJSON(b, item)
		}
		b.WriteByte(']')
	case Object:
		b.WriteByte('{')
		for i, f := range v.Fields {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteString(jsonText(f.Key))
			b.WriteByte(':')
			writeJSON(b, f.Value)
		}
		b.WriteByte('}')
	case String:
		b.WriteString(jsonText(v.Text))
	case Null:
		b.WriteString("null")
	default:
		b.WriteString(v.Text)
	}
}

// jsonText quotes text as JSON does; <, > and & stay readable.
func jsonText(text string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if e.Encode(text) != nil {
		return `""` // cannot happen: every string has a JSON form
	}
	return strings.TrimSuffix(b.String(), "\n")
}
