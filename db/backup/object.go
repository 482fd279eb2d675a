package backup

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/zstd"

	"seikan/storage"
)

// An object is a header, a body and the SHA-256 of both. The body is a file, or the pages of
// it that its base does not have; it is compressed (zstd, RFC 8878) and then, with a key,
// encrypted (seal.go).

// The window of the compression, in bytes: it bounds the memory on both sides.
const (
	window      = 512 << 10
	windowLimit = 8 << 20 // read
)

// writeObject writes the stored form. It fills in what seals the header.
func writeObject(w io.Writer, h Header, key []byte, body func(io.Writer) error) error {
	id, err := keyID(key)
	if err != nil {
		return err
	}
	if h.KeyID = id; id != "" {
		h.Salt = make([]byte, saltSize)
		_, _ = rand.Read(h.Salt) // crypto/rand.Read never fails, by its contract
	}
	head, err := h.encode()
	if err != nil {
		return err
	}
	sum := sha256.New()
	out := io.MultiWriter(w, sum)
	if _, err := out.Write(head); err != nil {
		return err
	}
	var sealed *sealWriter
	inner := out
	if id != "" {
		aead, err := newAEAD(key, h.Salt)
		if err != nil {
			return err
		}
		sealed = newSealWriter(out, aead, head[len(head)-sha256.Size:])
		inner = sealed
	}
	z, err := zstd.NewWriter(inner, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window), zstd.WithLowerEncoderMem(true))
	if err != nil {
		return err
	}
	if err = errors.Join(body(z), z.Close()); err != nil {
		return err
	}
	if sealed != nil {
		if err := sealed.Close(); err != nil {
			return err
		}
	}
	_, err = w.Write(sum.Sum(nil))
	return err
}

// errShort: the storage gave other bytes than it lists, which trying again may heal.
var errShort = errors.New("the storage did not give the whole object")

// exact is the stream of an object of a known size. Its first error is kept: what fails above it
// fails because of it.
type exact struct {
	r    io.ReadCloser
	left int64
	err  error
}

func (e *exact) Read(p []byte) (int, error) {
	if e.err != nil {
		return 0, e.err
	}
	n, err := e.r.Read(p)
	e.left -= int64(n)
	switch {
	case e.left < 0 || err == io.EOF && e.left > 0:
		e.err = errShort
		return 0, errShort
	case err != nil:
		e.err = err
	}
	return n, err
}

// object is an opened one. Read gives the body.
type object struct {
	Header
	raw     *exact
	payload io.Reader // everything but the last checksum
	sum     hash.Hash
	z       *zstd.Decoder
	body    io.Reader
}

// openObject opens an object and reads its header. close must be called.
func openObject(ctx context.Context, store storage.Store, name string, size int64, key []byte) (*object, error) {
	r, err := store.Get(ctx, name, 0, -1)
	if err != nil {
		return nil, err
	}
	o := &object{raw: &exact{r: r, left: size}, sum: sha256.New()}
	if err := o.open(size, key); err != nil {
		return nil, errors.Join(o.cause(err), o.close())
	}
	return o, nil
}

func (o *object) open(size int64, key []byte) error {
	if size < sha256.Size {
		return fmt.Errorf("%w: it has only %d bytes", ErrDamaged, size)
	}
	o.payload = io.TeeReader(io.LimitReader(o.raw, size-sha256.Size), o.sum)
	h, aad, err := readHeader(o.payload)
	if err != nil {
		return err
	}
	o.Header = h
	if err := checkKey(h, key); err != nil {
		return err
	}
	in := o.payload
	if h.KeyID != "" {
		aead, err := newAEAD(key, h.Salt)
		if err != nil {
			return err
		}
		in = newOpenReader(in, aead, aad)
	}
	if o.z, err = zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(windowLimit), zstd.WithDecoderLowmem(true)); err != nil {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	o.body = io.LimitReader(o.z, h.Body+1) // one more, to see that there is none
	return nil
}

// checkKey says what a key is missing for.
func checkKey(h Header, key []byte) error {
	id, err := keyID(key)
	switch {
	case err != nil:
		return err
	case h.KeyID == id:
		return nil
	case id == "":
		return fmt.Errorf("%w: it is encrypted with cluster key %s, and no key is here; put that cluster's seikan-cluster.key in place", ErrKey, h.KeyID)
	case h.KeyID == "":
		return fmt.Errorf("%w: it is not encrypted, though backups of a cluster with a key are; without a key it can be restored", ErrKey)
	}
	return fmt.Errorf("%w: it is encrypted with cluster key %s, and the key here is %s; put that cluster's seikan-cluster.key in place", ErrKey, h.KeyID, id)
}

// finish checks, when the body is used up, that nothing else was in the object.
func (o *object) finish() error {
	if n, err := io.Copy(io.Discard, o.body); err != nil {
		return o.cause(err)
	} else if n > 0 {
		return fmt.Errorf("%w: its body is too long", ErrDamaged)
	}
	if _, err := io.Copy(io.Discard, o.payload); err != nil {
		return o.cause(err)
	}
	sum := make([]byte, sha256.Size)
	if _, err := io.ReadFull(o.raw, sum); err != nil {
		return o.cause(err)
	}
	if _, err := io.Copy(io.Discard, o.raw); err != nil {
		return o.cause(err)
	}
	if string(sum) != string(o.sum.Sum(nil)) {
		return fmt.Errorf("%w: its checksum differs", ErrDamaged)
	}
	return nil
}

// cause tells a failure of the storage from a damaged object.
func (o *object) cause(err error) error {
	if o.raw.err != nil && o.raw.err != io.EOF {
		return o.raw.err
	}
	for _, known := range []error{ErrDamaged, ErrNewer, ErrKey, errWrite} {
		if errors.Is(err, known) {
			return err
		}
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

func (o *object) close() error {
	if o.z != nil {
		o.z.Close()
	}
	return o.raw.r.Close()
}

// errWrite is inside the errors of the destination of a restore.
var errWrite = errors.New("write the restored state")

// output takes the restored file and its checksum.
type output struct {
	w   io.Writer
	sum hash.Hash
	n   int64
}

func newOutput(w io.Writer) *output { return &output{w: w, sum: sha256.New()} }

func (o *output) Write(p []byte) (int, error) {
	n, err := o.w.Write(p)
	o.sum.Write(p[:n])
	o.n += int64(n)
	if err != nil {
		err = fmt.Errorf("%w: %w", errWrite, err)
	}
	return n, err
}

func (o *output) check(h Header) error {
	if o.n != h.Bytes || hex.EncodeToString(o.sum.Sum(nil)) != h.SHA256 {
		return fmt.Errorf("%w: the restored file is not the one that was backed up", ErrDamaged)
	}
	return nil
}
