package split

import (
	"strings"
	"testing"

	"seikan/engine/plugin/plugintest"
	"seikan/engine/record"
	"seikan/engine/transform/transformtest"
)

func TestConformance(t *testing.T) {
	t.Parallel()
	transformtest.Conformance(t, "split", transformtest.Schema(t, "id bigint", "name string"), "separator = \" \"\nsplit_field = name\noutput_fields = [first, name]",
		`[{"id": 1, "name": "a b c"}, {"id": 2, "name": null}, {"id": 3, "name": ""}]`, record.Insert, record.UpdateAfter, record.Delete)
}

func TestTextIsCutAsInJava(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ separator, in, want string }{
		{" ", "a b", "a|b|∅"},
		{" ", "a b c d", "a|b|c d"},
		{" ", "", "|∅|∅"},
		{" ", " a", "|a|∅"},
		{",", "a,,", "a||"},
		{`\\|`, "a|b", "a|b|∅"},
		{"|", "abc", "a|b|c"},
		{"[,;]", "a,b;c;d", "a|b|c;d"},
		{"x?", "ab", "a|b|"},
		{"(?=b)", "abab", "a|ba|b"},
		{"::", "a::b", "a|b|∅"},
		{`\\s+`, "a \t b", "a|b|∅"},
	} {
		input := transformtest.Schema(t, "v string")
		tr := transformtest.MustOpen(t, "Split", input, `separator = "`+c.separator+"\"\nsplit_field = v\noutput_fields = [x, y, z]")
		in := transformtest.Batch(t, input, `[{"v": "`+strings.ReplaceAll(c.in, "\t", `\t`)+`"}, {"v": null}]`)
		if got := transformtest.Apply(t, tr, plugintest.Task(t, 1), in); got != "+I|"+c.in+"|"+c.want+"\n+I|∅|∅|∅|∅" {
			t.Errorf("%q at %s: %q", c.in, c.separator, got)
		}
	}
}

func TestOutputColumns(t *testing.T) {
	t.Parallel()
	input := transformtest.Schema(t, "id int", "v string", "w int")
	tr := transformtest.MustOpen(t, "Split", input, "separator = \",\"\nsplit_field = v\noutput_fields = [w, x]")
	if got := transformtest.Columns(tr.Schema()); got != "id INT, v STRING, w STRING, x STRING" {
		t.Error(got)
	}
	if c := tr.Schema().Columns[3]; *c.Length != 200 || c.NotNull {
		t.Errorf("%+v", c)
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	t.Parallel()
	for options, want := range map[string]string{
		"": "separator",
		"separator = a\nsplit_field = x\noutput_fields = [y]":       "can't find input field(s) [x]",
		"separator = \"(\"\nsplit_field = v\noutput_fields = [y]":   `"separator"`,
		"separator = a\nsplit_field = v\noutput_fields = []":        "the list is empty",
		"separator = a\nsplit_field = v\noutput_fields = [y, z, y]": `"y" appears twice`,
	} {
		if _, err := transformtest.Open(t, "Split", transformtest.Schema(t, "v string"), options); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", options, err)
		}
	}
}
