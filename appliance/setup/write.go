package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"time"
)

// Owner of files that are new; -1 leaves it to the system.
type Owner struct{ UID, GID int }

// Write puts the changes in place: what is replaced is kept beside it as NAME.bak-TIME, and keeps
// its owner and mode; a reader sees the old file or the new one. It returns the copies it made.
func Write(changes []Change, group Owner, at time.Time) (copies []string, err error) {
	for _, c := range changes {
		if !c.Changed() {
			continue
		}
		if err := os.MkdirAll(filepath.Dir(c.Path), 0o755); err != nil {
			return copies, fmt.Errorf("make the configuration directory: %w", err)
		}
		mode, owner := os.FileMode(0o600), Owner{-1, -1}
		switch {
		case c.Name == "hazelcast-client.yaml": // everyone who starts a job reads it
			mode = 0o644
		case group.GID >= 0:
			mode, owner = 0o640, group
		}
		if c.Exists {
			info, err := os.Stat(c.Path)
			if err != nil {
				return copies, fmt.Errorf("replace %s: %w", c.Path, err)
			}
			mode = info.Mode().Perm()
			if s, ok := info.Sys().(*syscall.Stat_t); ok {
				owner = Owner{int(s.Uid), int(s.Gid)}
			}
			kept := c.Path + ".bak-" + at.Format("20060102-150405")
			if err := replace(kept, c.Before, mode, owner); err != nil {
				return copies, fmt.Errorf("keep a copy of %s: %w", c.Path, err)
			}
			copies = append(copies, kept)
		}
		if err := replace(c.Path, c.After, mode, owner); err != nil {
			return copies, fmt.Errorf("write %s: %w", c.Path, err)
		}
	}
	return copies, nil
}

// replace writes a file under another name and renames it, so that a crash leaves a whole one.
func replace(path string, text []byte, mode os.FileMode, owner Owner) error {
	target, err := filepath.EvalSymlinks(path) // a link stays one
	if errors.Is(err, fs.ErrNotExist) {
		target = path
	} else if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(target), "."+filepath.Base(target)+".new-*")
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if owner != (Owner{-1, -1}) && os.Geteuid() == 0 {
		err = errors.Join(err, f.Chown(owner.UID, owner.GID))
	}
	err = errors.Join(err, f.Chmod(mode), f.Sync(), f.Close())
	if err == nil {
		err = os.Rename(f.Name(), target)
	}
	if err != nil {
		_ = os.Remove(f.Name()) // it may be gone
	}
	return err
}

// Key makes the cluster key unless there is one; made says whether it did. It holds 32 random
// bytes in hexadecimal.
func Key(path string, random func([]byte), group Owner) (made bool, err error) {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return false, err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return false, fmt.Errorf("make the cluster key: %w", err)
	}
	key := make([]byte, 32)
	random(key)
	mode := os.FileMode(0o600)
	if group.GID >= 0 {
		mode = 0o640 // the nodes read it and do not change it
	}
	if err := replace(path, fmt.Appendf(nil, "%x\n", key), mode, group); err != nil {
		return false, fmt.Errorf("make the cluster key: %w", err)
	}
	return true, nil
}
