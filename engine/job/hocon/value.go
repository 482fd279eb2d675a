// Package hocon reads configuration text, in SeaTunnel's dialect of HOCON or in
// JSON, into a tree whose every key and value knows where it stands.
package hocon

import "strings"

// Pos is a stretch of one line of a file. Lines and columns count from 1, columns in
// characters; EndCol is the column after the last character. The zero Pos is "nowhere".
type Pos struct {
	File              string
	Line, Col, EndCol int
}

// Kind is the kind of a Value.
type Kind uint8

const (
	Null Kind = iota
	Bool
	Number
	String
	List
	Object
)

func (k Kind) String() string {
	return [...]string{"null", "a boolean", "a number", "text", "a list", "an object"}[k]
}

// Value is a node of the tree.
type Value struct {
	Kind   Kind
	Text   string   // scalar: its text, unquoted and unescaped; a number keeps its spelling
	Quoted bool     // String that was written in quotes, wholly or in part
	Items  []*Value // List
	Fields []*Field // Object, in file order; keys are unique
	Pos    Pos
}

// Field is one entry of an Object.
type Field struct {
	Key    string
	KeyPos Pos
	Value  *Value
}

// Get returns the entry whose key is exactly key, or nil.
func (v *Value) Get(key string) *Field {
	if v == nil {
		return nil
	}
	for _, f := range v.Fields {
		if f.Key == key {
			return f
		}
	}
	return nil
}

// Lookup returns the entry an option key stands for: the entry whose key is exactly
// key or, when there is none, the entry reached by walking nested objects along the
// dot-separated parts of key. It returns nil when neither is there.
func (v *Value) Lookup(key string) *Field {
	if f := v.Get(key); f != nil {
		return f
	}
	parts := strings.Split(key, ".")
	if len(parts) == 1 {
		return nil
	}
	var f *Field
	for _, part := range parts {
		if f = v.Get(part); f == nil {
			return nil
		}
		v = f.Value
	}
	return f
}

// Scalar reports whether v is neither a list nor an object.
func (v *Value) Scalar() bool { return v.Kind < List }

// Clone returns a copy that shares nothing with v.
func (v *Value) Clone() *Value {
	if v == nil {
		return nil
	}
	out := *v
	out.Items, out.Fields = nil, nil
	for _, item := range v.Items {
		out.Items = append(out.Items, item.Clone())
	}
	for _, f := range v.Fields {
		out.Fields = append(out.Fields, &Field{Key: f.Key, KeyPos: f.KeyPos, Value: f.Value.Clone()})
	}
	return &out
}

// Set gives key a value: in its place when it is there, else at the end.
func (v *Value) Set(key string, keyPos Pos, value *Value) {
	if f := v.Get(key); f != nil {
		f.Value, f.KeyPos = value, keyPos
		return
	}
	v.Fields = append(v.Fields, &Field{Key: key, KeyPos: keyPos, Value: value})
}

// TextAt is a String standing at pos.
func TextAt(pos Pos, text string) *Value {
	return &Value{Kind: String, Text: text, Quoted: true, Pos: pos}
}
