package binary

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"seikan/engine/format/delimited/delimitedtest"
	"seikan/engine/plugin"
	"seikan/engine/plugin/plugintest"
	"seikan/engine/record"
)

// below is a file that knows its path below the source's.
type below struct {
	plugin.File
	relative string
}

func (b below) Relative() string { return b.relative }

func mustRead(t testing.TB) plugin.FileReading {
	t.Helper()
	r, err := Format{}.Reading(delimitedtest.Options(t, nil, ""), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

func batches(t testing.TB, f plugin.File, at int64) []*record.Batch {
	t.Helper()
	var out []*record.Batch
	err := delimitedtest.Read(t.Context(), plugintest.Task(t, 1), mustRead(t), f, plugin.Range{To: -1}, record.Position{Rows: at}, func(b *record.Batch) {
		b.Retain()
		out = append(out, b)
	})
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func mustWrite(t testing.TB) plugin.FileWriting {
	t.Helper()
	w, err := Format{}.Writing(delimitedtest.Options(t, nil, ""), rows())
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func content(n int) []byte {
	data := make([]byte, n)
	random := rand.New(rand.NewPCG(1, uint64(n)))
	for i := range data {
		data[i] = byte(random.Uint32())
	}
	return data
}

func TestFilesAreCopiedByteForByte(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, PartSize - 1, PartSize, PartSize + 1, plugin.BatchBytes, 3*plugin.BatchBytes + 7} {
		data := content(n)
		for _, f := range []plugin.File{delimitedtest.File("/in/x/a.bin", data), delimitedtest.Stream("/in/x/a.bin", data)} {
			got, err := delimitedtest.Write(mustWrite(t), batches(t, below{f, "x/a.bin"}, 0)...)
			if err != nil || !bytes.Equal(got, data) {
				t.Errorf("%d bytes came back as %d (%v)", n, len(got), err)
			}
		}
	}
}

func TestPartsSayWhereTheyBelong(t *testing.T) {
	t.Parallel()
	for _, f := range []plugin.File{below{delimitedtest.File("/in/x/a.bin", content(2500)), "x/a.bin"}, delimitedtest.File("x/a.bin", content(2500))} {
		all := batches(t, f, 0)
		if len(all) != 1 || all[0].Rows() != 3 || all[0].To.Rows != 3 {
			t.Fatalf("%d batches, the first of %d rows", len(all), all[0].Rows())
		}
		name := "x/a.bin"
		if _, knows := f.(below); !knows {
			name = "a.bin"
		}
		for i, row := range plugintest.Rows(all[0]) {
			if !strings.HasSuffix(row, fmt.Sprintf("|%s|%d", name, i)) {
				t.Errorf("part %d ends in %s", i, row[len(row)-20:])
			}
		}
	}
}

func TestReadingGoesOnAtAPart(t *testing.T) {
	t.Parallel()
	data := content(5*PartSize + 3)
	for _, f := range []plugin.File{delimitedtest.File("a", data), delimitedtest.Stream("a", data)} {
		whole := plugintest.Rows(batches(t, f, 0)[0])
		for at := range len(whole) {
			rest := plugintest.Rows(batches(t, f, int64(at))[0])
			if strings.Join(rest, "\n") != strings.Join(whole[at:], "\n") {
				t.Errorf("from part %d: %d parts, want %d", at, len(rest), len(whole)-at)
			}
		}
		if more := batches(t, f, int64(len(whole))); len(more) != 0 {
			t.Errorf("%d batches behind the end", len(more))
		}
	}
}

func TestPartsOutOfOrderAreRefused(t *testing.T) {
	t.Parallel()
	b := batches(t, delimitedtest.File("a.bin", content(4*PartSize)), 0)[0]
	for name, parts := range map[string][]*record.Batch{
		"late": {b.Slice(1, 4)}, "gap": {b.Slice(0, 1), b.Slice(2, 4)}, "twice": {b, b},
	} {
		_, err := delimitedtest.Write(mustWrite(t), parts...)
		if err == nil || !plugin.IsPermanent(err) || !strings.Contains(err.Error(), "a.bin") || !strings.Contains(err.Error(), "was expected") {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestOnlyBinaryRowsAreTaken(t *testing.T) {
	t.Parallel()
	opts := delimitedtest.Options(t, nil, "")
	if _, err := (Format{}).Writing(opts, plugintest.Schema()); err == nil || !strings.Contains(err.Error(), "relativePath") {
		t.Errorf("other columns: %v", err)
	}
	if _, err := (Format{}).Reading(opts, nil, []string{"data"}); err == nil || !strings.Contains(err.Error(), "read_columns") {
		t.Errorf("some columns: %v", err)
	}
}

func BenchmarkCopy(b *testing.B) {
	f := delimitedtest.File("a", content(32<<20))
	b.SetBytes(32 << 20)
	for b.Loop() {
		if _, err := delimitedtest.Write(mustWrite(b), batches(b, f, 0)...); err != nil {
			b.Fatal(err)
		}
	}
}
