package orcfile

import (
	"bytes"
	"strings"
	"testing"

	"seikan/engine/record"
)

func TestUnionsAreRefusedByName(t *testing.T) {
	t.Parallel()
	root, err := newTree([]typeInfo{{kind: kStruct, subtypes: []uint64{1, 2}, names: []string{"a", "u"}}, {kind: kInt},
		{kind: kUnion, subtypes: []uint64{3}}, {kind: kString}})
	if err != nil {
		t.Fatal(err)
	}
	if err := root.children[0].supported(); err != nil {
		t.Errorf("a column beside a union: %v", err)
	}
	if err := root.children[1].supported(); err == nil || !strings.Contains(err.Error(), "uniontype") {
		t.Errorf("a union: error %v", err)
	}
}

func TestTypesThatFormNoTreeAreRefused(t *testing.T) {
	t.Parallel()
	deep := make([]typeInfo, 200)
	for i := range deep {
		deep[i] = typeInfo{kind: kList, subtypes: []uint64{uint64(i) + 1}}
	}
	deep[0] = typeInfo{kind: kStruct, subtypes: []uint64{1}, names: []string{"a"}}
	for name, types := range map[string][]typeInfo{
		"none":              nil,
		"no struct":         {{kind: kInt}},
		"no columns":        {{kind: kStruct}},
		"itself":            {{kind: kStruct, subtypes: []uint64{0}, names: []string{"a"}}},
		"one twice":         {{kind: kStruct, subtypes: []uint64{1, 1}, names: []string{"a", "b"}}, {kind: kInt}},
		"missing":           {{kind: kStruct, subtypes: []uint64{9}, names: []string{"a"}}},
		"too deep":          deep,
		"list of nothing":   {{kind: kStruct, subtypes: []uint64{1}, names: []string{"a"}}, {kind: kList}},
		"decimal(99,0)":     {{kind: kStruct, subtypes: []uint64{1}, names: []string{"a"}}, {kind: kDecimal, precision: 99}},
		"names are missing": {{kind: kStruct, subtypes: []uint64{1}}, {kind: kInt}},
	} {
		if _, err := newTree(types); err == nil {
			t.Errorf("%s: taken", name)
		}
	}
}

func TestCodecsThatCannotBeReadAreNamed(t *testing.T) {
	t.Parallel()
	schema := (&record.Schema{Columns: []record.Column{{Name: "a", Type: record.Of(record.Int)}}}).Freeze()
	var out bytes.Buffer
	w, err := NewWriter(&out, schema, Zstd)
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	file := out.Bytes()
	tail := file[len(file)-1-int(file[len(file)-1]):]
	at := bytes.Index(tail, []byte{2 << 3, byte(Zstd)})
	for codec, want := range map[Codec]string{Brotli: "brotli", 77: "codec 77"} {
		tail[at+1] = byte(codec)
		if _, err := NewReader(bytes.NewReader(file), int64(len(file))); err == nil || !strings.Contains(err.Error(), "compressed with "+want) {
			t.Errorf("codec %d: error %v", codec, err)
		}
	}
}
