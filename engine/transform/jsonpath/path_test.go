package jsonpath

import (
	"errors"
	"strings"
	"testing"
)

const library = `{"store": {"book": [
  {"cat": "ref", "title": "Sayings", "price": 8.95, "tags": ["x", "y"]},
  {"cat": "fiction", "title": "Sword", "price": 12.99, "isbn": "0-553"},
  {"cat": "fiction", "title": "Moby", "price": 1.10e1, "isbn": null}],
  "bi-cycle": {"color": "red", "n": 123456789012345678901234567890}},
 "z": 1, "a": 2, "a b": "é\n\u00e9", "dup": 1, "dup": 2, "nul": null, "list": [1, 2.5, "3", null], "@type": "t", "空": true, "x.y": 5}`

func TestPathsAsInJayway(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]string{
		"$.z":                                 "1",
		"z":                                   "1",
		"$['z']":                              "1",
		`$["a b"]`:                            `"é\n\u00e9"`,
		"$['x.y']":                            "5",
		"$.@type":                             `"t"`,
		"$.空":                                 "true",
		"$.nul":                               "null",
		"$.dup":                               "2",
		"$.store.bi-cycle.color":              `"red"`,
		"$.store.bi-cycle.n":                  "123456789012345678901234567890",
		"$.store.book[0].title":               `"Sayings"`,
		"$.store.book[-1].title":              `"Moby"`,
		"$.store.book[2].price":               "1.10e1",
		"$.store.book[ 1 ]['price']":          "12.99",
		"$.store.book[*].cat":                 `["ref","fiction","fiction"]`,
		"$.store.book[*].isbn":                `["0-553",null]`,
		"$..isbn":                             `["0-553",null]`,
		"$..book[0].title":                    `["Sayings"]`,
		"$.store..price":                      "[8.95,12.99,1.10e1]",
		"$.store.book[0,2].title":             `["Sayings","Moby"]`,
		"$.store.book[:2].title":              `["Sayings","Sword"]`,
		"$.store.book[-1:].title":             `["Moby"]`,
		"$.store.book[1:2].title":             `["Sword"]`,
		"$.store.book[5:].title":              "[]",
		"$['z','a']":                          `{"z":1,"a":2}`,
		"$['z','none']":                       `{"z":1}`,
		"$.store.bi-cycle.*":                  `["red",123456789012345678901234567890]`,
		"$.list[*]":                           `[1,2.5,"3",null]`,
		"$.z[*]":                              "[]",
		"$..nothing":                          "[]",
		"$.store.book[?(@.price < 10)].title": `["Sayings"]`,
		"$.store.book[?(@.isbn)].title":       `["Sword","Moby"]`,
		"$.store.book[?(@.cat == 'fiction' && @.price > 12)].title": `["Sword"]`,
		"$.store.book[?(@['cat'] != \"fiction\")].title":            `["Sayings"]`,
		"$.store.book[?(@.cat =~ /REF/i)].title":                    `["Sayings"]`,
		"$.store.book[?(@.title =~ /^S.*/)].title":                  `["Sayings","Sword"]`,
		"$.store.book[?(@.cat in ['ref', 'x'])].title":              `["Sayings"]`,
		"$.store.book[?(@.cat nin ['ref', 'x'])].title":             `["Sword","Moby"]`,
		"$.store.book[?(!(@.price > 12))].title":                    `["Sayings","Moby"]`,
		"$.store.book[?(@.title == 'a]b$')].title":                  "[]",
		"$.store.book.length()":                                     "3",
		"$.store.size()":                                            "2",
		"$.z.length()":                                              "null",
		"$..price.max()":                                            "12.99",
		"$.list.sum()":                                              "3.5",
		"$.list.avg()":                                              "1.75",
		"$.list.first()":                                            "1",
		"$.list.last()":                                             "null",
		"$.store.bi-cycle.keys()":                                   `["color","n"]`,
	} {
		p, err := Parse(path)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		got, err := p.Find([]byte(library))
		if err != nil || string(got) != want {
			t.Errorf("%s: %s, %v; want %s", path, got, err, want)
		}
	}
}

func TestMissingPlaces(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"$.none", "$.z.none", "$.nul.x", "$.store.book[3]", "$.store.book[-4]", "$.z[0]", "$.none[*].x", "$.list.none", "$.store.book[9].length()"} {
		p, err := Parse(path)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := p.Find([]byte(library)); !errors.Is(err, errMissing) {
			t.Errorf("%s: %s, %v", path, got, err)
		}
	}
}

func TestTextThatIsNotJSON(t *testing.T) {
	t.Parallel()
	p, _ := Parse("$.a")
	for _, doc := range []string{"", "  ", "{", `{"a":}`, `{"a":1}x`, "abc", strings.Repeat("[", 1000)} {
		if got, err := p.Find([]byte(doc)); err == nil || !strings.Contains(err.Error(), "not JSON") {
			t.Errorf("%q: %s, %v", doc, got, err)
		}
	}
}

func TestWorkOnOneDocumentIsBounded(t *testing.T) {
	t.Parallel()
	p, err := Parse("$..*..*..*..*")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Find([]byte("[" + strings.Repeat("[1,1,1,1,1,1,1,1],", 3000) + "1]")); err != nil {
		t.Fatal(err)
	}
	if _, err := p.Find([]byte(strings.Repeat("[", 100) + strings.Repeat("1,", 50) + "1" + strings.Repeat("]", 100))); !errors.Is(err, errVisits) {
		t.Error(err)
	}
}

func TestBadPathsAreRefused(t *testing.T) {
	t.Parallel()
	for _, path := range []string{"", "$.", "$..", "$[", "$[]", "$['a", "$['a'", "$[1", "$[x]", "$[1,]", "$[99999999999]", "$x", "$.a.shout()", "$.a.length().b",
		"$.a.index(1)", "$[?(@.a]", "$[?(@.a ~~ 1)]", "$[?(@.a == $.b)]", "$[(@.length-1)]", "$" + strings.Repeat(".a", 200)} {
		if p, err := Parse(path); err == nil {
			t.Errorf("%s became %+v", path, p)
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, path := range []string{"$.a[0]['b'].*", "$..a[?(@.b =~ /x/i && @.c nin [1])].length()", "$[1:2,3]", "$['a','b']"} {
		f.Add(path, library)
	}
	f.Fuzz(func(_ *testing.T, path, doc string) {
		if p, err := Parse(path); err == nil {
			_, _ = p.Find([]byte(doc))
		}
	})
}
