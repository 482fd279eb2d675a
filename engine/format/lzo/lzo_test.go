package lzo

import (
	"bytes"
	"strings"
	"testing"
)

func FuzzDecode(f *testing.F) {
	f.Add(Encode(nil, []byte(strings.Repeat("abcabcd", 100)), new(Table)))
	f.Fuzz(func(t *testing.T, data []byte) {
		out, err := Decode(nil, data, 1<<20)
		if len(out) > 1<<20 {
			t.Fatal("beyond the limit", err)
		}
		var table Table
		back, err := Decode(nil, Encode(nil, data, &table), len(data))
		if err != nil || !bytes.Equal(back, data) {
			t.Fatal("not the same again", err)
		}
	})
}
