package job

import (
	"maps"
	"strings"
	"testing"

	"seikan/engine/job/hocon"
)

func TestVariablesSplitAtCommasOutsideQuotesAndBrackets(t *testing.T) {
	t.Parallel()
	for _, row := range []struct {
		args     []string
		want     map[string]string
		problems string
	}{
		{[]string{"a=1"}, map[string]string{"a": "1"}, ""},
		{[]string{"a=1,b=2", "c=3"}, map[string]string{"a": "1", "b": "2", "c": "3"}, ""},
		{[]string{"a=1", "a=2"}, map[string]string{"a": "2"}, ""},
		{[]string{"a=x=y"}, map[string]string{"a": "x=y"}, ""},
		{[]string{`a=["x","y"],b=[1,[2,3]]`}, map[string]string{"a": `["x","y"]`, "b": "[1,[2,3]]"}, ""},
		{[]string{`a="x,y=1",b=2`}, map[string]string{"a": `"x,y=1"`, "b": "2"}, ""},
		{[]string{"a=x],b=2"}, map[string]string{"a": "x]", "b": "2"}, ""},
		{[]string{"a="}, map[string]string{"a": ""}, ""},
		{[]string{"", "a=1,"}, map[string]string{"a": "1"}, ""},
		{[]string{"word", "=1", "b=2"}, map[string]string{"b": "2"}, "-i \"word\" is ignored (expected name=value)\n-i \"=1\" is ignored (expected name=value)"},
		{[]string{"table_name=t"}, map[string]string{}, "System placeholders cannot be used. Incorrect config parameter: table_name"},
	} {
		got, problems := ParseVariables(row.args)
		if !maps.Equal(got, row.want) || problems.Error() != row.problems {
			t.Errorf("%q: got %v, %v", row.args, got, problems)
		}
		if strings.Contains(row.problems, "System") != (problems.Err() != nil) {
			t.Errorf("%q: only a reserved name is an error, got %v", row.args, problems.Err())
		}
	}
}

func TestReservedVariableNamesAreRefused(t *testing.T) {
	t.Parallel()
	for _, name := range placeholders {
		opts := Options{Variables: map[string]string{name: "x"}}
		_, err := Parse("j.conf", []byte("env{}\nsource{F{}}\nsink{C{}}"), opts)
		if err == nil || !strings.Contains(err.Error(), "System placeholders cannot be used. Incorrect config parameter: "+name) {
			t.Errorf("%s: got %v", name, err)
		}
	}
}

func TestReplacedTextIsNotReplacedAgain(t *testing.T) {
	t.Parallel()
	if got := fillText("${a}", map[string]string{"a": "${b}", "b": "1"}); got != "${b}" {
		t.Error(got)
	}
}

func TestRedactMasksSecretsEverywhere(t *testing.T) {
	t.Parallel()
	f := mustParse(t, "j.conf", `env { Password = x, n = 1 }
source { Jdbc { url = u, user = me, password = p, m { TOKEN = [1, 2], l = [ { Auth { a = 1 } } ], key { inner = s } } } }
sink { Console { user = me, username = 5 } }`, Options{})
	got := string(hocon.JSON(Redact(f.Root, func(plugin, key string) bool {
		return plugin == "Jdbc" && (key == "user" || key == "m.key.inner")
	})))
	want := `{"env":{"Password":"******","n":1},"source":[{"plugin_name":"Jdbc","url":"u","user":"******","password":"******",` +
		`"m":{"TOKEN":"******","l":[{"Auth":"******"}],"key":{"inner":"******"}}}],"sink":[{"plugin_name":"Console","user":"me","username":"******"}]}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	if f.Source[0].Get("password").Value.Text != "p" {
		t.Error("Redact changed its argument")
	}
	if Redact(nil, nil) != nil {
		t.Error("Redact(nil) is something")
	}
}
