package config

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"gopkg.in/yaml.v3"

	"seikan/engine/job/hocon"
)

// The codes of what can be wrong in a configuration file, beside those of package option.
const (
	codeSyntax       = "CFG-101"
	codeLimit        = "CFG-102"
	codeDuplicate    = "CFG-103"
	codeFile         = "CFG-104"
	codeImport       = "CFG-105"
	codeSubstitution = "CFG-106"
	codeValue        = "CFG-110"
	codeStorage      = "CFG-111"
	codeMember       = "CFG-112"
	codeConflict     = "CFG-113"
	codeNoMeaning    = "CFG-114"
	codeUnsafe       = "CFG-115"
)

// What a file may hold at most. An alias counts as often as it is used.
const (
	maxFileBytes = 256 << 10
	maxNodes     = 10_000
	maxDepth     = 64
	maxKeyBytes  = 128
)

// parse reads a YAML file into a tree that knows where everything stands. It returns nil for an
// empty file and after errors that leave no tree.
func parse(file string, data []byte, ps *hocon.Problems) *hocon.Value {
	if len(data) > maxFileBytes {
		ps.Add(hocon.Problem{Code: codeLimit, Pos: hocon.Pos{File: file}, Message: fmt.Sprintf("the file has %d bytes", len(data)), Label: fmt.Sprintf("at most %d", maxFileBytes)})
		return nil
	}
	dec := yaml.NewDecoder(bytes.NewReader(data))
	var doc yaml.Node
	if err := dec.Decode(&doc); errors.Is(err, io.EOF) {
		return nil
	} else if err != nil {
		ps.Add(syntaxProblem(file, data, err))
		return nil
	}
	if len(doc.Content) != 1 {
		return nil
	}
	t := &treeReader{file: file, problems: ps}
	tree := t.value(doc.Content[0], 0)
	var second yaml.Node
	switch err := dec.Decode(&second); {
	case errors.Is(err, io.EOF):
	case err != nil:
		ps.Add(syntaxProblem(file, data, err))
	default:
		t.add(&second, codeSyntax, "expected the end of the file", "a second document begins; only the first one is read")
	}
	if tree.Kind == hocon.Null {
		return nil
	}
	if tree.Kind != hocon.Object {
		t.add(doc.Content[0], codeSyntax, "expected key: value", "the file holds %s", tree.Kind)
		return nil
	}
	return tree
}

var yamlLine = regexp.MustCompile(`^yaml: (?:line (\d+): )?(.*)$`)

func syntaxProblem(file string, data []byte, err error) hocon.Problem {
	p := hocon.Problem{Code: codeSyntax, Pos: hocon.Pos{File: file}, Message: "not YAML: " + err.Error(), Help: "YAML is indented with spaces, and entries of one level stand in one column"}
	if m := yamlLine.FindStringSubmatch(err.Error()); m != nil {
		p.Message = "not YAML: " + m[2]
		if n, err := strconv.Atoi(m[1]); err == nil {
			p.Pos.Line, p.Pos.Col = n, 1
			if lines := bytes.SplitN(data, []byte("\n"), n+1); n <= len(lines) {
				line := string(lines[n-1])
				indent := len(line) - len(strings.TrimLeft(line, " \t"))
				p.Pos.Col = indent + 1
				if strings.Contains(line[:indent], "\t") {
					p.Label = "a tab; YAML wants spaces"
				}
			}
		}
	}
	return p
}

type treeReader struct {
	file     string
	problems *hocon.Problems
	nodes    int
	full     bool
}

func (t *treeReader) pos(n *yaml.Node) hocon.Pos {
	p := hocon.Pos{File: t.file, Line: n.Line, Col: n.Column, EndCol: n.Column + 1}
	if n.Kind == yaml.ScalarNode && !strings.Contains(n.Value, "\n") {
		p.EndCol = n.Column + max(1, utf8.RuneCountInString(n.Value))
		if n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0 {
			p.EndCol += 2
		}
	}
	return p
}

func (t *treeReader) add(n *yaml.Node, code, label, format string, args ...any) {
	t.problems.Add(hocon.Problem{Code: code, Pos: t.pos(n), Label: label, Message: fmt.Sprintf(format, args...)})
}

func (t *treeReader) value(n *yaml.Node, depth int) *hocon.Value {
	v := &hocon.Value{Pos: t.pos(n)}
	if t.nodes++; t.nodes > maxNodes || depth > maxDepth {
		if !t.full {
			t.full = true
			t.add(n, codeLimit, fmt.Sprintf("at most %d values, nested %d deep", maxNodes, maxDepth), "the file holds too much here")
		}
		return v
	}
	switch n.Kind {
	case yaml.AliasNode:
		return t.value(n.Alias, depth+1)
	case yaml.SequenceNode:
		v.Kind = hocon.List
		for _, item := range n.Content {
			v.Items = append(v.Items, t.value(item, depth+1))
		}
	case yaml.MappingNode:
		v.Kind = hocon.Object
		t.mapping(v, n, depth)
	case yaml.ScalarNode:
		v.Text, v.Quoted = n.Value, n.Style&(yaml.DoubleQuotedStyle|yaml.SingleQuotedStyle) != 0
		switch n.ShortTag() {
		case "!!null":
			v.Kind = hocon.Null
		case "!!bool":
			v.Kind = hocon.Bool
		case "!!int", "!!float":
			v.Kind = hocon.Number
		default:
			v.Kind = hocon.String
		}
	}
	return v
}

func (t *treeReader) mapping(v *hocon.Value, n *yaml.Node, depth int) {
	fields := map[string]*hocon.Field{}
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content) && !t.full; i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		for key.Kind == yaml.AliasNode {
			key = key.Alias
		}
		switch {
		case key.Kind != yaml.ScalarNode:
			t.add(key, codeSyntax, "expected a word", "a key is a list or a map")
		case len(key.Value) > maxKeyBytes:
			t.add(key, codeLimit, fmt.Sprintf("at most %d bytes", maxKeyBytes), "a key has %d bytes", len(key.Value))
		case key.ShortTag() == "!!merge":
			merged = append(merged, value)
		case fields[key.Value] != nil:
			first := fields[key.Value].KeyPos
			t.add(key, codeDuplicate, fmt.Sprintf("the first one is at %d:%d", first.Line, first.Col), "Duplicate '%s' definition found in the configuration.", key.Value)
		default:
			f := &hocon.Field{Key: key.Value, KeyPos: t.pos(key), Value: t.value(value, depth+1)}
			fields[key.Value] = f
			v.Fields = append(v.Fields, f)
		}
	}
	for _, m := range merged { // <<: what stands here itself has precedence
		base := t.value(m, depth+1)
		maps := []*hocon.Value{base}
		if base.Kind == hocon.List {
			maps = base.Items
		}
		for _, b := range maps {
			for _, f := range b.Fields {
				if fields[f.Key] == nil {
					fields[f.Key] = f
					v.Fields = append(v.Fields, f)
				}
			}
		}
	}
}
