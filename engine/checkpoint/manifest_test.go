package checkpoint

import (
	"bytes"
	"errors"
	"reflect"
	"strings"
	"testing"

	"seikan/engine/plugin"
	"seikan/engine/record"
)

func sample() *Manifest {
	return &Manifest{JobID: "871234567890123456", RunID: "r", Pipeline: 1, Checkpoint: 7, Kind: record.Checkpoint, Attempt: 2, Parallelism: 2,
		Enumeration: Enumeration{State: &plugin.State{Version: 1, Data: []byte("where")}, Splits: []plugin.Split{{ID: "a", At: record.Position{Rows: 5, Token: []byte{1}}}}},
		Writers:     []WriterState{{Sink: 0, Table: "t", Subtask: 1, State: plugin.State{Version: 1, Data: []byte("x")}}},
		Commits:     []Commit{{Checkpoint: 7, Table: "t", State: plugin.State{Version: 1, Data: []byte("y")}}},
		Counters:    map[string]int64{"SourceReceivedCount#t": 5}}
}

func TestAManifestComesBackAsItWas(t *testing.T) {
	t.Parallel()
	m := sample()
	data, err := m.Encode()
	if err != nil {
		t.Fatal(err)
	}
	got, err := Decode(data)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(got, m) {
		t.Fatalf("got %+v\nwant %+v", got, m)
	}
}

func TestEveryFlippedByteAndEveryCutIsDetected(t *testing.T) {
	t.Parallel()
	data, err := sample().Encode()
	if err != nil {
		t.Fatal(err)
	}
	for i := range data {
		for bit := range 8 {
			bad := append([]byte(nil), data...)
			bad[i] ^= 1 << bit
			if _, err := Decode(bad); !errors.Is(err, ErrDamaged) {
				t.Fatalf("byte %d, bit %d flipped: %v", i, bit, err)
			}
		}
		if _, err := Decode(data[:i]); !errors.Is(err, ErrDamaged) {
			t.Fatalf("cut at %d: %v", i, err)
		}
	}
	if _, err := Decode(append(data, 0)); !errors.Is(err, ErrDamaged) {
		t.Fatalf("a byte too many: %v", err)
	}
}

func FuzzManifest(f *testing.F) {
	data, err := sample().Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Decode(data)
		if err == nil && m == nil {
			t.Fatal("neither a manifest nor an error")
		}
	})
}

// FuzzDamage makes a manifest of any content and changes one byte, or cuts it.
func FuzzDamage(f *testing.F) {
	f.Add([]byte("where"), uint32(9), byte(1), false)
	f.Add([]byte{0, 255}, uint32(100), byte(128), true)
	f.Fuzz(func(t *testing.T, content []byte, at uint32, change byte, cut bool) {
		m := sample()
		m.Enumeration.State.Data, m.Commits[0].State.Data, m.RunID = content, content, strings.ToValidUTF8(string(content), "?")
		data, err := m.Encode()
		if err != nil {
			t.Fatal(err)
		}
		if got, err := Decode(data); err != nil || got.RunID != m.RunID || !bytes.Equal(got.Commits[0].State.Data, content) {
			t.Fatalf("it comes back as %+v, %v", got, err)
		}
		i := int(at) % len(data)
		bad := bytes.Clone(data)
		if cut {
			bad = bad[:i]
		} else if bad[i] ^= change; change == 0 {
			return
		}
		if _, err := Decode(bad); !errors.Is(err, ErrDamaged) {
			t.Errorf("byte %d of %d: %v", i, len(data), err)
		}
	})
}
