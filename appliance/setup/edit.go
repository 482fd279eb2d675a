package setup

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"gopkg.in/yaml.v3"
)

// document is a YAML file that is changed in place: comments and order stay.
type document struct{ root yaml.Node }

func parse(text []byte) (*document, error) {
	d := &document{}
	if err := yaml.Unmarshal(text, &d.root); err != nil {
		return nil, err
	}
	if d.root.Kind == 0 { // an empty file
		d.root = yaml.Node{Kind: yaml.DocumentNode, Content: []*yaml.Node{{Kind: yaml.MappingNode, Tag: "!!map"}}}
	}
	if d.root.Content[0].Kind != yaml.MappingNode {
		return nil, fmt.Errorf("line %d: expected entries, key: value", d.root.Content[0].Line)
	}
	return d, nil
}

func (d *document) bytes() ([]byte, error) {
	var b bytes.Buffer
	e := yaml.NewEncoder(&b)
	e.SetIndent(2)
	if err := e.Encode(&d.root); err != nil {
		return nil, err
	}
	return b.Bytes(), e.Close()
}

// find is the value at a path of keys, nil when there is none.
func (d *document) find(path ...string) *yaml.Node {
	n := d.root.Content[0]
	for _, key := range path {
		if n = child(n, key); n == nil {
			return nil
		}
	}
	return n
}

// child is the value of a key.
func child(n *yaml.Node, key string) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.MappingNode {
		return nil
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		if n.Content[i].Value == key {
			return n.Content[i+1]
		}
	}
	return nil
}

// section is the mapping at a path, made when it is not there.
func (d *document) section(path ...string) *yaml.Node {
	n := d.root.Content[0]
	for _, key := range path {
		c := child(n, key)
		if c == nil {
			c = &yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
			n.Content = append(n.Content, name(key), c)
		}
		if c.Kind == yaml.AliasNode {
			c = c.Alias
		}
		if c.Kind != yaml.MappingNode { // null, most likely
			*c = yaml.Node{Kind: yaml.MappingNode, Tag: "!!map"}
		}
		n = c
	}
	return n
}

func name(key string) *yaml.Node { return &yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: key} }

// set gives a key a value: a string, bool, int or list of strings. What is there already, in
// whatever style, stays.
func (d *document) set(value any, path ...string) error {
	var n yaml.Node
	if err := n.Encode(value); err != nil {
		return err
	}
	parent, key := d.section(path[:len(path)-1]...), path[len(path)-1]
	old := child(parent, key)
	switch {
	case old == nil:
		parent.Content = append(parent.Content, name(key), &n)
	case !same(old, &n):
		n.HeadComment, n.LineComment, n.FootComment = old.HeadComment, old.LineComment, old.FootComment
		*old = n
	}
	return nil
}

// same says whether two nodes have the same value.
func same(a, b *yaml.Node) bool {
	if a.Kind != b.Kind || a.Kind == yaml.ScalarNode && a.Value != b.Value {
		return false
	}
	return slices.EqualFunc(a.Content, b.Content, same)
}

// keepOnly removes every other key of the mapping at a path; comments above them stay in the section.
func (d *document) keepOnly(keep func(key string) bool, path ...string) {
	n := d.find(path...)
	if n == nil || n.Kind != yaml.MappingNode {
		return
	}
	var comments []string
	for i := 0; i+1 < len(n.Content); {
		if keep(n.Content[i].Value) {
			i += 2
			continue
		}
		if c := n.Content[i].HeadComment; c != "" {
			comments = append(comments, c)
		}
		n.Content = slices.Delete(n.Content, i, i+2)
	}
	if len(comments) > 0 && len(n.Content) > 0 { // it explains the section as often as the key
		first := n.Content[0]
		if first.HeadComment != "" {
			comments = append(comments, first.HeadComment)
		}
		first.HeadComment = strings.Join(comments, "\n")
	}
}
