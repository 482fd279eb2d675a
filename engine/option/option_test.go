package option

import (
	"fmt"
	"strings"
	"testing"

	"seikan/engine/job/hocon"
)

// every holds one option of each type.
var every = &Spec{
	Name: "Any", Kind: "sink",
	Options: []Option{
		{Key: "string", Type: String}, {Key: "bool", Type: Bool}, {Key: "int", Type: Int}, {Key: "long", Type: Long},
		{Key: "double", Type: Double}, {Key: "enum", Type: Enum, Choices: []string{"FIRST", "second"}}, {Key: "list", Type: List},
		{Key: "map", Type: Map}, {Key: "schema", Type: Schema}, {Key: "any", Type: Any},
		{Key: "bounded", Type: Int, Min: 1, Max: 10},
		{Key: "share", Type: Double, Min: 0, Max: 1},
		{Key: "dotted.key", Type: Int, Old: []string{"old_key", "older"}},
		{Key: "object", Type: Object, Fields: nested, Rules: []Rule{Required("name")}},
		{Key: "objects", Type: Objects, Fields: nested, Rules: []Rule{Required("name")}},
	},
}

var nested = []Option{{Key: "name"}, {Key: "size", Type: Int, Default: int64(3)}}

// parse reads the options of spec out of HOCON text.
func parse(t *testing.T, spec *Spec, text string) (*Values, hocon.Problems) {
	t.Helper()
	v, err := hocon.Parse("job.conf", []byte(text), hocon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return spec.Parse(v)
}

func TestValuesAreConverted(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		text string
		get  func(*Values) any
		want string
	}{
		{`string = 12`, func(v *Values) any { return v.String("string") }, "12"},
		{`string = true`, func(v *Values) any { return v.String("string") }, "true"},
		{`string = 1.50`, func(v *Values) any { return v.String("string") }, "1.50"},
		{`string = { a = [1, "x"] }`, func(v *Values) any { return v.String("string") }, `{"a":[1,"x"]}`},
		{`string = [a, 1]`, func(v *Values) any { return v.String("string") }, `["a",1]`},
		{`bool = "TRUE"`, func(v *Values) any { return v.Bool("bool") }, "true"},
		{`bool = False`, func(v *Values) any { return v.Bool("bool") }, "false"},
		{`int = "42"`, func(v *Values) any { return v.Int("int") }, "42"},
		{`int = -7`, func(v *Values) any { return v.Int("int") }, "-7"},
		{`int = 1e3`, func(v *Values) any { return v.Int("int") }, "1000"},
		{`int = 2.0`, func(v *Values) any { return v.Int("int") }, "2"},
		{`int = 2147483647`, func(v *Values) any { return v.Int("int") }, "2147483647"},
		{`long = 9223372036854775807`, func(v *Values) any { return v.Int("long") }, "9223372036854775807"},
		{`double = "0.25"`, func(v *Values) any { return v.Double("double") }, "0.25"},
		{`double = 3`, func(v *Values) any { return v.Double("double") }, "3"},
		{`enum = first`, func(v *Values) any { return v.String("enum") }, "FIRST"},
		{`enum = "SECOND"`, func(v *Values) any { return v.String("enum") }, "second"},
		{`list = [a, 1, true]`, func(v *Values) any { return v.List("list") }, "[a 1 true]"},
		{`list = "[\"a\", \"b\"]"`, func(v *Values) any { return v.List("list") }, "[a b]"},
		{`list = "a, b"`, func(v *Values) any { return v.List("list") }, "[a b]"},
		{`list = single`, func(v *Values) any { return v.List("list") }, "[single]"},
		{`map = { b = 1, a = [x] }`, func(v *Values) any { return pairs(v.Map("map")) }, `b=1 a=["x"]`},
		{`map = "{\"b\": 1}"`, func(v *Values) any { return pairs(v.Map("map")) }, "b=1"},
		{`object { name = n }`, func(v *Values) any { return v.Object("object").String("name") }, "n"},
		{`object { name = n }`, func(v *Values) any { return v.Object("object").Int("size") }, "3"},
		{`object = "{\"name\": \"n\", \"size\": \"4\"}"`, func(v *Values) any { return v.Object("object").Int("size") }, "4"},
		{`objects = [ { name = a }, { name = b } ]`, func(v *Values) any { return v.Objects("objects")[1].String("name") }, "b"},
		{`objects { name = alone }`, func(v *Values) any { return v.Objects("objects")[0].String("name") }, "alone"},
		{`objects = "[{\"name\": \"json\"}]"`, func(v *Values) any { return v.Objects("objects")[0].String("name") }, "json"},
		{`dotted.key = 5`, func(v *Values) any { return v.Int("dotted.key") }, "5"},
		{`dotted { key = 6 }`, func(v *Values) any { return v.Int("dotted.key") }, "6"},
		{`any = [ { x = 1 } ]`, func(v *Values) any { return string(hocon.JSON(v.Tree("any"))) }, `[{"x":1}]`},
		{`bounded = 10`, func(v *Values) any { return v.Int("bounded") }, "10"},
	} {
		v, problems := parse(t, every, c.text)
		if err := problems.Err(); err != nil {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if got := fmt.Sprint(c.get(v)); got != c.want {
			t.Errorf("%s: %s, not %s", c.text, got, c.want)
		}
	}
}

func pairs(list []Pair) string {
	out := make([]string, len(list))
	for i, p := range list {
		out[i] = p.Key + "=" + p.Value
	}
	return strings.Join(out, " ")
}

func TestEveryTypeRefusesWhatItIsNot(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`bool = yes`:                             "true or false",
		`bool = 1`:                               "true or false",
		`bool = [true]`:                          "true or false",
		`int = many`:                             "a whole number of 32 bits",
		`int = 1.5`:                              "a whole number of 32 bits",
		`int = 2147483648`:                       "a whole number of 32 bits",
		`int = -1e300`:                           "a whole number of 32 bits",
		`int = { a = 1 }`:                        "a whole number of 32 bits",
		`long = 9223372036854775808`:             "a whole number",
		`long = ""`:                              "a whole number",
		`double = half`:                          "a number",
		`double = NaN`:                           "a number",
		`double = Infinity`:                      "a number",
		`double = [1]`:                           "a number",
		`enum = third`:                           "one of FIRST, second",
		`enum = [FIRST]`:                         "one of FIRST, second",
		`list = { a = 1 }`:                       "a list",
		`list = "[a, b"`:                         "a list",
		`map = text`:                             "a map: { key = value }",
		`map = [1]`:                              "a map: { key = value }",
		`object = 1`:                             "a map: { key = value }",
		`object = "[1]"`:                         "a map: { key = value }",
		`objects = 1`:                            "a list of maps: [ { key = value } ]",
		`objects = [1]`:                          "a map: { key = value }",
		`schema = text`:                          "a schema block: schema { fields { name = type } }",
		`bounded = 0`:                            "between 1 and 10",
		`bounded = 11`:                           "between 1 and 10",
		`share = 1.01`:                           "between 0 and 1",
		`objects = [ { name = a, size = big } ]`: "a whole number of 32 bits",
	} {
		_, problems := parse(t, every, text)
		if len(problems) != 1 || problems[0].Warning || problems[0].Code != "CFG-030" || problems[0].Label != "expected "+want || problems[0].Pos.Line != 1 {
			t.Errorf("%s: %+v", text, problems)
		}
	}
}

