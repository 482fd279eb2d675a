package javaregex

import (
	"fmt"
	"regexp"
	"strings"
	"testing"
)

func find(t *testing.T, pattern, text string, flags Flags) (string, bool) {
	t.Helper()
	re, err := Compile(pattern, flags)
	if err != nil {
		return "error: " + err.Error(), false
	}
	all, err := re.Find(text, 0, -1)
	if err != nil {
		t.Fatal(err)
	}
	ok, err := re.Match(text)
	if err != nil || ok != (len(all) > 0) {
		t.Errorf("%s on %q: Match says %v, Find %v, error %v", pattern, text, ok, all, err)
	}
	var out []string
	for _, m := range all {
		var groups []string
		for g := 0; g < len(m); g += 2 {
			if m[g] < 0 {
				groups = append(groups, "-")
			} else {
				groups = append(groups, text[m[g]:m[g+1]])
			}
		}
		out = append(out, strings.Join(groups, ","))
	}
	return strings.Join(out, " "), re.fast != nil
}

func TestJavaPatterns(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		pattern, text, want string
		flags               Flags
		slow                bool
	}{
		{pattern: `(\d+)-(\d+)`, text: "10-20 3-4", want: "10-20,10,20 3-4,3,4"},
		{pattern: `(a)|(b)`, text: "ab", want: "a,a,- b,-,b"},
		{pattern: `\d`, text: "1٣", want: "1"},
		{pattern: `\w+`, text: "añb", want: "a b"},
		{pattern: `\s`, text: "\v", want: "\v"},
		{pattern: `.`, text: "\u0085\r\u2028x", want: "x"},
		{pattern: `.`, text: "\r", want: "\r", flags: DotAll},
		{pattern: `(?s).`, text: "\r", want: "\r"},
		{pattern: `a$`, text: "a\r\n", want: "a"},
		{pattern: `a$`, text: "a\nb", want: ""},
		{pattern: `^b`, text: "a\rb", want: "b", flags: Multiline},
		{pattern: `^`, text: "a\n", want: "", flags: Multiline},
		{pattern: `a\Z`, text: "a\n", want: "a"},
		{pattern: `a\z`, text: "a\n", want: ""},
		{pattern: `(?i)É`, text: "é", want: "é"},
		{pattern: `É`, text: "é", want: "é", flags: CaseInsensitive},
		{pattern: `a(?i)b(?-i)c`, text: "aBc aBC", want: "aBc"},
		{pattern: `(?i:a)b`, text: "Ab AB", want: "Ab"},
		{pattern: `(?<=a)b`, text: "ab cb", want: "b", slow: true},
		{pattern: `(?<!a)b`, text: "ab cb", want: "b", slow: true},
		{pattern: `a(?=b)`, text: "ab ac", want: "a", slow: true},
		{pattern: `a(?!b)`, text: "ab ac", want: "a", slow: true},
		{pattern: `(a)\1`, text: "aa ab", want: "aa,a", slow: true},
		{pattern: `(?<x>a)\k<x>`, text: "aa", want: "aa,a", slow: true},
		{pattern: `(?<y>a)(b)`, text: "ab", want: "ab,a,b"},
		{pattern: `a*+a`, text: "aaa", want: "", slow: true},
		{pattern: `"[^"]*+"`, text: `x"yz"`, want: `"yz"`, slow: true},
		{pattern: `(?>a|ab)c`, text: "abc", want: "", slow: true},
		{pattern: `a{2}`, text: "aaa", want: "aa"},
		{pattern: `a{2,}?`, text: "aaa", want: "aa"},
		{pattern: `a{1,2000}b`, text: "aab", want: "aab", slow: true},
		{pattern: `[a-c&&[^b]]+`, text: "abc", want: "a c"},
		{pattern: `[a-c[x-z]]+`, text: "axdz", want: "ax z"},
		{pattern: `[^a-c[x]]`, text: "axd", want: "d"},
		{pattern: `[]a]`, text: "]", want: "]"},
		{pattern: `[a\-z]`, text: "-", want: "-"},
		{pattern: `[a-]`, text: "-", want: "-"},
		{pattern: `[\d.]+`, text: "v1.2", want: "1.2"},
		{pattern: `[a&&b]`, text: "ab", want: ""},
		{pattern: `\p{Alpha}+`, text: "aé", want: "a"},
		{pattern: `\p{L}+`, text: "aé1", want: "aé"},
		{pattern: `\pL`, text: "é", want: "é"},
		{pattern: `\P{L}`, text: "é1", want: "1"},
		{pattern: `\p{IsAlphabetic}`, text: "é", want: "é"},
		{pattern: `\p{IsHan}+`, text: "x漢字", want: "漢字"},
		{pattern: `\p{Punct}`, text: "a!", want: "!"},
		{pattern: `\Qa.b\E+`, text: "a.bb axb", want: "a.bb"},
		{pattern: `\x41\u0042\x{1F600}\0103`, text: "AB😀C", want: "AB😀C"},
		{pattern: `\t\cI`, text: "\t\t", want: "\t\t"},
		{pattern: `\h+`, text: "a \u00a0b", want: " \u00a0"},
		{pattern: `\R`, text: "a\r\nb", want: "\r\n"},
		{pattern: `\bé`, text: "xé é", want: "é"},
		{pattern: "(?x) a b # comment\n c", text: "abc", want: "abc"},
		{pattern: `a|b|`, text: "b", want: "b "},
		{pattern: `\#\ \-\!`, text: "# -!", want: "# -!"},
	} {
		got, fast := find(t, c.pattern, c.text, c.flags)
		if got != c.want || fast == c.slow {
			t.Errorf("%s on %q: got %q (linear engine %v), want %q (%v)", c.pattern, c.text, got, fast, c.want, !c.slow)
		}
	}
}

