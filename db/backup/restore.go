package backup

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"seikan/storage"
)

// Want says which backup is looked for.
type Want struct {
	Folder  string    // clusterName of the map-store; empty means Cluster
	Cluster string    // its name; empty means any
	Schema  int       // newest version of the state's schema that can be read; 0: this program's
	AsOf    time.Time // taken then or before; zero: whenever
}

func (w Want) folder() string { return cmp.Or(w.Folder, w.Cluster) }

// tries is how often a failing read of the storage is begun.
const tries = 3

// Newest finds the newest good backup, which it has read from end to end. Damaged ones are
// passed over and named in Info.Passed. A backup that is whole but must not or cannot be
// restored is an error, never passed over: ErrOtherCluster, ErrNewer, ErrKey. ErrNone when there
// is none, ErrDamaged when none of them is good; any other error is the storage's.
func Newest(ctx context.Context, store storage.Store, key []byte, want Want) (Info, error) {
	all, err := List(ctx, store, want.folder())
	if err != nil {
		return Info{}, err
	}
	var passed []error
	for _, i := range all {
		if !want.AsOf.IsZero() && i.Taken.After(want.AsOf) {
			continue
		}
		i, err := Verify(ctx, store, i, key, want)
		switch {
		case err == nil:
			i.Passed = passed
			return i, nil
		case errors.Is(err, ErrDamaged):
			passed = append(passed, err)
		default:
			return i, err
		}
	}
	if passed != nil {
		return Info{}, fmt.Errorf("no backup of cluster %s in %s is good: %w", want.folder(), store, errors.Join(passed...))
	}
	return Info{}, fmt.Errorf("%w of cluster %s in %s", ErrNone, want.folder(), store)
}

// Inspect reads the header of a backup.
func Inspect(ctx context.Context, store storage.Store, i Info) (Info, error) {
	err := again(ctx, func() error {
		size := min(i.Size, int64(len(magic)+8+maxHeader+32))
		r, err := store.Get(ctx, i.Name, 0, size)
		if err != nil {
			return err
		}
		raw := &exact{r: r, left: size}
		h, _, err := readHeader(raw)
		if raw.err != nil && raw.err != io.EOF {
			err = raw.err
		}
		if err == nil {
			i.Header = h
		}
		return errors.Join(err, r.Close())
	})
	if err != nil {
		return i, fmt.Errorf("backup %s: %w", i.Name, gone(err))
	}
	return i, nil
}

// Verify reads a backup from end to end, with its base, and checks that it may be restored.
// The result has its header.
func Verify(ctx context.Context, store storage.Store, i Info, key []byte, want Want) (Info, error) {
	i, err := Inspect(ctx, store, i)
	if err != nil {
		return i, err
	}
	if err := want.fits(i); err != nil {
		return i, fmt.Errorf("backup %s: %w", i.Name, err)
	}
	return i, Restore(ctx, store, i, key, io.Discard)
}

func (w Want) fits(i Info) error {
	switch h := i.Header; {
	case w.Cluster != "" && h.Cluster != w.Cluster:
		return fmt.Errorf("%w: %q, this one is %q; nothing is restored from it", ErrOtherCluster, h.Cluster, w.Cluster)
	case h.Schema > schemaOr(w.Schema):
		return fmt.Errorf("%w: its schema has version %d, this program knows up to %d; use the version that wrote it or a later one", ErrNewer, h.Schema, schemaOr(w.Schema))
	case h.ID != i.ClusterID || h.TakenMs != i.Taken.UnixMilli() || (h.Base == "") != i.Full():
		return fmt.Errorf("%w: it lies under the name of another one", ErrDamaged)
	}
	return nil
}

// Restore writes the file that was backed up to w. What was written is right only when the
// error is nil: the file's checksum is known at its end.
func Restore(ctx context.Context, store storage.Store, i Info, key []byte, w io.Writer) error {
	attempt := func() error { return restore(ctx, store, i, key, w) }
	var err error
	if w == io.Discard {
		err = again(ctx, attempt)
	} else {
		err = attempt() // w cannot be begun again
	}
	if err != nil {
		return fmt.Errorf("backup %s: %w", i.Name, err)
	}
	return nil
}

// RestoreFile restores to a file that is there whole and durable, or not at all. It must not
// exist before.
func RestoreFile(ctx context.Context, store storage.Store, i Info, key []byte, path string) error {
	if _, err := os.Lstat(path); err == nil {
		return fmt.Errorf("restore to %s: it exists already, and nothing is overwritten", path)
	}
	return again(ctx, func() error {
		f, err := os.CreateTemp(filepath.Dir(path), ".restore-*") // mode 0600
		if err != nil {
			return fmt.Errorf("%w: %w", errWrite, err)
		}
		defer os.Remove(f.Name()) // gone already when all went well
		err = Restore(ctx, store, i, key, f)
		if err == nil {
			err = f.Sync()
		}
		if err = errors.Join(err, f.Close()); err != nil {
			return err
		}
		if err := os.Link(f.Name(), path); err != nil { // unlike a rename it replaces nothing
			return fmt.Errorf("%w: %w", errWrite, err)
		}
		d, err := os.Open(filepath.Dir(path))
		if err != nil {
			return err
		}
		return errors.Join(d.Sync(), d.Close())
	})
}

func restore(ctx context.Context, store storage.Store, i Info, key []byte, w io.Writer) (err error) {
	o, err := openObject(ctx, store, i.Name, i.Size, key)
	if err != nil {
		return gone(err)
	}
	defer func() { err = errors.Join(err, o.close()) }()
	out := newOutput(w)
	if o.Base == "" {
		if _, err := io.Copy(out, io.LimitReader(o.body, o.Body)); err != nil {
			return o.cause(err)
		}
		if err := o.finish(); err != nil {
			return err
		}
		return out.check(o.Header)
	}
	base, err := openBase(ctx, store, o.Header, key)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, base.close()) }()
	if err := merge(out, io.LimitReader(base.body, base.Body), base.Bytes, newDeltaReader(io.LimitReader(o.body, o.Body), o.Bytes)); err != nil {
		if base.raw.err != nil && base.raw.err != io.EOF {
			return base.raw.err
		}
		return o.cause(err)
	}
	if err := errors.Join(base.finish(), o.finish()); err != nil {
		return err
	}
	return out.check(o.Header)
}

// openBase opens what a backup stands on.
func openBase(ctx context.Context, store storage.Store, h Header, key []byte) (*object, error) {
	info, err := store.Stat(ctx, h.Base)
	if err != nil {
		return nil, fmt.Errorf("its base %s: %w", h.Base, gone(err))
	}
	base, err := openObject(ctx, store, h.Base, info.Size, key)
	if err != nil {
		return nil, fmt.Errorf("its base %s: %w", h.Base, gone(err))
	}
	if base.Base != "" || base.SHA256 != h.BaseSum {
		return nil, errors.Join(fmt.Errorf("%w: %s is not the base it was made on", ErrDamaged, h.Base), base.close())
	}
	return base, nil
}

// gone makes an object that is not there a damage of the backup that needs it.
func gone(err error) error {
	if errors.Is(err, storage.ErrNotExist) {
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	}
	return err
}

// again repeats what the storage let fail; a damaged backup, too, since a wrong byte may come
// from the way here.
func again(ctx context.Context, do func() error) error {
	var err error
	for range tries {
		err = do()
		if err == nil || ctx.Err() != nil || errors.Is(err, errWrite) || errors.Is(err, ErrKey) || errors.Is(err, ErrNewer) {
			break
		}
	}
	return err
}
