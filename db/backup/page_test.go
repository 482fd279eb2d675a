package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"math/rand/v2"
	"reflect"
	"testing"
)

func TestChecksumsDoNotDependOnHowTheFileIsWritten(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 2))
	for range 200 {
		data := make([]byte, rng.IntN(6*pageSize))
		for n := range data {
			data[n] = byte(rng.Uint32())
		}
		whole := newPager()
		_, _ = whole.Write(data)
		parts := newPager()
		for rest := data; len(rest) > 0; {
			n := 1 + rng.IntN(len(rest))
			_, _ = parts.Write(rest[:n])
			rest = rest[n:]
		}
		a, b := whole.image(), parts.image()
		sum := sha256.Sum256(data)
		if !reflect.DeepEqual(a, b) || a.sum != hex.EncodeToString(sum[:]) || a.size != int64(len(data)) || len(a.sums) != (len(data)+pageSize-1)/pageSize {
			t.Fatalf("%d bytes:\n%+v\n%+v", len(data), a, b)
		}
	}
}

func TestDeltaWithPagesOutOfPlaceIsDamaged(t *testing.T) {
	t.Parallel()
	record := func(n byte, length int) []byte { return append([]byte{0, 0, 0, n}, make([]byte, length)...) }
	page := func(n byte) []byte { return record(n, pageSize) }
	base := make([]byte, 2*pageSize)
	for name, c := range map[string]struct {
		delta []byte
		size  int64
		good  bool
	}{
		"nothing changed":     {nil, 2 * pageSize, true},
		"one page":            {page(1), 2 * pageSize, true},
		"shorter":             {record(0, 100), 100, true},
		"longer":              {bytes.Join([][]byte{page(2), record(3, 7)}, nil), 3*pageSize + 7, true},
		"backwards":           {bytes.Join([][]byte{page(1), page(0)}, nil), 2 * pageSize, false},
		"twice":               {bytes.Join([][]byte{page(1), page(1)}, nil), 2 * pageSize, false},
		"beyond the end":      {page(9), 2 * pageSize, false},
		"cut":                 {page(1)[:100], 2 * pageSize, false},
		"cut in its number":   {page(1)[:2], 2 * pageSize, false},
		"a page is missing":   {record(3, 7), 3*pageSize + 7, false},
		"the base's last one": {nil, 100, false},
	} {
		var out bytes.Buffer
		err := merge(&out, bytes.NewReader(base), int64(len(base)), newDeltaReader(bytes.NewReader(c.delta), c.size))
		if (err == nil) != c.good || c.good && int64(out.Len()) != c.size {
			t.Errorf("%s: %v, %d bytes", name, err, out.Len())
		}
	}
}
