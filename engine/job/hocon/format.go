package hocon

import (
	"bytes"
	"slices"
	"strings"
)

// Format writes v as a configuration in SeaTunnel's dialect, from which Parse with
// PluginSections makes the same tree again.
func Format(v *Value) []byte {
	f := &formatter{}
	if v.Kind != Object {
		f.value(v)
		f.WriteByte('\n')
		return f.Bytes()
	}
	for i, e := range v.Fields {
		if i > 0 && (!e.Value.Scalar() || !v.Fields[i-1].Value.Scalar()) {
			f.WriteByte('\n')
		}
		if slices.Contains(sections, e.Key) && isSection(e.Value) {
			f.section(e)
		} else {
			f.field(e)
		}
	}
	return f.Bytes()
}

// isSection reports whether v can be written as blocks named after their plugins.
func isSection(v *Value) bool {
	return v.Kind == List && !slices.ContainsFunc(v.Items, func(item *Value) bool {
		return item.Kind != Object || len(item.Fields) == 0 || item.Fields[0].Key != pluginName || item.Fields[0].Value.Kind != String
	})
}

type formatter struct {
	bytes.Buffer
	indent int
}

func (f *formatter) line(text string) {
	f.WriteString(strings.Repeat("  ", f.indent))
	f.WriteString(text)
}

func (f *formatter) section(e *Field) {
	f.line(e.Key + " {\n")
	f.indent++
	for _, plugin := range e.Value.Items {
		f.line(keyText(plugin.Fields[0].Value.Text) + " {\n")
		f.indent++
		for _, option := range plugin.Fields[1:] {
			f.field(option)
		}
		f.indent--
		f.line("}\n")
	}
	f.indent--
	f.line("}\n")
}

func (f *formatter) field(e *Field) {
	f.line(keyText(e.Key))
	if e.Value.Kind == Object {
		f.WriteByte(' ')
	} else {
		f.WriteString(" = ")
	}
	f.value(e.Value)
	f.WriteByte('\n')
}

func (f *formatter) value(v *Value) {
	switch v.Kind {
	case Object:
		if len(v.Fields) == 0 {
			f.WriteString("{}")
			return
		}
		f.WriteString("{\n")
		f.indent++
		for _, e := range v.Fields {
			f.field(e)
		}
		f.indent--
		f.line("}")
	case List:
		f.list(v)
	case String:
		f.WriteString(stringText(v))
	case Null:
		f.WriteString("null")
	default:
		f.WriteString(v.Text)
	}
}

func (f *formatter) list(v *Value) {
	width := 0
	for _, item := range v.Items {
		if !item.Scalar() {
			width = 1000
		}
		width += len(item.Text) + 2
	}
	if width <= 100 {
		f.WriteByte('[')
		for i, item := range v.Items {
			if i > 0 {
				f.WriteString(", ")
			}
			f.value(item)
		}
		f.WriteByte(']')
		return
	}
	f.WriteString("[\n")
	f.indent++
	for i, item := range v.Items {
		f.line("")
		f.value(item)
		if i < len(v.Items)-1 {
			f.WriteByte(',')
		}
		f.WriteByte('\n')
	}
	f.indent--
	f.line("]")
}

// bare reports whether text needs no quotes: few characters do, the rest is for clarity.
func bare(text string) bool {
	for _, r := range text {
		if !(r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("_-./", r)) {
			return false
		}
	}
	return text != "" && !strings.Contains(text, "//")
}

func keyText(key string) string {
	if bare(key) {
		return key
	}
	return jsonText(key)
}

func stringText(v *Value) string {
	if !v.Quoted && bare(v.Text) && plain(v.Text, Pos{}).scalar == String {
		return v.Text
	}
	if strings.Contains(v.Text, "\n") && !strings.Contains(v.Text, `"""`) && !strings.HasPrefix(v.Text, `"`) && !strings.HasSuffix(v.Text, `"`) &&
		!strings.ContainsFunc(v.Text, func(r rune) bool { return r < ' ' && r != '\n' && r != '\t' || r == '\ufeff' }) {
		return `"""` + v.Text + `"""`
	}
	return jsonText(v.Text)
}
