package doctor

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"slices"
	"time"

	"seikan/appliance/config"
	"seikan/storage/open"
)

// How often, and for how long at most, the speed of a disk is measured.
const (
	syncTimes  = 31
	syncWithin = 3 * time.Second
)

// syncSpeed appends 4 KiB to a file and makes it durable, many times.
func syncSpeed(dir string) Sync {
	s := Sync{Dir: existing(dir)}
	f, err := os.CreateTemp(s.Dir, ".seikan-doctor-*")
	if errors.Is(err, fs.ErrPermission) {
		s.Denied = true
		return s
	} else if err != nil {
		s.Err = err.Error()
		return s
	}
	var took []time.Duration
	block := make([]byte, 4096)
	for began := time.Now(); len(took) < syncTimes && time.Since(began) < syncWithin && err == nil; {
		t := time.Now()
		if _, err = f.Write(block); err == nil {
			err = f.Sync()
		}
		took = append(took, time.Since(t))
	}
	if err = errors.Join(err, f.Close(), os.Remove(f.Name())); err != nil {
		s.Err = err.Error()
		return s
	}
	slices.Sort(took)
	s.Count, s.Median, s.Worst = len(took), took[len(took)/2], took[len(took)-1]
	return s
}

// localFolder is the folder of a storage on the local disk; "" for others.
func localFolder(s config.Storage) string {
	if s.Kind != open.Local {
		return ""
	}
	return s.Location
}

// storageWithin is how long a storage may take to answer.
const storageWithin = 20 * time.Second

func storageFacts(ctx context.Context, c *config.Config) []Storage {
	out := []Storage{tried(ctx, "checkpoints", c.Checkpoint.Storage)}
	if c.MapStore.Enabled && c.Role != config.Worker {
		out = append(out, tried(ctx, "backups", c.MapStore.Storage))
	}
	return out
}

func tried(ctx context.Context, what string, s config.Storage) Storage {
	out := Storage{What: what, Where: s.String()}
	ctx, cancel := context.WithTimeout(ctx, storageWithin)
	defer cancel()
	began := time.Now()
	var err error
	if folder := localFolder(s); folder == "" {
		err = probe(ctx, s)
	} else if !exists(folder) {
		out.Missing = true
	} else {
		err = writeAndRead(folder)
	}
	out.Took, out.Denied = time.Since(began), errors.Is(err, fs.ErrPermission) && s.Kind == open.Local
	if err != nil {
		out.Err = err.Error()
	}
	return out
}

func probe(ctx context.Context, s config.Storage) error {
	settings, err := s.Settings()
	if err != nil {
		return err
	}
	store, err := open.Open(ctx, settings)
	if err != nil {
		return err
	}
	return errors.Join(open.Probe(ctx, store), store.Close())
}

// writeAndRead tries a folder without making another in it, which would belong to whoever runs
// this program and not to the node.
func writeAndRead(folder string) error {
	f, err := os.CreateTemp(folder, ".seikan-doctor-*")
	if err != nil {
		return err
	}
	const content = "written by seikan doctor"
	_, err = io.WriteString(f, content)
	err = errors.Join(err, f.Sync(), f.Close())
	if err == nil {
		var got []byte
		if got, err = os.ReadFile(f.Name()); err == nil && string(got) != content {
			err = open.ErrProbe
		}
	}
	return errors.Join(err, os.Remove(f.Name()))
}