func TestNullCountsAsNotGiven(t *testing.T) {
	t.Parallel()
	v, problems := parse(t, every, "int = null\nobject = null")
	if len(problems) > 0 || v.Given("int") || v.Object("object") != nil {
		t.Errorf("%v", problems)
	}
}

func TestListOutOfTextIsWarnedOf(t *testing.T) {
	t.Parallel()
	_, problems := parse(t, every, `list = "a,b"`)
	if len(problems) != 1 || !problems[0].Warning || problems[0].Code != "CFG-011" {
		t.Errorf("%+v", problems)
	}
}

func TestOldNamesAreReadWithAWarning(t *testing.T) {
	t.Parallel()
	v, problems := parse(t, every, "older = 8")
	if len(problems) != 1 || !problems[0].Warning || problems[0].Code != "CFG-010" || !strings.Contains(problems[0].Message, `"older" is the old name of "dotted.key"`) {
		t.Errorf("%+v", problems)
	}
	if v.Int("dotted.key") != 8 || v.Int("old_key") != 8 || v.KeyPos("dotted.key").Col != 1 {
		t.Errorf("%d", v.Int("dotted.key"))
	}
	if v, _ := parse(t, every, "old_key = 1, dotted.key = 2"); v.Int("dotted.key") != 2 {
		t.Errorf("the old name won: %d", v.Int("dotted.key"))
	}
}

