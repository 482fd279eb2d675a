package replace

import (
	"context"
	"strings"
	"testing"

	"seikan/engine/plugin"
	"seikan/engine/plugin/plugintest"
	"seikan/engine/record"
	"seikan/engine/transform/transformtest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	transformtest.Conformance(t, "replace", transformtest.Schema(t, "id bigint", "name string"), "replace_field = name\npattern = a\nreplacement = bb",
		`[{"id": 1, "name": "banana"}, {"id": 2, "name": null}, {"id": 3, "name": ""}]`, record.Insert, record.UpdateAfter, record.Delete)
}

func TestTextIsReplacedAsInJava(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ options, in, want string }{
		{`pattern = a, replacement = b`, "banana", "bbnbnb"},
		{`pattern = ".", replacement = "-"`, "a.b", "a-b"},
		{`pattern = aa, replacement = a`, "aaaaa", "aaa"},
		{`pattern = x, replacement = y`, "abc", "abc"},
		{`pattern = "", replacement = "-"`, "aé", "-a-é-"},
		{`pattern = "é", replacement = ""`, "éaé", "a"},
		{`pattern = "$1", replacement = "$2"`, "a$1", "a$2"},
		{`pattern = "[0-9]+", replacement = "#", is_regex = true`, "a1b22", "a#b#"},
		{`pattern = "[0-9]+", replacement = "#", is_regex = true, replace_first = true`, "a1b22", "a#b22"},
		{`pattern = "(\\w+) (\\w+)", replacement = "$2 $1", is_regex = true`, "one two", "two one"},
		{`pattern = "(?<y>\\d{4})-", replacement = "${y}/", is_regex = true`, "2024-05", "2024/05"},
		{`pattern = "(?<=a)b", replacement = "X", is_regex = true`, "ab bb", "aX bb"},
		{`pattern = "a", replacement = "\\$", is_regex = true`, "cat", "c$t"},
	} {
		input := transformtest.Schema(t, "v string")
		tr := transformtest.MustOpen(t, "Replace", input, "replace_field = v\n"+strings.ReplaceAll(c.options, ", ", "\n"))
		got := transformtest.Apply(t, tr, plugintest.Task(t, 1), transformtest.Batch(t, input, `[{"v": "`+c.in+`"}, {"v": null}]`))
		if got != "+I|"+c.want+"\n+I|∅" {
			t.Errorf("%s of %q: %q", c.options, c.in, got)
		}
	}
}

func TestOtherTypesAreReadBack(t *testing.T) {
	t.Parallel()
	input := transformtest.Schema(t, "id int", "v decimal(10,2)")
	tr := transformtest.MustOpen(t, "Replace", input, "replace_field = v\npattern = \"1\"\nreplacement = \"2\"")
	if got := transformtest.Apply(t, tr, plugintest.Task(t, 1), transformtest.Batch(t, input, `[{"id": 1, "v": "11.50"}, {"id": 2, "v": null}]`)); got != "+I|1|22.5\n+I|2|∅" && got != "+I|1|22.50\n+I|2|∅" {
		t.Errorf("%q", got)
	}
}

func TestTextThatIsNoValueOfTheTypeIsABadRow(t *testing.T) {
	t.Parallel()
	input := transformtest.Schema(t, "v int")
	tr := transformtest.MustOpen(t, "Replace", input, "replace_field = v\npattern = \"2\"\nreplacement = x")
	in := transformtest.Batch(t, input, `[{"v": 1}, {"v": 2}, {"v": 3}]`)
	if _, err := tr.Apply(t.Context(), plugintest.Task(t, 1), in); err == nil || !strings.Contains(err.Error(), `replacing in column "v"`) {
		t.Errorf("the error is %v", err)
	}
	var bad []plugin.DirtyRow
	task := plugintest.Task(t, 1)
	task.Dirty = func(_ context.Context, row plugin.DirtyRow) error { bad = append(bad, row); return nil }
	if got := transformtest.Apply(t, tr, task, in); got != "+I|1\n+I|3" {
		t.Errorf("%q", got)
	}
	if len(bad) != 1 || string(bad[0].Raw) != "2" || bad[0].At.Rows != 101 || bad[0].Split != "s" || bad[0].Table != "t" {
		t.Errorf("%+v", bad)
	}
}

func TestColumnWithoutAMatchIsShared(t *testing.T) {
	t.Parallel()
	input := transformtest.Schema(t, "v string")
	in := transformtest.Batch(t, input, `[{"v": "abc"}]`)
	out, err := transformtest.MustOpen(t, "Replace", input, "replace_field = v\npattern = z\nreplacement = y").Apply(t.Context(), plugintest.Task(t, 1), in)
	if err != nil || out.Data.Column(0) != in.Data.Column(0) {
		t.Errorf("the column was copied: %v", err)
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]string{
		"": "replace_field",
		"replace_field = x\npattern = a\nreplacement = b":                         "can't find input field(s) [x]",
		"replace_field = v\npattern = \"(\"\nreplacement = b\nis_regex = true":    `"pattern"`,
		"replace_field = v\npattern = a\nreplacement = \"$1\"\nis_regex = true":   "no group 1",
		"replace_field = v\npattern = a\nreplacement = \"\\\\\"\nis_regex = true": "backslash",
	} {
		if _, err := transformtest.Open(t, "Replace", transformtest.Schema(t, "v string"), options); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", options, err)
		}
	}
}
