package hocon

import (
	"fmt"
	"slices"
	"strings"
)

// What substitutions may cost: each may multiply what it refers to.
const (
	maxSubstDepth = 256      // substitutions that need one another
	maxSubstSteps = 1 << 20  // values copied or looked at by substitutions
	maxSubstText  = 64 << 20 // bytes of text joined
)

// resolver turns nodes into values.
//
// A key's value is found when it is asked for, so the order of the file does not matter.
// When the value is being made and is asked for again, the answer is what the key was given
// before (path = ${path}":/b"); if there is nothing before, that is a cycle.
type resolver struct {
	root   *object
	lookup func(string) (string, bool)
	log    *log

	active    map[*node]int // being evaluated, with the length of trail when that began
	resolving map[*node]bool
	trail     []*node // substitutions being resolved, outermost first
	blamed    map[*node]bool
	steps     int
	text      int
	depth     int
}

func resolve(root *node, opts Options, log *log) *Value {
	r := &resolver{root: root.object, lookup: opts.Lookup, log: log,
		active: map[*node]int{}, resolving: map[*node]bool{}, blamed: map[*node]bool{}}
	if r.root == nil {
		r.root = newObject()
	}
	v := r.node(root)
	if !opts.PluginSections || v == nil {
		return v
	}
	for _, f := range v.Fields {
		if slices.Contains(sections, f.Key) && f.Value.Kind == Object {
			f.Value = r.section(f.Value)
		}
	}
	return v
}

func (r *resolver) fail(p Problem) {
	if len(r.log.problems) < maxProblems {
		r.log.problems.Add(p)
	}
}

// exhausted counts a step and reports whether there have been too many.
func (r *resolver) exhausted(pos Pos) bool {
	if r.log.stopped {
		return true
	}
	if len(r.trail) > 0 {
		r.steps++
	}
	if r.steps > maxSubstSteps || r.text > maxSubstText || len(r.trail) > maxSubstDepth || r.depth > 2*(maxDepth+maxSubstDepth) {
		if len(r.trail) > 0 {
			pos = r.trail[0].pos
		}
		r.fail(Problem{Code: codeLimit, Pos: pos, Message: "substitutions expand to too much",
			Help: fmt.Sprintf("at most %d values, %d MiB of text and %d levels", maxSubstSteps, maxSubstText>>20, maxSubstDepth)})
		r.log.stopped = true
	}
	return r.log.stopped
}

// stack evaluates what a key was given, first to last; nil is undefined.
func (r *resolver) stack(stack []*node) *Value {
	var v *Value
	for i := len(stack) - 1; i >= 0; i-- {
		n := stack[i]
		if n.more {
			return r.overlay(r.append(stack[:i], n), v)
		}
		below := r.node(n)
		if below == nil {
			continue
		}
		v = r.overlay(below, v)
		if v.Kind != Object || n.kind == scalarNode || n.kind == listNode {
			break
		}
	}
	return v
}

// overlay puts high, which may be nil, over low: objects merge, anything else hides what is below.
func (r *resolver) overlay(low, high *Value) *Value {
	if high == nil || low == nil {
		if high == nil {
			return low
		}
		return high
	}
	if low.Kind != Object || high.Kind != Object {
		return high
	}
	r.steps += len(high.Fields)
	index := make(map[string]*Field, len(low.Fields))
	for _, f := range low.Fields {
		index[f.Key] = f
	}
	for _, f := range high.Fields {
		if old := index[f.Key]; old != nil {
			old.Value, old.KeyPos = r.overlay(old.Value, f.Value), f.KeyPos
		} else {
			low.Fields = append(low.Fields, f)
		}
	}
	low.Pos = high.Pos
	return low
}

// append evaluates key += n, where the key had the values before.
func (r *resolver) append(before []*node, n *node) *Value {
	adds := []*node{n}
	for len(before) > 0 && before[len(before)-1].more {
		adds = append(adds, before[len(before)-1])
		before = before[:len(before)-1]
	}
	v := r.stack(before)
	if v == nil {
		v = &Value{Kind: List, Pos: n.pos}
	}
	if v.Kind != List {
		r.fail(Problem{Code: codeSubstitution, Pos: n.pos, Message: "+= needs a list to add to, and the key has another value", Label: "cannot be added"})
		return v
	}
	for _, add := range slices.Backward(adds) {
		r.active[add] = len(r.trail)
		for _, item := range add.items {
			if e := r.node(item); e != nil {
				v.Items = append(v.Items, e)
			}
		}
		delete(r.active, add)
	}
	return v
}

