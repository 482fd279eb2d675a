package hocon

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestHostileInputIsRefused(t *testing.T) {
	t.Parallel()
	doubling := func(one, last string) string {
		var b strings.Builder
		for i := range 60 {
			fmt.Fprintf(&b, "k%d = %s\n", i, strings.ReplaceAll(one, "NEXT", fmt.Sprintf("${?k%d}", i+1)))
		}
		return b.String() + "k60 = " + last
	}
	for _, row := range []struct{ name, text, want string }{
		{"10000 open objects", strings.Repeat("a {", 10_000), "nest deeper than 512 levels"},
		{"10000 objects", strings.Repeat("a {", 10_000) + strings.Repeat("}", 10_000), "nest deeper than 512 levels"},
		{"10000 lists", "a = " + strings.Repeat("[", 10_000) + strings.Repeat("]", 10_000), "nest deeper than 512 levels"},
		{"a path of 10000 keys", strings.Repeat("a -> ", 10_000) + "a = 1", "nest deeper than 512 levels"},
		{"text that doubles", doubling("NEXT\"x\"NEXT", "x"), "substitutions expand to too much"},
		{"lists that double", doubling("[NEXT, NEXT]", "1"), "substitutions expand to too much"},
		{"objects that double", doubling("{a = NEXT, b = NEXT}", "{x = 1}"), "substitutions expand to too much"},
		{"nothing that doubles", doubling("NEXTNEXT", "${?nope}"), "substitutions expand to too much"},
		{"doubling on the way to a key", "r = ${k0 -> x -> y}\n" + doubling("NEXT NEXT", "{a = 1}"), "substitutions expand to too much"},
		{"a long chain", func() string {
			var b strings.Builder
			for i := range 5000 {
				fmt.Fprintf(&b, "k%d = ${k%d}\n", i, i+1)
			}
			return b.String()
		}(), "substitutions expand to too much"},
		{"a long chain of self-references", "a = x\n" + strings.Repeat("a = ${a}\n", 100_000), "substitutions expand to too much"},
		{"16 MiB and more", strings.Repeat("#", maxInput+1), "more than 16 MiB"},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse("f", []byte(row.text), testOptions)
			if err == nil || !strings.Contains(err.Error(), row.want) {
				t.Errorf("got %.200v, want %q", err, row.want)
			}
		})
	}
}

func TestDeepestAllowedNestingParses(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("a {", 512) + strings.Repeat("}", 512)
	if _, err := Parse("f", []byte(text), testOptions); err != nil {
		t.Error(err)
	}
	json := strings.Repeat("[", 513) + strings.Repeat("]", 513)
	if _, err := ParseJSON("f", []byte(json)); err != nil {
		t.Error(err)
	}
	if _, err := ParseJSON("f", []byte("["+json+"]")); err == nil {
		t.Error("514 lists in one another were accepted")
	}
}

func TestProblemsStayShort(t *testing.T) {
	t.Parallel()
	_, err := Parse("f", []byte(strings.Repeat("a", 1<<20)), testOptions)
	if err == nil || len(err.Error()) > 3000 {
		t.Errorf("an error of %d bytes", len(err.Error()))
	}
}

func TestManyAppendsAreFine(t *testing.T) {
	t.Parallel()
	v, err := Parse("f", []byte("b = [0]\na = ${b}\n"+strings.Repeat("a += 1\n", 20_000)), testOptions)
	if err != nil {
		t.Fatal(err)
	}
	if got := len(v.Get("a").Value.Items); got != 20_001 {
		t.Errorf("got %d elements", got)
	}
}

func TestEndlessIncludesAreRefused(t *testing.T) {
	t.Parallel()
	n := 0
	opts := Options{Include: func(string) ([]byte, string, error) {
		n++
		return []byte("include \"x\"\ninclude \"x\"\n"), fmt.Sprint("file", n), nil
	}}
	if _, err := Parse("f", []byte(`include "x"`), opts); err == nil || !strings.Contains(err.Error(), "too many includes") {
		t.Errorf("got %.200v", err)
	}
	if n > maxIncludes {
		t.Errorf("%d files were opened", n)
	}
}

func TestLookupPrefersTheLiteralKey(t *testing.T) {
	t.Parallel()
	v, err := Parse("f", []byte("a.b = 1\na { b = 2, c { d = 3 } }\nx { y.z = 4 }"), testOptions)
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{"a.b": "1", "a.c.d": "3", "a.c.e": "", "x.y.z": "", "q": "", "a.b.c": ""} {
		got := ""
		if f := v.Lookup(key); f != nil {
			got = f.Value.Text
		}
		if got != want {
			t.Errorf("%s: got %q, want %q", key, got, want)
		}
	}
}

