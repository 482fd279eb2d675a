package storage

import (
	"errors"
	"slices"
	"testing"
)

var testKeys = []Key{
	{Name: "a", Required: true, Example: "x://y"}, {Name: "b", Default: "8M", Old: []string{"old.b", "older.b"}}, {Name: "c"}, {Name: "secret", Sensitive: true},
}

func TestKeysAreReadByTheirNamesAndOldNames(t *testing.T) {
	t.Parallel()
	v := ReadKeys(testKeys, map[string]string{"a": " 1 ", "older.b": "2K", "z": "?"})
	if v.Errors() != nil || v.String("a") != "1" || v.Size("b", 0, 1<<20) != 2048 || v.String("c") != "" {
		t.Errorf("%q %q %q (%v)", v.String("a"), v.String("b"), v.String("c"), v.Errors())
	}
	if !v.Used("older.b") || v.Used("z") || v.Used("b") {
		t.Error("the wrong names count as used")
	}
	if v = ReadKeys(testKeys, map[string]string{"a": "1", "b": "3", "old.b": "4"}); v.String("b") != "3" {
		t.Errorf("the old name wins: %q", v.String("b"))
	}
}

func TestEveryProblemWithKeysIsCollected(t *testing.T) {
	t.Parallel()
	v := ReadKeys(testKeys, map[string]string{"b": "1M", "c": "maybe"})
	v.Bool("c")
	v.OneOf("c", "yes", "no")
	v.Size("b", 1<<30, 1<<31)
	v.Size("c", 0, 10)
	want := []string{"a: it is missing; expected for example x://y", `c: expected true or false, got "maybe"`, `c: expected one of yes, no, got "maybe"`,
		`b: expected a size from 1G to 2G, got "1M"`, `c: expected a size from 0 to 10, got "maybe"`}
	var got []string
	for _, err := range v.Errors() {
		var e *KeyError
		if !errors.As(err, &e) {
			t.Errorf("%v is no KeyError", err)
		}
		got = append(got, err.Error())
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%q, want\n%q", got, want)
	}
}

func TestSizesAreWrittenAsHadoopDoes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{"0": 0, "17": 17, "8K": 8 << 10, "8m": 8 << 20, "1G": 1 << 30, "8MB": 8 << 20, "100B": 100} {
		v := ReadKeys([]Key{{Name: "n"}}, map[string]string{"n": text})
		if got := v.Size("n", 0, 1<<40); got != want || v.Errors() != nil {
			t.Errorf("%s: %d (%v)", text, got, v.Errors())
		}
	}
	for _, text := range []string{"-1", "x", "1.5G", "99999999999T", "M"} {
		v := ReadKeys([]Key{{Name: "n"}}, map[string]string{"n": text})
		if v.Size("n", 0, 1<<40); v.Errors() == nil {
			t.Errorf("%s is taken", text)
		}
	}
}
