package hdfs

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"path"
	"time"

	"github.com/colinmarc/hdfs/v2"

	"seikan/storage"
)

// claimStale is the age at which the claim of a creator that has died is broken.
const claimStale = 30 * time.Second

// Create implements storage.Store. The client's rename always replaces a file, but it never
// replaces a folder with something in it. So the finished object lies in a folder of its own, and
// that folder is renamed to the one that stands for the name: of several creators one succeeds.
// It then looks whether the name is free, and moves the object out of the folder to its name. Who
// breaks the claim of a dead creator removes its object with it, so it cannot wake up and win.
// A Put to the same name at the same moment may come before or after.
func (s *Store) Create(ctx context.Context, name string, r io.Reader) (storage.Info, error) {
	info, err := s.create(ctx, name, r)
	if err != nil {
		return storage.Info{}, s.fail(ctx, "create", name, err)
	}
	return info, nil
}

func (s *Store) create(ctx context.Context, name string, r io.Reader) (storage.Info, error) {
	if err := s.check(ctx, name); err != nil {
		return storage.Info{}, err
	}
	if err := s.free(ctx, name); err != nil { // before reading all of r for nothing
		return storage.Info{}, err
	}
	object := randomName()
	dir := path.Join(tempDir, object)
	sum := sha256.Sum256([]byte(name))
	claim := path.Join(tempDir, "claim-"+hex.EncodeToString(sum[:16]))
	defer s.discard(ctx, dir)
	if err := s.makeDir(ctx, dir); err != nil {
		return storage.Info{}, err
	}
	size, err := s.fill(ctx, path.Join(dir, object), r)
	if err != nil {
		return storage.Info{}, err
	}
	if err := s.claim(ctx, dir, claim, name); err != nil {
		return storage.Info{}, err
	}
	defer s.letGo(ctx, claim, object)
	if err := s.free(ctx, name); err != nil {
		return storage.Info{}, err
	}
	if err := s.publish(ctx, path.Join(claim, object), name); err != nil {
		return storage.Info{}, err
	}
	return storage.Info{Name: name, Size: size, ModTime: time.Now()}, nil
}

// free returns ErrExist when the name is an object.
func (s *Store) free(ctx context.Context, name string) error {
	info, err := s.lookup(ctx, name)
	switch {
	case err == nil && !info.IsDir():
		return os.ErrExist
	case err == nil || gone(err):
		return nil
	}
	return err
}

// claim renames dir to claim, waiting for who has it.
func (s *Store) claim(ctx context.Context, dir, claim, name string) error {
	for wait := 10 * time.Millisecond; ; wait = min(2*wait, time.Second) {
		err := s.rename(ctx, dir, claim)
		var refused hdfs.Error
		if err == nil || !errors.As(err, &refused) && !errors.Is(err, os.ErrExist) {
			return err
		}
		held, lerr := s.readDir(ctx, claim)
		switch {
		case gone(lerr) || lerr == nil && len(held) == 0:
			continue // it was let go meanwhile
		case lerr != nil:
			return errors.Join(err, lerr)
		}
		if err := s.free(ctx, name); err != nil {
			return err
		}
		if own, err := s.lookup(ctx, path.Join(dir, path.Base(dir))); err == nil && own.ModTime().Sub(held[0].ModTime())+wait > claimStale {
			if err := s.remove(ctx, path.Join(claim, held[0].Name())); err != nil && !gone(err) {
				return err
			}
			continue
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
	}
}

// letGo ends a claim. The folder itself is removed only when it is empty: it may be somebody
// else's by now.
func (s *Store) letGo(ctx context.Context, claim, object string) {
	given := ctx.Err() != nil
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanup)
	end := func() {
		defer cancel()
		_ = s.remove(ctx, path.Join(claim, object)) // not there when it was published
		_ = s.remove(ctx, claim)
	}
	if given { // who has given up waiting does not wait for this either
		go end()
		return
	}
	end()
}