func TestBadPatternsAreRefused(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		`(`: "unclosed group near position 1", `)`: "unmatched closing ')'", `[a`: "unclosed character class",
		`*a`: "dangling meta character '*'", `a{2`: "illegal repetition", `a{3,2}`: "illegal repetition range", `\`: "a backslash ends the pattern",
		`\y`: `illegal or unsupported escape sequence \y`, `\p{Nope}`: "unknown character property {Nope}", `[b-a]`: "illegal character range",
		`(?<n>a)(?<n>b)`: "already defined", `\k<n>`: "does not exist", `(?q)`: "unknown inline modifier 'q'", `\x4`: "illegal escape sequence",
		strings.Repeat("(", 300): "groups nest deeper", strings.Repeat("[", 300): "character classes nest deeper", `{`: "illegal repetition",
	} {
		if _, err := Compile(pattern, 0); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", pattern, err, want)
		}
	}
}

func TestReplace(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ pattern, text, with, want string }{
		{`(\w)(\d)`, "a1 b2", "$2$1", "1a 2b"},
		{`a`, "aaa", `\$`, "$$$"},
		{`a`, "a", `\\`, `\`},
		{`(a)`, "a", "$11", "a1"},
		{`(?<n>a)`, "a", "<${n}>", "<a>"},
		{`(a)|b`, "ab", "[$1]", "[a][]"},
		{`x*`, "abc", "-", "-a-b-c-"},
		{`a*`, "baaac", "-", "-b--c-"},
		{`é`, "aéb😀é", "!", "a!b😀!"},
		{`(?<=é)b`, "éb", "c", "éc"},
	} {
		re, err := Compile(c.pattern, 0)
		if err != nil {
			t.Fatal(err)
		}
		with, err := re.Replacement(c.with)
		if err != nil {
			t.Fatal(err)
		}
		got, err := re.Replace(nil, c.text, with, -1, 1000)
		if err != nil || string(got) != c.want {
			t.Errorf("%s in %q by %q: %q, %v; want %q", c.pattern, c.text, c.with, got, err, c.want)
		}
	}
	re, _ := Compile("a", 0)
	for _, bad := range []string{"$", "$x", "$1", "${n}", "${", `\`} {
		if _, err := re.Replacement(bad); err == nil {
			t.Errorf("replacement %q was taken", bad)
		}
	}
	with, _ := re.Replacement(strings.Repeat("x", 100))
	if _, err := re.Replace(nil, "aaaa", with, -1, 250); err == nil {
		t.Error("a result past the limit was returned")
	}
}

func TestFindFromHasTheContextBefore(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]int{`^b`: 0, `\bb`: 0, `b`: 1, `(?<=a)b`: 1} {
		re, err := Compile(pattern, 0)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := re.Find("ab", 1, -1); err != nil || len(got) != want {
			t.Errorf("%s from 1: %v %v, want %d matches", pattern, got, err, want)
		}
	}
}

func TestBacktrackingIsCutShort(t *testing.T) {
	t.Parallel()
	re, err := Compile(`^(a+)+(?=b)$`, 0)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := re.Match(strings.Repeat("a", 40)); err == nil || !strings.Contains(err.Error(), "took longer") {
		t.Errorf("got %v", err)
	}
}

// Both engines agree wherever the linear one is used.
func FuzzRegexp(f *testing.F) {
	for _, s := range [][2]string{{`(a|b)*c`, "ababc"}, {`[a-c&&[^b]]`, "abc"}, {`\bx.$`, "xy\n"}, {`(?i)é+?`, "Éé"}, {`\Q.\E{2,3}`, "..."}, {`(?<=a)b*+`, "abb"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		if len(pattern) > 60 || len(text) > 60 {
			return
		}
		re, err := Compile(pattern, 0)
		if err != nil || !re.fastFor(text) || !plain.MatchString(pattern) {
			return
		}
		slow, err := re.slow()
		if err != nil {
			return
		}
		m, err := slow.FindStringMatch(text)
		if err != nil {
			return
		}
		loc := re.fast.FindStringIndex(text)
		if (m == nil) != (loc == nil) || m != nil && m.String() != text[loc[0]:loc[1]] {
			t.Fatalf("%q on %q: %v and %v", pattern, text, loc, m)
		}
	})
}

// plain patterns have no case folding, empty loops or nested quantifiers, over which engines
// may differ.
var plain = regexp.MustCompile(`^[a-z.\[\]|^0-9]*$`)

func ExampleRegexp_Find() {
	re, _ := Compile(`(\w+)@(\w+)`, 0)
	m, _ := re.Find("mail bob@home", 0, 1)
	fmt.Println(m)
	// Output: [[5 13 5 8 9 13]]
}