// node evaluates n; nil is undefined.
func (r *resolver) node(n *node) *Value {
	if r.exhausted(n.pos) {
		return nil
	}
	r.depth++
	defer func() { r.depth-- }()
	if n.kind != objectNode && n.kind != scalarNode {
		if _, ok := r.active[n]; !ok {
			r.active[n] = len(r.trail)
			defer delete(r.active, n)
		}
	}
	switch n.kind {
	case listNode:
		v := &Value{Kind: List, Pos: n.pos, Items: make([]*Value, 0, len(n.items))}
		for _, item := range n.items {
			if e := r.node(item); e != nil {
				v.Items = append(v.Items, e)
			}
		}
		return v
	case objectNode:
		v := &Value{Kind: Object, Pos: n.pos, Fields: make([]*Field, 0, len(n.object.slots))}
		for _, s := range n.object.slots {
			if e := r.stack(s.stack); e != nil {
				v.Fields = append(v.Fields, &Field{Key: s.key, KeyPos: s.keyPos, Value: e})
			}
		}
		return v
	case substNode:
		return r.substitute(n)
	case concatNode:
		return r.concat(n)
	case pluginNode:
		if v := r.node(n.items[0]); v != nil {
			return r.plugin(n.text, n.pos, v)
		}
		return nil
	}
	if len(r.trail) > 0 {
		r.text += len(n.text)
	}
	return &Value{Kind: n.scalar, Text: n.text, Quoted: n.quoted, Pos: n.pos}
}

// substitute finds what ${…} stands for.
func (r *resolver) substitute(n *node) *Value {
	if r.resolving[n] { // an object that is to hold itself
		if !n.optional {
			r.blame(n, r.trail[slices.Index(r.trail, n):])
		}
		return nil
	}
	r.resolving[n] = true
	r.trail = append(r.trail, n)
	v, cycle := r.target(n)
	trail := r.trail
	r.trail = r.trail[:len(r.trail)-1]
	delete(r.resolving, n)
	switch {
	case v != nil:
		return v
	case r.log.stopped:
		return nil
	case cycle != nil && !n.optional:
		r.blame(n, trail[*cycle:])
		return nil
	}
	if n.optional && !n.keep {
		return nil
	}
	return &Value{Kind: String, Text: n.text, Pos: n.pos}
}

// scopes are the objects from which n's path is followed: first where its file is included.
func (r *resolver) scopes(n *node) []*object {
	if n.scope == nil || n.scope == r.root {
		return []*object{r.root}
	}
	return []*object{n.scope, r.root}
}

// target looks n's path up in the configuration, then outside of it. With nothing found, cycle says where in the trail a cycle begins, if that is why.
func (r *resolver) target(n *node) (v *Value, cycle *int) {
	for _, scope := range r.scopes(n) {
		found := r.find(scope, n.path)
		r.steps += len(found) / 16
		for i, below := range found { // the lowest that is being made: the answer is below it
			if at, ok := r.active[below]; ok {
				found, cycle = found[:i], &at
				break
			}
		}
		if v := r.stack(found); v != nil {
			return v, nil
		}
	}
	if len(n.path) == 1 && r.lookup != nil {
		if text, ok := r.lookup(n.path[0]); ok {
			r.text += len(text)
			return &Value{Kind: String, Text: text, Quoted: true, Pos: n.pos}, nil
		}
	}
	return nil, cycle
}

// find collects, first to last, what the key at path was given.
func (r *resolver) find(from *object, path []string) []*node {
	s := from.index[path[0]]
	if s == nil {
		return nil
	}
	stack := s.stack
	for _, key := range path[1:] {
		stack = r.child(stack, key)
	}
	return stack
}

