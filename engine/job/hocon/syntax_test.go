package hocon

import (
	"strings"
	"testing"
)

// Each row is a configuration and the JSON it stands for, or "!" and what must be reported.
var syntaxRows = []struct{ name, text, want string }{
	{"empty file", "", `{}`},
	{"only comments", "# a\n// b\n", `{}`},
	{"byte order mark", "\ufeffa = 1", `{"a":1}`},
	{"CRLF", "a = 1\r\nb = x y\r\nc {\r\n}\r\n", `{"a":1,"b":"x y","c":{}}`},
	{"root braces", "{ a = 1, b : 2 }", `{"a":1,"b":2}`},
	{"plain JSON", `{"a": {"b": [1, "x", null, true]}}`, `{"a":{"b":[1,"x",null,true]}}`},
	{"dot is no separator", `job.mode = "BATCH"`, `{"job.mode":"BATCH"}`},
	{"arrow nests", "a -> b = 1\na->c = 2", `{"a":{"b":1,"c":2}}`},
	{"arrow in quotes is text", `"a -> b" = 1`, `{"a -> b":1}`},
	{"quoted and unquoted key parts", `"a b"c d = 1`, `{"a bc d":1}`},
	{"key with spaces", "a b c = 1", `{"a b c":1}`},
	{"number as key", "1 = a, 1.5 = b, -2 = c", `{"1":"a","1.5":"b","-2":"c"}`},
	{"brace on the next line", "env\n{\n a = 1\n}", `{"env":{"a":1}}`},
	{"value on the next line", "a =\n  1", `{"a":1}`},
	{"trailing comma", "a = [1,2,]\nb = {c = 1,}", `{"a":[1,2],"b":{"c":1}}`},
	{"newlines in a list", "a = [1\n2\n\n3]", `{"a":[1,2,3]}`},
	{"comments everywhere", "a = 1 # one\nb = [ // list\n 1 # x\n 2]", `{"a":1,"b":[1,2]}`},
	{"hash in quotes", `a = "x # y // z"`, `{"a":"x # y // z"}`},
	{"numbers keep their spelling", "a = 1.50\nb = 1e+5\nc = -0\nd = 007\ne = .5\nf = 1.0.0", `{"a":1.50,"b":1e+5,"c":-0,"d":"007","e":".5","f":"1.0.0"}`},
	{"durations and yes are text", "a = 30s\nb = yes\nc = 10 ms", `{"a":"30s","b":"yes","c":"10 ms"}`},
	{"quoted numbers are text", `a = "5"`, `{"a":"5"}`},
	{"paths", "a = /tmp/x-y\nb = ./z_1", `{"a":"/tmp/x-y","b":"./z_1"}`},
	{"inner white space is kept", "a =   x   y\tz  ", `{"a":"x   y\tz"}`},
	{"escapes", `a = "\"\\\/\b\f\n\r\té😀"`, `{"a":"\"\\/\b\f\n\r\té😀"}`},
	{"triple quotes", `a = """x "y" \n"""`, `{"a":"x \"y\" \\n"}`},
	{"triple quotes over lines", "a = \"\"\"\nselect 1\nfrom t\"\"\"", `{"a":"\nselect 1\nfrom t"}`},
	{"four closing quotes", `a = """x""""`, `{"a":"x\""}`},
	{"empty text", `a = ""`, `{"a":""}`},
	{"quoted parts join", `a = "x"y"z"`, `{"a":"xyz"}`},
	{"angle brackets need no quotes", "a = array<int>", `{"a":"array<int>"}`},
	{"lists join", "a = [1] [2]", `{"a":[1,2]}`},
	{"objects join", "a = {x = 1} {y = 2, x = 3}", `{"a":{"x":3,"y":2}}`},
	{"same keys merge", "a { x = 1, y = 1 }\na { y = 2 }\na -> z = 3", `{"a":{"x":1,"y":2,"z":3}}`},
	{"last scalar wins and keeps the place", "a = 1\nb = 2\na = 3", `{"a":3,"b":2}`},
	{"null hides an object", "a {x = 1}\na = null\na {y = 2}", `{"a":{"y":2}}`},
	{"order is kept", "z = 1\ny = 1\nx { c = 1, b = 1, a = 1}", `{"z":1,"y":1,"x":{"c":1,"b":1,"a":1}}`},

	{"substitution", "h = db\nu = ${h}", `{"h":"db","u":"db"}`},
	{"substitution keeps the kind", "a = 5\nb = ${a}\nc = true\nd = ${c}", `{"a":5,"b":5,"c":true,"d":true}`},
	{"literal key with a dot", "a.b = 1\nc = ${a.b}", `{"a.b":1,"c":1}`},
	{"path into an object", "a { b = 1 }\nc = ${a -> b}\nd = ${a->b}", `{"a":{"b":1},"c":1,"d":1}`},
	{"quoted key in a substitution", "\"a b\" = 1\nc = ${\"a b\"}", `{"a b":1,"c":1}`},
	{"defined later", "a = ${b}\nb = 1", `{"a":1,"b":1}`},
	{"joined with quotes", `h = db` + "\n" + `u = "jdbc:mysql://"${h}":3306/t"`, `{"h":"db","u":"jdbc:mysql://db:3306/t"}`},
	{"joined with text and blanks", "h = db\nu = a  ${h} b", `{"h":"db","u":"a  db b"}`},
	{"text in quotes is no substitution", `a = 1` + "\n" + `b = "${a}"`, `{"a":1,"b":"${a}"}`},
	{"text in triple quotes is no substitution", `a = 1` + "\n" + `b = """${a}"""`, `{"a":1,"b":"${a}"}`},
	{"unresolved stays", "t = ${table_name}", `{"t":"${table_name}"}`},
	{"unresolved stays in a text", `t = "x_"${table_name}_y`, `{"t":"x_${table_name}_y"}`},
	{"unresolved with a default stays", "t = ${n:5}\nu = ${v:jdbc:mysql://h/x}", `{"t":"${n:5}","u":"${v:jdbc:mysql://h/x}"}`},
	{"resolved despite its default", "n = 7\nt = ${n:5}", `{"n":7,"t":7}`},
	{"default in quotes loses them", `t = ${n:"a b"}`, `{"t":"${n:a b}"}`},
	{"optional vanishes", "a = ${?nope}\nb = x${?nope}y\nc = [1, ${?nope}]", `{"b":"xy","c":[1]}`},
	{"optional keeps the older value", "a = 1\na = ${?nope}", `{"a":1}`},
	{"optional beside a number keeps its kind", "a = 1${?nope}", `{"a":1}`},
	{"environment", "a = ${HOME}\nb = ${?HOME}/x", `{"a":"/home/me","b":"/home/me/x"}`},
	{"configuration before environment", "HOME = x\na = ${HOME}", `{"HOME":"x","a":"x"}`},
	{"environment under its own name", "HOME = ${HOME}", `{"HOME":"/home/me"}`},
	{"self-reference", "path = /a\npath = ${path}\":/b\"", `{"path":"/a:/b"}`},
	{"self-reference twice", "p = a\np = ${p}b\np = ${p}c", `{"p":"abc"}`},
	{"optional self-reference to nothing", "p = ${?p}x", `{"p":"x"}`},
	{"self-reference in a list", "p = [1]\np = ${p} [2]", `{"p":[1,2]}`},
	{"self-reference inside list brackets", "p = [1]\np = [${p}, 2]", `{"p":[[1],2]}`},
	{"object and substitution merge", "b { x = 1, y = 1 }\na = ${b} { y = 2 }", `{"b":{"x":1,"y":1},"a":{"x":1,"y":2}}`},
	{"substitution over an object merges", "b { x = 1 }\na { y = 2 }\na = ${b}", `{"b":{"x":1},"a":{"y":2,"x":1}}`},
	{"object over a substitution merges", "b { x = 1 }\na = ${b}\na { x = 2, y = 2 }", `{"b":{"x":1},"a":{"x":2,"y":2}}`},
	{"list and substitution join", "b = [1]\na = ${b} [2] ${b}", `{"b":[1],"a":[1,2,1]}`},
	{"entry refers to its brother", "a { b = 1, c = ${a -> b} }", `{"a":{"b":1,"c":1}}`},
	{"entry refers to the final brother", "bar { foo = 42, baz = ${bar -> foo} }\nbar { foo = 43 }", `{"bar":{"foo":43,"baz":43}}`},
	{"objects refer to each other's entries", "bar { a = ${foo -> d}, b = 1 }\nbar -> b = 3\nfoo { c = ${bar -> b}, d = 2 }\nfoo -> d = 4", `{"bar":{"a":4,"b":3},"foo":{"c":3,"d":4}}`},
	{"brother behind a substitution", "base { x = 1 }\na = ${base} { c = ${a -> x} }", `{"base":{"x":1},"a":{"x":1,"c":1}}`},
	{"inner self-reference", "a { x { y = 1 } }\na = ${a -> x}", `{"a":{"x":{"y":1},"y":1}}`},
	{"cycle of optionals is undefined", "a = ${?b}\nb = ${?a}\nc = 1", `{"c":1}`},
	{"append", "a = [1]\na += 2\na += {x = 3}", `{"a":[1,2,{"x":3}]}`},
	{"append to nothing", "a += 1\na += 2", `{"a":[1,2]}`},
	{"append in a merged object", "o { a = [1] }\no { a += 2 }\no -> a += 3", `{"o":{"a":[1,2,3]}}`},
	{"append to a substitution", "b = [1]\na = ${b}\na += 2", `{"b":[1],"a":[1,2]}`},
	{"append itself", "a = [1]\na += ${a}\na += ${a}", `{"a":[1,[1],[1,[1]]]}`},

	{"plugin blocks", "source { Fake { a = 1 } }", `{"source":[{"plugin_name":"Fake","a":1}]}`},
	{"plugins may repeat and keep order", "sink { Console { a = 1 }, Assert {}\n Console { a = 2 } }", `{"sink":[{"plugin_name":"Console","a":1},{"plugin_name":"Assert"},{"plugin_name":"Console","a":2}]}`},
	{"maps in a plugin stay maps", "source { Fake { schema { fields { z = int, source { a = int } } } } }", `{"source":[{"plugin_name":"Fake","schema":{"fields":{"z":"int","source":{"a":"int"}}}}]}`},
	{"section with a sign", "transform = { Sql { q = x } }\ntransform : {}", `{"transform":[{"plugin_name":"Sql","q":"x"}]}`},
	{"empty section", "transform {\n}", `{"transform":[]}`},
	{"section given as list", "source = [{plugin_name = Fake, a = 1}]", `{"source":[{"plugin_name":"Fake","a":1}]}`},
	{"section given twice", "sink { A {} }\nsink { B {} }", `{"sink":[{"plugin_name":"A"},{"plugin_name":"B"}]}`},
	{"section by path", "source -> Fake { a = 1 }\nsource -> Fake { a = 2 }", `{"source":[{"plugin_name":"Fake","a":1},{"plugin_name":"Fake","a":2}]}`},
	{"path inside a section", "source { Fake -> a = 1 }", `{"source":[{"plugin_name":"Fake","a":1}]}`},
	{"plugin from a substitution", "base { a = 1 }\nsource { Fake = ${base} { b = 2 } }", `{"base":{"a":1},"source":[{"plugin_name":"Fake","a":1,"b":2}]}`},
	{"section from a substitution", "all { Fake { a = 1 } }\nsource = ${all}", `{"all":{"Fake":{"a":1}},"source":[{"plugin_name":"Fake","a":1}]}`},
	{"section joined with a substitution", "all { A { x = 1 } }\nsource = ${all} { B {} }", `{"all":{"A":{"x":1}},"source":[{"plugin_name":"A","x":1},{"plugin_name":"B"}]}`},
	{"section appended to", "source { A {} }\nsource += { plugin_name = B }", `{"source":[{"plugin_name":"A"},{"plugin_name":"B"}]}`},
	{"optional plugin that is not there", "sink { A {}, B = ${?nope} }", `{"sink":[{"plugin_name":"A"}]}`},
	{"own plugin_name wins", "sink { A { plugin_name = B } }", `{"sink":[{"plugin_name":"B"}]}`},
	{"sections nested elsewhere are maps", "a { source { b { c = 1 } } }", `{"a":{"source":{"b":{"c":1}}}}`},
	{"include as an ordinary key", "include = 1\ninclude.x = 2", `{"include":1,"include.x":2}`},

	{"cycle", "a = ${b}\nb = ${a}", `!substitutions need each other: ${b} → ${a} → ${b}`},
	{"cycle of three", "x = ${a}\na = ${b}\nb = ${c}\nc = ${a}", `!substitutions need each other: ${b} → ${c} → ${a} → ${b}`},
	{"cycle of one", "a = ${a}", `!substitutions need each other: ${a} → ${a}`},
	{"object inside itself", "a { b = ${a} }", `!substitutions need each other`},
	{"text joins no list", "a = [1] x", `!text cannot be joined`},
	{"substituted list joins no text", "b = [1]\na = x${b}", `!a list cannot be joined to text`},
	{"append to text", "a = x\na += 1", `!+= needs a list`},
	{"option in a section", "source { parallelism = 1 }", `!"parallelism" is not a plugin`},
	{"dollar in a key", "a${b} = 1", `!must not stand in a key`},
	{"no value", "a\nb = 1", `!no value follows "a"`},
	{"no value after the sign", "a =\nb = 1", `!"a" has no value`},
	{"no value before a brace", "x { a = }", `!"a" has no value`},
	{"colon in a value", "url = jdbc:mysql://h", `!unexpected ":" in a value`},
	{"second sign", "a = b = c", `!unexpected "=" in a value`},
	{"reserved character", "a = x@y", `!unexpected "@" in a value`},
	{"open object", "a {\n b = 1\n", `!"{" is never closed`},
	{"open list", "a = [1\n", `!"[" is never closed`},
	{"open text", "a = \"x\nb = 1", `!does not end on its line`},
	{"open triple quotes", `a = """x`, `!never ends`},
	{"open substitution", "a = ${x\nb = 1", `!"${" is not closed`},
	{"empty substitution", "a = ${}", `!names no key`},
	{"stray brace", "a = 1 }", `!unexpected "}"`},
	{"text after the root", "{ a = 1 }\nb = 2", `!after the end of the configuration`},
	{"unknown escape", `a = "\d"`, `!unknown escape \d`},
	{"bad unicode escape", `a = "\u12g4"`, `!four hexadecimal digits`},
	{"double comma", "a = [1,,2]", `!unexpected ","`},
	{"map type without quotes", "m = map<string, int>", `!no value follows "int>"`},
	{"not UTF-8", "a = \xff", `!not valid UTF-8`},
	{"include refused", `include "x.conf"`, `!includes are not allowed here`},
}

func TestSyntax(t *testing.T) {
	t.Parallel()
	for _, row := range syntaxRows {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			v, err := Parse("f", []byte(row.text), testOptions)
			if message, wrong := strings.CutPrefix(row.want, "!"); wrong {
				if err == nil || !strings.Contains(err.Error(), message) {
					t.Fatalf("got %v, want a problem with %q", err, message)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := string(JSON(v)); got != row.want {
				t.Errorf("got  %s\nwant %s", got, row.want)
			}
		})
	}
}
