package compress

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/snappy"
	"github.com/klauspost/compress/zip"
	"github.com/pierrec/lz4/v4"

	"seikan/appliance/testbed/lacking"
	"seikan/engine/plugin"
)

func samples() map[string][]byte {
	r := rand.New(rand.NewPCG(1, 2))
	random := make([]byte, 300_000)
	for i := range random {
		random[i] = byte(r.Uint32())
	}
	rows := &bytes.Buffer{}
	for rows.Len() < 700_000 {
		rows.WriteString(strings.Repeat(string(rune('a'+r.IntN(26))), r.IntN(400)))
		rows.WriteString(",2024-01-01,")
		rows.Write(random[:r.IntN(20)])
		rows.WriteByte('\n')
	}
	far := append(bytes.Clone(random[:40_000]), random[:40_000]...)
	return map[string][]byte{"empty": {}, "one": {7}, "short": []byte("abc"), "random": random,
		"rows": rows.Bytes(), "zeros": make([]byte, 600_000), "far": far}
}

func TestEveryCodecGivesBackWhatItWasGiven(t *testing.T) {
	t.Parallel()
	for _, c := range codecs {
		if c.writer == nil && !c.None() {
			continue
		}
		for name, want := range samples() {
			var out bytes.Buffer
			w, err := c.NewWriter(&out)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := w.Write(want); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			r, err := c.NewReader(bytes.NewReader(out.Bytes()))
			if err != nil {
				t.Fatalf("%s %s: %v", c.Name, name, err)
			}
			got, err := io.ReadAll(r)
			if err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s %s: %d bytes came back of %d, %v", c.Name, name, len(got), len(want), err)
			}
		}
	}
}

func TestLzopProgramAndWeReadEachOther(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("lzop"); err != nil {
		lacking.Skip(t, "the lzop program is not installed")
	}
	for name, want := range samples() {
		if name == "empty" {
			continue
		}
		for _, level := range []string{"-1", "-3", "-9", "--crc32"} {
			cmd := exec.Command("lzop", "-c", level)
			cmd.Stdin = bytes.NewReader(want)
			theirs, err := cmd.Output()
			if err != nil {
				t.Fatal(err)
			}
			r, err := NewLzopReader(bytes.NewReader(theirs))
			if err != nil {
				t.Fatal(err)
			}
			if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
				t.Errorf("%s %s: %d of %d bytes, %v", name, level, len(got), len(want), err)
			}
		}
		var ours bytes.Buffer
		w, _ := newLzopWriter(&ours)
		w.Write(want)
		w.Close()
		cmd := exec.Command("lzop", "-dc")
		cmd.Stdin, cmd.Stderr = &ours, os.Stderr
		if got, err := cmd.Output(); err != nil || !bytes.Equal(got, want) {
			t.Errorf("lzop -d of our %s: %d of %d bytes, %v", name, len(got), len(want), err)
		}
	}
}

// lzopGolden is what lzop 1.04 -1 made of lzopPlain.
const lzopGolden = "894c5a4f000d0a1a0a104020a0094002010300000d000000006b052574000000000026cd02760000033e0000017be9c8b775" +
	"000a302c6e616d6520302c323032342d30312d30310a312c6e616d652031284f00320a32ad0232284f00330a33ac0229ef00" +
	"340a34ac0229ef00350a35ac0229ef00360a36ac0229ef00370a37ac0229ef00380a38ac0229ef00390a39ac0228ec000131" +
	"300a31c01928f0000131310a31c41928f4000131320a31c81929fb00330a31cc1929fb00340a31d01929fb00350a31d41929" +
	"fb00360a31d81929fb00370a31dc1929fb00380a31c01a29fb00390a31c41a28f8000132300a32c41a28f8000132310a32c4" +
	"1a28f8000132320a32c41a29fb00330a32c41a29fb00340a32c41a29fb00350a32c41a29fb00360a32c41a29fb00370a32c4" +
	"1a29fb00380a32c41a28f8000130310a32c41a28f8000130320a33c41a28f8000130330a33c41a29fb00340a33c41a29fb00" +
	"350a33c41a29fb00360a33c41a29fb00370a33c41a29fb00380a33c41a29fb00390a33c41a28f8000131300a33c41a28f800" +
	"000631310a33392c6e616d6520302c323032342d30312d31320a11000000000000"

func lzopPlain() string {
	var b strings.Builder
	for i := range 40 {
		fmt.Fprintf(&b, "%d,name %d,2024-01-%02d\n", i, i%3, i%28+1)
	}
	return b.String()
}

func TestAFileOfTheLzopProgramIsRead(t *testing.T) {
	t.Parallel()
	file, err := hex.DecodeString(lzopGolden)
	if err != nil {
		t.Fatal(err)
	}
	r, err := NewLzopReader(bytes.NewReader(file))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(r); err != nil || string(got) != lzopPlain() {
		t.Errorf("%q, %v", got, err)
	}
}

