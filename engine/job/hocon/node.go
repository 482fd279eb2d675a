package hocon

import "strings"

// kind is what a node is before substitutions are resolved.
type kind uint8

const (
	scalarNode kind = iota
	listNode
	objectNode
	substNode
	concatNode
	pluginNode
)

// node is a value as written.
type node struct {
	kind    kind
	pos     Pos
	scalar  Kind    // scalarNode
	text    string  // scalarNode: the text; substNode: what stays when nothing is found; pluginNode: its name
	quoted  bool    // scalarNode
	blank   bool    // scalarNode: white space between the parts of a concatenation
	items   []*node // listNode, concatNode; pluginNode: its one value
	object  *object
	section bool // the value of a plugin section
	more    bool // listNode of +=: goes behind what the key had before

	path     []string // substNode
	optional bool
	keep     bool    // substNode with a default: its text stays even if optional
	scope    *object // substNode of an included file: where the file stands
}

// object holds its entries in the order in which their keys came first.
type object struct {
	slots []*slot
	index map[string]*slot
}

// slot is an entry: every value the key was given that can still matter, first to last.
type slot struct {
	key    string
	keyPos Pos
	stack  []*node
}

func newObject() *object { return &object{index: map[string]*slot{}} }

// put gives key another value.
func (o *object) put(key string, keyPos Pos, n *node) {
	s := o.index[key]
	if s == nil {
		s = &slot{key: key}
		o.index[key] = s
		o.slots = append(o.slots, s)
	}
	s.keyPos = keyPos
	s.push(n)
}

// push merges n into what the key was given before as far as that needs no substitution.
func (s *slot) push(n *node) {
	var top *node
	if len(s.stack) > 0 {
		top = s.stack[len(s.stack)-1]
	}
	switch {
	case top == nil:
		s.stack = append(s.stack, n)
	case n.kind == objectNode && top.kind == objectNode:
		top.object.merge(n.object)
		top.pos = n.pos
	case n.more && top.kind == listNode && !n.refers():
		top.items = append(top.items, n.items...)
	case n.more:
		s.stack = append(s.stack, n)
	case n.kind == listNode && n.section && top.kind == listNode && top.section:
		top.items = append(top.items, n.items...)
	case n.kind == scalarNode, n.kind == listNode && !n.refers(), n.kind == objectNode && (top.kind == scalarNode || top.kind == listNode):
		s.stack = []*node{n} // nothing before it can be seen any more
	default:
		s.stack = append(s.stack, n)
	}
}

// merge puts all entries of from behind those of o.
func (o *object) merge(from *object) {
	for _, s := range from.slots {
		for _, n := range s.stack {
			o.put(s.key, s.keyPos, n)
		}
	}
}

// refers reports whether a substitution stands in n, outside of objects' entries.
func (n *node) refers() bool {
	if n.kind == substNode || n.kind == concatNode {
		return true
	}
	for _, item := range n.items {
		if item.refers() || item.kind == objectNode {
			return true
		}
	}
	return false
}

// plain makes a scalar of text outside of quotes.
func plain(text string, pos Pos) *node {
	n := &node{kind: scalarNode, pos: pos, text: text, scalar: String}
	switch {
	case text == "null":
		n.scalar = Null
	case text == "true", text == "false":
		n.scalar = Bool
	case isNumber(text):
		n.scalar = Number
	}
	return n
}

// joinText makes one scalar of the scalars of a concatenation.
func joinText(parts []*node, pos Pos) *node {
	if len(parts) == 1 {
		return parts[0]
	}
	var b strings.Builder
	n := &node{kind: scalarNode, pos: pos, scalar: String}
	for _, p := range parts {
		b.WriteString(p.text)
		n.quoted = n.quoted || p.quoted
	}
	n.text = b.String()
	return n
}
