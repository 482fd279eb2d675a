package compress

import (
	"bytes"
	"io"
	"testing"
)

func BenchmarkLzop(b *testing.B) {
	plain := samples()["rows"]
	var packed bytes.Buffer
	b.Run("write", func(b *testing.B) {
		b.SetBytes(int64(len(plain)))
		for b.Loop() {
			packed.Reset()
			w, _ := newLzopWriter(&packed)
			if _, err := w.Write(plain); err != nil {
				b.Fatal(err)
			}
			w.Close()
		}
	})
	b.Run("read", func(b *testing.B) {
		b.SetBytes(int64(len(plain)))
		for b.Loop() {
			r, err := NewLzopReader(bytes.NewReader(packed.Bytes()))
			if err != nil {
				b.Fatal(err)
			}
			if _, err := io.Copy(io.Discard, r); err != nil {
				b.Fatal(err)
			}
		}
	})
}
