package file

import (
	"math/rand/v2"
	"reflect"
	"testing"

	"seikan/engine/option"
)

func TestFormatsAgreeOnTheOptionsTheyShare(t *testing.T) {
	t.Parallel()
	for _, side := range []string{"read", "write"} {
		known := map[string]option.Option{}
		check := func(owner string, list []option.Option) {
			for _, o := range list {
				if o.Doc == "" {
					t.Errorf("%s: option %s has no description", owner, o.Key)
				}
				k, ok := known[o.Key]
				if !ok {
					known[o.Key] = o
					continue
				}
				if o.Type != k.Type || !reflect.DeepEqual(o.Default, k.Default) || !reflect.DeepEqual(o.Old, k.Old) || o.Min != k.Min || o.Max != k.Max {
					t.Errorf("%s: %s option %s differs from that of another format: %+v, %+v", owner, side, o.Key, o, k)
				}
			}
		}
		if side == "read" {
			check("source", SourceFactory(Connector{Name: "x"}).Spec.Options)
		} else {
			check("sink", SinkFactory(Connector{Name: "x"}).Spec.Options)
		}
		for _, f := range formats {
			if side == "read" {
				check(f.Name(), f.ReadOptions())
			} else {
				check(f.Name(), f.WriteOptions())
			}
		}
	}
}

func TestPiecesAreFourAReaderWithinBounds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		total       int64
		parallelism int
		want        int64
	}{
		{0, 1, 8 << 20}, {100 << 20, 1, 25 << 20}, {100 << 20, 2, 100 << 20 / 8}, {100 << 20, 64, 8 << 20}, {1 << 40, 2, 256 << 20}, {64 << 20, 0, 16 << 20},
	} {
		if got := pieceSize(c.total, c.parallelism); got != c.want {
			t.Errorf("%d bytes, %d readers: %d, want %d", c.total, c.parallelism, got, c.want)
		}
	}
}

func TestAnyTextIsADirectoryAndBack(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(3, 4))
	alphabet := []rune("ab./\\%=\x00\n:é∅ 25F")
	for range 5000 {
		text := make([]rune, 1+r.IntN(6))
		for i := range text {
			text[i] = alphabet[r.IntN(len(alphabet))]
		}
		dir := escapeDir(string(text))
		if back, ok := partitionValue("/data/k="+dir+"/file", "k"); !ok || back != string(text) {
			t.Fatalf("%q became %q and then %q", string(text), dir, back)
		}
		for _, c := range dir {
			if c == '/' || c == 0 {
				t.Fatalf("%q became %q, which is no name of a directory", string(text), dir)
			}
		}
		if dir == "." || dir == ".." {
			t.Fatalf("%q became %q", string(text), dir)
		}
	}
}