func TestUnknownOptionsAreNamedWithTheNearest(t *testing.T) {
	t.Parallel()
	for text, label := range map[string]string{
		"strin = x":                          `did you mean "string"?`,
		"objetcs = []":                       `did you mean "objects"?`,
		"nothing_like_it_at_all = x":         "it is ignored",
		"object { name = n, sise = 1 }":      `did you mean "size"?`,
		"objects = [ { name = n, nam = n }]": `did you mean "name"?`,
		"dotted { other = 1 }":               "it is ignored",
	} {
		_, problems := parse(t, every, text)
		if len(problems) != 1 || !problems[0].Warning || problems[0].Code != "CFG-012" || problems[0].Label != label {
			t.Errorf("%s: %+v", text, problems)
		}
	}
	if _, problems := parse(t, every, "plugin_name = X, plugin_input = a, source_table_name = a, parallelism = 2, dotted { key = 1 }"); len(problems) > 0 {
		t.Errorf("keys of every plugin: %+v", problems)
	}
	if _, problems := parse(t, every, "object { name = n, parallelism = 2 }"); len(problems) != 1 {
		t.Errorf("they count at the top only: %+v", problems)
	}
}

func TestRules(t *testing.T) {
	t.Parallel()
	options := []Option{{Key: "a"}, {Key: "b"}, {Key: "mode", Type: Enum, Choices: []string{"X", "Y"}, Default: "X"}, {Key: "on", Type: Bool}}
	for _, c := range []struct {
		rule Rule
		text string
		code string // "" for none
		says string
		help string
	}{
		{Required("a", "b"), "a = 1, b = 2", "", "", `"a", "b" must be given`},
		{Required("a", "b"), "a = 1", "CFG-020", `There are unconfigured options, the options("b") are required.`, ""},
		{OneOf("a", "b"), "b = 1", "", "", `exactly one of "a", "b" must be given`},
		{OneOf("a", "b"), "", "CFG-021", "exactly one of them must be given", ""},
		{OneOf("a", "b"), "a = 1, b = 1", "CFG-022", "mutually exclusive, allowed only one of them", ""},
		{AtMostOne("a", "b"), "", "", "", `at most one of "a", "b" may be given`},
		{AtMostOne("a", "b"), "a = 1, b = 1", "CFG-022", `the options("a", "b") are mutually exclusive`, ""},
		{Together("a", "b"), "a = 1, b = 1", "", "", `"a", "b" must be given together or not at all`},
		{Together("a", "b"), "", "", "", ""},
		{Together("a", "b"), "b = 1", "CFG-023", "are bundled, must be present or absent together", ""},
		{RequiredIf("mode", []string{"X"}, "a"), "", "CFG-024", "are required because ['mode' == X] is true", `"a" must be given when "mode" is "X"`},
		{RequiredIf("mode", []string{"Y"}, "a"), "", "", "", ""},
		{RequiredIf("mode", []string{"Y"}, "a"), "mode = y", "CFG-024", "are required because", ""},
		{RequiredIf("mode", []string{"Y"}, "a"), "mode = Y, a = 1", "", "", ""},
		{RequiredIf("on", []string{"true"}, "a", "b"), "on = true, a = 1", "CFG-024", `the options("b")`, ""},
	} {
		spec := &Spec{Name: "Any", Kind: "source", Options: options, Rules: []Rule{c.rule}}
		_, problems := parse(t, spec, c.text)
		switch {
		case c.code == "" && len(problems) > 0:
			t.Errorf("%s with %q: %v", c.rule.Text(), c.text, problems)
		case c.code != "" && (len(problems) != 1 || problems[0].Code != c.code || problems[0].Warning || !strings.Contains(problems[0].Message, c.says)):
			t.Errorf("%s with %q: %+v", c.rule.Text(), c.text, problems)
		}
		if c.help != "" && c.rule.Text() != c.help {
			t.Errorf("%q, not %q", c.rule.Text(), c.help)
		}
	}
}

