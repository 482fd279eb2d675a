package open

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"seikan/storage"
)

// ProbeTimeout is how long a probe waits for a store that does not answer.
const ProbeTimeout = time.Minute

// ErrProbe is in the errors of a store that answers, but not as it must.
var ErrProbe = errors.New("the store does not give back what was written")

// Probe writes, reads, lists and deletes a small object, so that what is wrong with credentials,
// names and rights is seen at start. The errors are *storage.Error and name the key to change.
func Probe(ctx context.Context, s storage.Store) error {
	ctx, cancel := context.WithTimeoutCause(ctx, ProbeTimeout, fmt.Errorf("no answer in %v", ProbeTimeout))
	defer cancel()
	var b [8]byte
	_, _ = rand.Read(b[:])
	name := "seikan-probe/" + hex.EncodeToString(b[:])
	err := roundTrip(ctx, s, name, "written by seikan to see whether it can\n")
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", err, cause)
	}
	if err != nil {
		return fmt.Errorf("check the storage: %w", err)
	}
	return nil
}

func roundTrip(ctx context.Context, s storage.Store, name, content string) (err error) {
	if _, err := s.Put(ctx, name, strings.NewReader(content)); err != nil {
		return err
	}
	defer func() {
		if derr := s.Delete(ctx, name); err == nil {
			err = derr
		}
	}()
	r, err := s.Get(ctx, name, 0, -1)
	if err != nil {
		return err
	}
	got, err := io.ReadAll(io.LimitReader(r, int64(len(content))+1))
	if err := errors.Join(err, r.Close()); err != nil {
		return err
	}
	if string(got) != content {
		return &storage.Error{Op: "get", Path: s.String() + "/" + name, Err: ErrProbe, Hint: "is there a cache or a proxy in between?"}
	}
	page, err := s.List(ctx, name, "", 2)
	if err != nil {
		return err
	}
	if len(page.Objects) != 1 || page.Objects[0].Name != name {
		return &storage.Error{Op: "list", Path: s.String() + "/" + name, Err: fmt.Errorf("%w: it is not listed", ErrProbe)}
	}
	return nil
}

// Sweep removes what killed writers left behind a day ago or more: parts of uploads and segments
// that belong to no object. Stores in folders do it when they are opened.
func Sweep(ctx context.Context, s storage.Store) error {
	if sweeper, ok := s.(interface{ Sweep(context.Context) error }); ok {
		return sweeper.Sweep(ctx)
	}
	return nil
}