// child collects what key was given in the objects of stack, without evaluating more of them
// than it must: entries of one object may refer to each other.
func (r *resolver) child(stack []*node, key string) []*node {
	for i, n := range stack {
		if r.busy(n) {
			stack = stack[:i]
			break
		}
	}
	var out []*node
	for _, n := range stack {
		if r.exhausted(n.pos) {
			return nil
		}
		switch n.kind {
		case objectNode:
			if s := n.object.index[key]; s != nil {
				out = append(out, s.stack...)
			}
		case substNode:
			r.resolving[n] = true
			r.trail = append(r.trail, n)
			var found []*node
			for _, scope := range r.scopes(n) {
				if found = r.find(scope, n.path); len(found) > 0 {
					break
				}
			}
			out = append(out, r.child(found, key)...)
			r.trail = r.trail[:len(r.trail)-1]
			delete(r.resolving, n)
		case concatNode:
			out = append(out, r.child(n.items, key)...)
		default:
			if !n.blank {
				out = nil
			}
		}
	}
	return out
}

// busy reports whether n, or a part of it, is a substitution whose target is being sought.
func (r *resolver) busy(n *node) bool {
	return r.resolving[n] || n.kind == concatNode && slices.ContainsFunc(n.items, r.busy)
}

// blame reports a ring of substitutions once for all that take part in it.
func (r *resolver) blame(n *node, ring []*node) {
	var names []string
	known := false
	for _, s := range ring {
		known = known || r.blamed[s]
		r.blamed[s] = true
		names = append(names, s.text)
	}
	if known {
		return
	}
	r.fail(Problem{Code: codeSubstitution, Pos: n.pos, Message: "substitutions need each other: " + strings.Join(append(names, names[0]), " → "),
		Label: "ends where it began", Help: "give one of these keys a value of its own"})
}

// concat joins the parts of a value.
func (r *resolver) concat(n *node) *Value {
	var texts, structures []*Value // all parts, and those that are no text
	defined := false
	for _, item := range n.items {
		v := r.node(item)
		if v == nil {
			continue
		}
		defined = defined || !item.blank
		if !v.Scalar() {
			structures = append(structures, v)
		}
		if !item.blank || len(structures) == 0 {
			texts = append(texts, v)
		}
	}
	switch {
	case !defined:
		return nil
	case len(structures) == 0:
		return r.join(texts, n.pos)
	}
	var out *Value
	for _, v := range texts {
		if v.Scalar() && !v.Quoted && strings.TrimSpace(v.Text) == "" {
			continue // white space between objects or lists
		}
		if out != nil && n.section && v.Kind != out.Kind { // blocks beside a list of blocks
			out, v = r.section(out), r.section(v)
		}
		switch {
		case out == nil:
			out = v
		case out.Kind == List && v.Kind == List:
			out.Items = append(out.Items, v.Items...)
		case out.Kind == Object && v.Kind == Object:
			out = r.overlay(out, v)
		default:
			r.fail(Problem{Code: codeSubstitution, Pos: n.pos, Message: fmt.Sprintf("%s cannot be joined to %s", v.Kind, out.Kind),
				Help: "only text joins text, objects join objects and lists join lists"})
			return out
		}
	}
	return out
}

// join makes one text of scalars. A single one keeps its kind.
func (r *resolver) join(parts []*Value, pos Pos) *Value {
	if len(parts) == 1 {
		return parts[0]
	}
	var b strings.Builder
	out := &Value{Kind: String, Pos: pos}
	for _, p := range parts {
		if r.text += len(p.Text); r.exhausted(pos) {
			return nil
		}
		b.WriteString(p.Text)
		out.Quoted = out.Quoted || p.Quoted
	}
	out.Text = b.String()
	return out
}

// section turns an object of plugin blocks into their list.
func (r *resolver) section(v *Value) *Value {
	if v.Kind != Object {
		return v
	}
	list := &Value{Kind: List, Pos: v.Pos, Items: make([]*Value, 0, len(v.Fields))}
	for _, f := range v.Fields {
		list.Items = append(list.Items, r.plugin(f.Key, f.KeyPos, f.Value))
	}
	return list
}

// plugin makes an element of a plugin section: v with its name in front.
func (r *resolver) plugin(name string, keyPos Pos, v *Value) *Value {
	if v.Kind != Object {
		r.fail(Problem{Code: codeSection, Pos: keyPos, Message: fmt.Sprintf("%q is not a plugin", name), Label: "expected a block { … } after a plugin's name",
			Help: "source, transform and sink hold plugins only; their options stand inside the plugin's block"})
		return v
	}
	if v.Get(pluginName) == nil {
		named := &Field{Key: pluginName, KeyPos: keyPos, Value: &Value{Kind: String, Text: name, Pos: keyPos}}
		v.Fields = append([]*Field{named}, v.Fields...)
	}
	return v
}