func TestDamagedLzopIsAnError(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	w, _ := newLzopWriter(&out)
	w.Write([]byte(strings.Repeat("a row of text\n", 1000)))
	w.Close()
	good := out.Bytes()
	read := func(b []byte) error {
		r, err := NewLzopReader(bytes.NewReader(b))
		if err == nil {
			_, err = io.ReadAll(r)
		}
		return err
	}
	if err := read(good); err != nil {
		t.Fatal(err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x40
		if read(bad) == nil {
			t.Errorf("byte %d of %d was changed and nobody noticed", i, len(good))
		}
	}
	for i := range len(good) - 1 {
		if read(good[:i]) == nil {
			t.Errorf("cut to %d bytes and nobody noticed", i)
		}
	}
}

func TestHadoopBlocksAreRead(t *testing.T) {
	t.Parallel()
	want := []byte(strings.Repeat("1,hello\n", 5000))
	block := func(encode func([]byte) []byte) []byte {
		var out []byte
		for _, part := range [][]byte{want[:20_000], want[20_000:]} {
			out = binary.BigEndian.AppendUint32(out, uint32(len(part)))
			for _, chunk := range [][]byte{part[:5000], part[5000:]} {
				c := encode(chunk)
				out = append(binary.BigEndian.AppendUint32(out, uint32(len(c))), c...)
			}
		}
		return out
	}
	for name, encode := range map[string]func([]byte) []byte{
		"snappy": func(b []byte) []byte { return snappy.Encode(nil, b) },
		"lz4": func(b []byte) []byte {
			out := make([]byte, lz4.CompressBlockBound(len(b)))
			n, err := lz4.CompressBlock(b, out, nil)
			if err != nil {
				t.Fatal(err)
			}
			return out[:n]
		},
	} {
		c, _ := Find(name)
		r, err := c.NewReader(bytes.NewReader(block(encode)))
		if err != nil {
			t.Fatal(err)
		}
		if got, err := io.ReadAll(r); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s: %d of %d bytes, %v", name, len(got), len(want), err)
		}
	}
}

type memory struct {
	name string
	data []byte
}

func (m memory) Name() string { return m.name }
func (m memory) Size() int64  { return int64(len(m.data)) }
func (m memory) Open(context.Context) (io.ReadCloser, error) {
	return io.NopCloser(bytes.NewReader(m.data)), nil
}
func (m memory) OpenAt(context.Context) (plugin.ReaderAtCloser, error) {
	return closer{bytes.NewReader(m.data)}, nil
}

type closer struct{ *bytes.Reader }

func (closer) Close() error { return nil }

func archives(t *testing.T) map[string][]byte {
	t.Helper()
	files := []struct{ name, text string }{
		{"a.csv", "1\n"}, {"b.txt", "2\n"}, {"notes.md", "no"}, {"__MACOSX/._a.csv", "no"}, {"d/c.CSV", "3\n"},
	}
	var zb, tb, gb, one bytes.Buffer
	z, g := zip.NewWriter(&zb), gzip.NewWriter(&gb)
	tw := tar.NewWriter(io.MultiWriter(&tb, g))
	for _, f := range files {
		w, _ := z.Create(f.name)
		io.WriteString(w, f.text)
		tw.WriteHeader(&tar.Header{Name: f.name, Size: int64(len(f.text)), Typeflag: tar.TypeReg, Mode: 0o644})
		io.WriteString(tw, f.text)
	}
	z.Close()
	tw.Close()
	g.Close()
	g = gzip.NewWriter(&one)
	io.WriteString(g, "1\n2\n3\n")
	g.Close()
	return map[string][]byte{"zip": zb.Bytes(), "tar": tb.Bytes(), "tar_gz": gb.Bytes(), "gz": one.Bytes()}
}

func TestArchivesGiveTheEntriesOfTheFormat(t *testing.T) {
	t.Parallel()
	for kind, data := range archives(t) {
		entries, err := Open(t.Context(), memory{"x", data}, kind, []string{".csv", ".txt"})
		if err != nil {
			t.Fatal(kind, err)
		}
		var got strings.Builder
		for {
			f, err := entries.Next()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Fatal(kind, err)
			}
			r, err := f.Open(t.Context())
			if err != nil {
				t.Fatal(kind, err)
			}
			io.Copy(&got, r)
			r.Close()
		}
		entries.Close()
		if got.String() != "1\n2\n3\n" {
			t.Errorf("%s: %q", kind, got.String())
		}
	}
}

func TestWhatIsNoArchiveIsAnErrorNamingTheFile(t *testing.T) {
	t.Parallel()
	for _, kind := range []string{"zip", "tar", "tar_gz", "gz"} {
		entries, err := Open(t.Context(), memory{"/data/x.bin", []byte(strings.Repeat("plain text ", 100))}, kind, []string{".csv"})
		if err == nil {
			var f plugin.File
			if f, err = entries.Next(); err == nil {
				_, err = f.Open(t.Context())
			}
		}
		if err == nil || !strings.Contains(err.Error(), "/data/x.bin") {
			t.Errorf("%s: %v", kind, err)
		}
	}
}

func FuzzLzop(f *testing.F) {
	var out bytes.Buffer
	w, _ := newLzopWriter(&out)
	w.Write([]byte(strings.Repeat("a row of text\n", 30)))
	w.Close()
	f.Add(out.Bytes())
	f.Fuzz(func(t *testing.T, data []byte) {
		if r, err := NewLzopReader(bytes.NewReader(data)); err == nil {
			io.Copy(io.Discard, r)
		}
	})
}