func TestRulesHoldInsideNestedBlocks(t *testing.T) {
	t.Parallel()
	_, problems := parse(t, every, "objects = [\n { name = a }\n { size = 1 }\n]")
	if len(problems) != 1 || problems[0].Code != "CFG-020" || problems[0].Pos.Line != 3 || !strings.Contains(problems[0].Message, "objects[1] of sink Any") {
		t.Errorf("%+v", problems)
	}
}

func TestEveryProblemIsReportedAtOnceWithItsPlace(t *testing.T) {
	t.Parallel()
	spec := &Spec{Name: "Any", Kind: "sink", Options: every.Options, Rules: []Rule{Required("string"), AtMostOne("list", "map")}}
	_, problems := parse(t, spec, "int = x\n  bool = y\nlist = [a]\nmap { b = 1 }\nunknown = 1\nolder = z")
	var got []string
	for _, p := range problems {
		got = append(got, fmt.Sprintf("%s %d:%d", p.Code, p.Pos.Line, p.Pos.Col))
	}
	want := "CFG-030 2:10, CFG-030 1:7, CFG-010 6:1, CFG-030 6:9, CFG-012 5:1, CFG-020 1:1, CFG-022 4:1"
	if strings.Join(got, ", ") != want {
		t.Errorf("%s, not %s", strings.Join(got, ", "), want)
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	words := []string{"query", "table_path", "url", "user"}
	for word, want := range map[string]string{
		"quer": "query", "qurey": "query", "QUERY": "query", "tablepath": "table_path", "table_paht": "table_path",
		"usr": "user", "password": "", "xyz": "", "": "", "u": "",
	} {
		if got := Nearest(word, words); got != want {
			t.Errorf("%q: %q, not %q", word, got, want)
		}
	}
}

func TestDefaultsAndAbsentValues(t *testing.T) {
	t.Parallel()
	spec := &Spec{Name: "Any", Options: []Option{
		{Key: "s", Default: "d"}, {Key: "b", Type: Bool, Default: true}, {Key: "i", Type: Int, Default: int64(4)}, {Key: "plain", Type: Int, Default: 5},
		{Key: "f", Type: Double, Default: 0.5}, {Key: "whole", Type: Double, Default: 2}, {Key: "l", Type: List, Default: []string{"x", "y"}},
		{Key: "none"}, {Key: "no", Type: List},
	}}
	v, problems := spec.Parse(nil)
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	got := fmt.Sprint(v.String("s"), v.Bool("b"), v.Int("i"), v.Int("plain"), v.Double("f"), v.Double("whole"), v.List("l"), v.String("none") == "", v.List("no") == nil)
	if want := "dtrue 4 5 0.5 2 [x y] true true"; got != want {
		t.Errorf("%s, not %s", got, want)
	}
	var texts []string
	for i := range spec.Options {
		texts = append(texts, spec.Options[i].DefaultText())
	}
	if got, want := strings.Join(texts, "|"), `"d"|true|4|5|0.5|2|["x", "y"]||`; got != want {
		t.Errorf("%s, not %s", got, want)
	}
}

// TestWrongGetterIsAMistakeOfThePlugin keeps a plugin from reading an option that its spec does
// not have, or has with another type.
func TestWrongGetterIsAMistakeOfThePlugin(t *testing.T) {
	t.Parallel()
	v, _ := parse(t, every, "int = 1")
	for name, get := range map[string]func(){"type": func() { v.String("int") }, "key": func() { v.Int("itn") }} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			get()
		}()
	}
}

func TestWithLeavesTheSharedSpecAlone(t *testing.T) {
	t.Parallel()
	base := Spec{Name: "Base", Options: make([]Option, 1, 8)}
	one, two := base.With([]Option{{Key: "one"}}, Required("one")), base.With([]Option{{Key: "two"}})
	if one.Find("two") != nil || two.Find("one") != nil || !one.Required("one") || two.Required("two") || len(base.Options) != 1 {
		t.Error("specs share their options")
	}
}
