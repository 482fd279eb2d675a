package local

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
)

// Backup writes a consistent copy of the state to w: an SQLite file that stands alone and holds
// everything that was Done before the call. It needs as much disk again as the state while it
// runs, in the same folder.
func (s *Store) Backup(ctx context.Context, w io.Writer) (err error) {
	defer func() {
		if err != nil {
			err = fmt.Errorf("back up %s: %w", s.path, hint(err))
		}
	}()
	dir, err := os.MkdirTemp(filepath.Dir(s.path), ".backup-*") // mode 0700
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	conn, err := s.writer.Conn(ctx)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "copy.db")
	err = s.waitBusy(ctx, func() error {
		_, err := conn.ExecContext(ctx, "VACUUM INTO ?", path)
		return err
	})
	if err = errors.Join(err, conn.Close()); err != nil {
		return err
	}
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	_, err = io.Copy(w, f)
	return errors.Join(err, f.Close())
}
