package backup

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
)

// A body is encrypted in chunks by AES-256-GCM, in the STREAM construction (Hoang, Reyhanitabar,
// Rogaway, Vizár: Online Authenticated-Encryption and its Nonce-Reuse Misuse-Resistance, 2015):
// the nonce is the chunk's number and whether it is the last, so none can be left out, moved or
// cut off. Each object has a key of its own, derived with its salt; the header's checksum is
// authenticated with every chunk.
const (
	chunkSize = 64 << 10
	saltSize  = 32
)

// trimmedKey lets a key file end with a line break.
func trimmedKey(key []byte) []byte { return bytes.TrimSpace(key) }

// keyID names a key without telling it; empty for none.
func keyID(key []byte) (string, error) {
	if key = trimmedKey(key); len(key) == 0 {
		return "", nil
	}
	id, err := hkdf.Key(sha256.New, key, nil, "seikan state backup: key id", 8)
	return hex.EncodeToString(id), err
}

func newAEAD(key, salt []byte) (cipher.AEAD, error) {
	if len(salt) != saltSize {
		return nil, fmt.Errorf("%w: its salt has %d bytes", ErrDamaged, len(salt))
	}
	k, err := hkdf.Key(sha256.New, trimmedKey(key), salt, "seikan state backup: body", 32)
	if err != nil {
		return nil, fmt.Errorf("derive the key: %w", err)
	}
	block, err := aes.NewCipher(k)
	if err != nil {
		return nil, fmt.Errorf("make the cipher: %w", err)
	}
	return cipher.NewGCM(block)
}

// chunks counts the nonces of one stream.
type chunks struct {
	aead  cipher.AEAD
	aad   []byte
	count uint64
}

func (c *chunks) nonce(last bool) []byte {
	n := make([]byte, 12)
	binary.BigEndian.PutUint64(n[3:], c.count)
	if last {
		n[11] = 1
	}
	c.count++
	return n
}

// sealWriter encrypts what is written to it. Close writes the last chunk.
type sealWriter struct {
	chunks
	w    io.Writer
	buf  []byte
	sent []byte
}

func newSealWriter(w io.Writer, aead cipher.AEAD, aad []byte) *sealWriter {
	return &sealWriter{chunks: chunks{aead: aead, aad: aad}, w: w, buf: make([]byte, 0, chunkSize)}
}

func (s *sealWriter) Write(p []byte) (int, error) {
	done := 0
	for done < len(p) {
		if len(s.buf) == chunkSize { // more follows: it is not the last
			if err := s.flush(false); err != nil {
				return done, err
			}
		}
		n := min(chunkSize-len(s.buf), len(p)-done)
		s.buf = append(s.buf, p[done:done+n]...)
		done += n
	}
	return done, nil
}

func (s *sealWriter) flush(last bool) error {
	s.sent = s.aead.Seal(s.sent[:0], s.nonce(last), s.buf, s.aad)
	s.buf = s.buf[:0]
	_, err := s.w.Write(s.sent)
	return err
}

func (s *sealWriter) Close() error { return s.flush(true) }

// openReader decrypts. It gives out nothing that is not authenticated, and EOF only after the
// last chunk.
type openReader struct {
	chunks
	r     io.Reader
	in    []byte // one chunk and the first byte of the next
	ahead int    // bytes of in that are read already
	buf   []byte
	plain []byte // what of buf is not given out yet
	over  bool
}

func newOpenReader(r io.Reader, aead cipher.AEAD, aad []byte) *openReader {
	return &openReader{chunks: chunks{aead: aead, aad: aad}, r: r, in: make([]byte, chunkSize+aead.Overhead()+1)}
}

func (o *openReader) Read(p []byte) (int, error) {
	for len(o.plain) == 0 {
		if o.over {
			return 0, io.EOF
		}
		if err := o.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, o.plain)
	o.plain = o.plain[n:]
	return n, nil
}

func (o *openReader) next() error {
	n, err := io.ReadFull(o.r, o.in[o.ahead:])
	n += o.ahead
	last := errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF)
	if err != nil && !last {
		return err
	}
	chunk := o.in[:n]
	if !last {
		chunk = o.in[:n-1]
	}
	o.buf, err = o.aead.Open(o.buf[:0], o.nonce(last), chunk, o.aad)
	if err != nil {
		return fmt.Errorf("%w: its encrypted part is not what was written", ErrDamaged)
	}
	o.plain, o.over = o.buf, last
	o.in[0], o.ahead = o.in[len(o.in)-1], 1
	return nil
}
