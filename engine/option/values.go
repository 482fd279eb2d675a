package option

import (
	"fmt"
	"strconv"

	"seikan/engine/job/hocon"
)

// Values are the checked options of one block. Getters panic on a key that the spec does not
// have or that has another type: that is a mistake in the plugin, not in the job file.
type Values struct {
	owner   string
	pos     hocon.Pos
	raw     *hocon.Value
	options []Option
	given   map[string]*given
}

type given struct {
	field   *hocon.Field
	text    string
	flag    bool
	whole   int64
	number  float64
	list    []string
	tree    *hocon.Value
	object  *Values
	objects []*Values
}

// Pos is where the block stands.
func (v *Values) Pos() hocon.Pos { return v.pos }

// Owner names the block in messages: "source LocalFile".
func (v *Values) Owner() string { return v.owner }

// Raw is the block as written.
func (v *Values) Raw() *hocon.Value { return v.raw }

// Given reports whether the job file sets key.
func (v *Values) Given(key string) bool { return v.given[key] != nil }

// KeyPos is where key is set, or where the block stands when it is not.
func (v *Values) KeyPos(key string) hocon.Pos {
	if g := v.given[key]; g != nil {
		return g.field.KeyPos
	}
	return v.pos
}

// ValuePos is where the value of key stands, or the block when it is not set.
func (v *Values) ValuePos(key string) hocon.Pos {
	if g := v.given[key]; g != nil {
		return g.field.Value.Pos
	}
	return v.pos
}

// Problem builds an error at the value of key.
func (v *Values) Problem(key, label, format string, args ...any) hocon.Problem {
	return hocon.Problem{Code: "CFG-040", Pos: v.ValuePos(key), Label: label,
		Message: fmt.Sprintf("option %q of %s: ", key, v.owner) + fmt.Sprintf(format, args...)}
}

func (v *Values) get(key string, types ...Type) (*given, any) {
	o := find(v.options, key)
	if o == nil {
		panic(fmt.Sprintf("%s has no option %q", v.owner, key))
	}
	for _, t := range types {
		if o.Type == t {
			return v.given[o.Key], o.Default
		}
	}
	panic(fmt.Sprintf("option %q of %s is a %s", key, v.owner, o.Type))
}

// String returns a String or Enum option, its default, or "".
func (v *Values) String(key string) string {
	g, def := v.get(key, String, Enum)
	if g != nil {
		return g.text
	}
	s, _ := def.(string)
	return s
}

// Bool returns a Bool option, its default, or false.
func (v *Values) Bool(key string) bool {
	g, def := v.get(key, Bool)
	if g != nil {
		return g.flag
	}
	b, _ := def.(bool)
	return b
}

// Int returns an Int or Long option, its default, or 0.
func (v *Values) Int(key string) int64 {
	g, def := v.get(key, Int, Long)
	if g != nil {
		return g.whole
	}
	switch d := def.(type) {
	case int64:
		return d
	case int:
		return int64(d)
	}
	return 0
}

// Double returns a Double option, its default, or 0.
func (v *Values) Double(key string) float64 {
	g, def := v.get(key, Double)
	if g != nil {
		return g.number
	}
	switch d := def.(type) {
	case float64:
		return d
	case int:
		return float64(d)
	}
	return 0
}

// List returns a List option, its default, or nil.
func (v *Values) List(key string) []string {
	g, def := v.get(key, List)
	if g != nil {
		return g.list
	}
	l, _ := def.([]string)
	return l
}

// Tree returns a Map, Object, Objects, Schema or Any option as written, or nil.
func (v *Values) Tree(key string) *hocon.Value {
	g, _ := v.get(key, Map, Object, Objects, Schema, Any)
	switch {
	case g == nil:
		return nil
	case g.tree != nil:
		return g.tree
	}
	return g.field.Value
}

// Pair is one entry of a Map option.
type Pair struct {
	Key, Value string
	Pos        hocon.Pos
}

// Map returns a Map option in file order; values that are lists or maps come as JSON text.
func (v *Values) Map(key string) []Pair {
	tree := v.Tree(key)
	if tree == nil {
		return nil
	}
	out := make([]Pair, 0, len(tree.Fields))
	for _, f := range tree.Fields {
		text := f.Value.Text
		if !f.Value.Scalar() {
			text = string(hocon.JSON(f.Value))
		}
		out = append(out, Pair{Key: f.Key, Value: text, Pos: f.Value.Pos})
	}
	return out
}

// Object returns a nested block, or nil when it is not given.
func (v *Values) Object(key string) *Values {
	if g, _ := v.get(key, Object); g != nil {
		return g.object
	}
	return nil
}

// Objects returns a list of nested blocks.
func (v *Values) Objects(key string) []*Values {
	if g, _ := v.get(key, Objects); g != nil {
		return g.objects
	}
	return nil
}

// text is the value of a scalar option as a rule compares it.
func (v *Values) text(key string) string {
	o := find(v.options, key)
	if o == nil {
		return ""
	}
	switch o.Type {
	case String, Enum:
		return v.String(key)
	case Bool:
		return strconv.FormatBool(v.Bool(key))
	case Int, Long:
		return strconv.FormatInt(v.Int(key), 10)
	}
	return ""
}
