// Package option describes the options of a plugin once. The description parses and checks
// job files, fills `seikan connectors`, the reference pages and the console's forms.
package option

import (
	"fmt"
	"slices"
	"strconv"
)

// Type is the type of an option's value.
type Type uint8

const (
	String Type = iota
	Bool
	Int    // 32 bits
	Long   // 64 bits
	Double // float and double
	Enum   // one of Choices, in any case
	List   // list of strings
	Map    // string keys in order, any values
	Object // nested options: Fields, Rules
	Objects
	Schema // a schema block, see record.Schema
	Any    // kept as written
)

var typeNames = [...]string{"string", "boolean", "int", "long", "double", "enum", "list", "map", "object", "list of objects", "schema", "any"}

func (t Type) String() string { return typeNames[t] }

// Option is one option.
type Option struct {
	Key       string
	Type      Type
	Default   any // nil, string, bool, int64, float64 or []string; nil means "no default"
	Choices   []string
	Old       []string // earlier names, read with a warning when Key is absent
	Sensitive bool     // sealed when stored, masked when shown
	Excluded  bool     // not subject to ${table_name}-style placeholders
	Min, Max  float64  // bounds of numbers, when they differ
	Fields    []Option // Object, Objects
	Rules     []Rule   // Object, Objects
	Doc       string   // one or two sentences
	Example   string
}

// RuleKind is the kind of a Rule.
type RuleKind uint8

const (
	required RuleKind = iota
	oneOf
	atMostOne
	together
	requiredIf
)

// Rule relates options to each other.
type Rule struct {
	kind   RuleKind
	keys   []string
	when   string
	equals []string
}

// Required says that each key must be given.
func Required(keys ...string) Rule { return Rule{kind: required, keys: keys} }

// OneOf says that exactly one of the keys must be given.
func OneOf(keys ...string) Rule { return Rule{kind: oneOf, keys: keys} }

// AtMostOne says that the keys exclude each other.
func AtMostOne(keys ...string) Rule { return Rule{kind: atMostOne, keys: keys} }

// Together says that the keys must be given all or none.
func Together(keys ...string) Rule { return Rule{kind: together, keys: keys} }

// RequiredIf says that each key must be given when option when has one of the values.
func RequiredIf(when string, equals []string, keys ...string) Rule {
	return Rule{kind: requiredIf, keys: keys, when: when, equals: equals}
}

// Spec is the description of one plugin's options.
type Spec struct {
	Name    string // plugin_name
	Kind    string // source, transform, sink, env, …
	Summary string // one line
	Doc     string // paragraphs for the reference page
	Options []Option
	Rules   []Rule
	Example string // a complete block
}

// Find returns the option called key, by its own or an old name, or nil.
func (s *Spec) Find(key string) *Option { return find(s.Options, key) }

func find(options []Option, key string) *Option {
	for i := range options {
		if o := &options[i]; o.Key == key || slices.Contains(o.Old, key) {
			return o
		}
	}
	return nil
}

// Required reports whether a rule demands key in every case.
func (s *Spec) Required(key string) bool {
	for _, r := range s.Rules {
		if r.kind == required && slices.Contains(r.keys, key) {
			return true
		}
	}
	return false
}

// With returns a copy of s with more options and rules, for options that several plugins share.
func (s Spec) With(options []Option, rules ...Rule) *Spec {
	s.Options = append(slices.Clone(s.Options), options...)
	s.Rules = append(slices.Clone(s.Rules), rules...)
	return &s
}

// Text describes the rule in a sentence.
func (r Rule) Text() string {
	list := quoteJoin(r.keys)
	switch r.kind {
	case required:
		return list + " must be given"
	case oneOf:
		return "exactly one of " + list + " must be given"
	case atMostOne:
		return "at most one of " + list + " may be given"
	case together:
		return list + " must be given together or not at all"
	default:
		return list + " must be given when " + quoteJoin([]string{r.when}) + " is " + quoteJoin(r.equals)
	}
}

// Keys lists the options the rule speaks of.
func (r Rule) Keys() []string { return r.keys }

// MustBeGiven reports whether the rule demands its keys in every case.
func (r Rule) MustBeGiven() bool { return r.kind == required }

// DefaultText shows the default as a job file would write it; "" without one.
func (o *Option) DefaultText() string {
	switch d := o.Default.(type) {
	case nil:
		return ""
	case string:
		return strconv.Quote(d)
	case []string:
		return "[" + quoteJoin(d) + "]"
	default:
		return fmt.Sprint(d)
	}
}

// NeedsOne reports whether the rule demands one of its keys.
func (r Rule) NeedsOne() bool { return r.kind == oneOf }
