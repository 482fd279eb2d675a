package checkpoint

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"

	"seikan/storage/faulty"
	"seikan/storage/storagetest"
)

// simBlobs is the blob storage of the simulation: manifests in their stored form, behind faults by
// seed. Writes fail before, in the middle, and after all is done; reads fail, are cut off, and
// end early as if that were all.
type simBlobs struct {
	store   *faulty.Store
	names   map[int64]string // by checkpoint
	sums    map[int64][sha256.Size]byte
	written map[string]bool
}

func newSimBlobs(seed uint64) *simBlobs {
	return &simBlobs{names: map[int64]string{}, sums: map[int64][sha256.Size]byte{}, written: map[string]bool{},
		store: faulty.New(storagetest.NewMemory(), faulty.Options{Seed: seed,
			Rates: map[faulty.Kind]int{faulty.Fail: 100, faulty.LostAnswer: 80, faulty.Cut: 150, faulty.Short: 150}})}
}

// put is Coordinator.store.
func (b *simBlobs) put(m *Manifest, attempt int64) error {
	m.JobID, m.Pipeline, m.Attempt = "1", 1, attempt
	data, err := m.Encode()
	if err != nil {
		return err
	}
	name := ManifestName(m)
	if b.written[name] {
		panic("a manifest is written over: " + name)
	}
	b.written[name] = true
	b.names[m.Checkpoint], b.sums[m.Checkpoint] = name, sha256.Sum256(data)
	_, err = b.store.Put(context.Background(), name, bytes.NewReader(data))
	return err
}

// load reads the manifest of a recorded checkpoint, again while the storage fails; whatever it
// hands out, another manifest than the one that was written must not come of it.
func (b *simBlobs) load(checkpoint int64) *Manifest {
	for range 1000 {
		r, err := b.store.Get(context.Background(), b.names[checkpoint], 0, -1)
		if err != nil {
			continue
		}
		data, err := io.ReadAll(r)
		m, derr := Decode(data)
		whole := sha256.Sum256(data) == b.sums[checkpoint]
		switch {
		case err != nil:
		case whole && derr == nil && m.Checkpoint == checkpoint:
			return m
		case whole || !errors.Is(derr, ErrDamaged):
			panic(fmt.Sprintf("manifest %d is read as %+v, %v", checkpoint, m, derr))
		}
	}
	panic(fmt.Sprintf("manifest %d cannot be read", checkpoint))
}