func TestFormatParsesToTheSameTree(t *testing.T) {
	t.Parallel()
	text := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", "true", "null", "1", "1.0", "a b", "${x}", "${?x}", "a -> b", "include",
		"source", "x\ny", "\"", "\"\"\"", "a//b", "#", "\r\n", "plugin_name", "\ufeff", "é", "30s", "-", "\\", "x\n\"\"\"\"y", " x "}))
	var value func(depth int) *rapid.Generator[*Value]
	object := func(depth int, head ...*Field) *rapid.Generator[*Value] {
		return rapid.Custom(func(t *rapid.T) *Value {
			v := &Value{Kind: Object, Fields: head}
			for _, key := range rapid.SliceOfNDistinct(text, 0, 3, func(s string) string { return s }).Draw(t, "keys") {
				if v.Get(key) == nil {
					v.Fields = append(v.Fields, &Field{Key: key, Value: value(depth-1).Draw(t, "value")})
				}
			}
			return v
		})
	}
	value = func(depth int) *rapid.Generator[*Value] {
		return rapid.Custom(func(t *rapid.T) *Value {
			kind := Kind(rapid.IntRange(0, 5).Draw(t, "kind"))
			if depth <= 0 && kind >= List {
				kind = String
			}
			switch kind {
			case Null:
				return &Value{Text: "null"}
			case Bool:
				return &Value{Kind: Bool, Text: rapid.SampledFrom([]string{"true", "false"}).Draw(t, "bool")}
			case Number:
				return &Value{Kind: Number, Text: rapid.StringMatching(`-?(0|[1-9][0-9]{0,20})(\.[0-9]{1,5})?([eE][+-]?[0-9]{1,3})?`).Draw(t, "number")}
			case String:
				return &Value{Kind: String, Text: text.Draw(t, "text"), Quoted: rapid.Bool().Draw(t, "quoted")}
			case List:
				return &Value{Kind: List, Items: rapid.SliceOfN(value(depth-1), 0, 3).Draw(t, "items")}
			}
			return object(depth).Draw(t, "object")
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		root := object(4).Draw(t, "root")
		for _, section := range []string{"source", "transform", "sink"} {
			root.Fields = slicesDelete(root.Fields, section)
			list := &Value{Kind: List}
			for range rapid.IntRange(0, 3).Draw(t, "plugins") {
				name := &Value{Kind: String, Text: text.Draw(t, "plugin")}
				list.Items = append(list.Items, object(3, &Field{Key: pluginName, Value: name}).Draw(t, "block"))
			}
			root.Fields = append(root.Fields, &Field{Key: section, Value: list})
		}
		got, err := Parse("f", Format(root), Options{PluginSections: true})
		if err != nil || !equal(got, root) {
			t.Fatalf("%v\n%s\n%s\n%s", err, Format(root), JSON(root), JSON(got))
		}
		got, err = ParseJSON("f", JSON(root))
		if err != nil || !equal(got, root) {
			t.Fatalf("JSON: %v\n%s\n%s", err, JSON(root), JSON(got))
		}
	})
}

func slicesDelete(fields []*Field, key string) []*Field {
	var out []*Field
	for _, f := range fields {
		if f.Key != key {
			out = append(out, f)
		}
	}
	return out
}

func FuzzParse(f *testing.F) {
	for _, row := range syntaxRows {
		f.Add([]byte(row.text))
	}
	opts := testOptions
	opts.Include = func(string) ([]byte, string, error) { return []byte("inc { a = ${b}, b = 1 }"), "inc", nil }
	f.Fuzz(func(t *testing.T, text []byte) {
		v, err := Parse("f", text, opts)
		if err != nil {
			var b bytes.Buffer
			ps, ok := err.(Problems)
			if !ok || len(ps) == 0 {
				t.Fatalf("not a list of problems: %v", err)
			}
			for _, p := range ps {
				if p.Message == "" || p.Pos.Line < 1 || p.Pos.Col < 1 || p.Pos.EndCol < p.Pos.Col {
					t.Errorf("unplaced problem %+v", p)
				}
			}
			if err := Render(&b, ps, func(string) []byte { return text }, true); err != nil {
				t.Fatal(err)
			}
			return
		}
		again, err := Parse("again", Format(v), testOptions)
		if err != nil || !equal(v, again) {
			t.Fatalf("%v: Format gives another tree\n%s\n%s\n%s", err, JSON(v), Format(v), JSON(again))
		}
	})
}
