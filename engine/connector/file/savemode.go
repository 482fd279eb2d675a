package file

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"seikan/engine/plugin"
)

// The save modes of a directory.
const (
	recreate        = "RECREATE_SCHEMA"
	createIfMissing = "CREATE_SCHEMA_WHEN_NOT_EXIST"
	errorIfMissing  = "ERROR_WHEN_SCHEMA_NOT_EXIST"
	ignore          = "IGNORE"

	dropData    = "DROP_DATA"
	appendData  = "APPEND_DATA"
	errorIfData = "ERROR_WHEN_DATA_EXISTS"
)

// PrepareTable carries out the save modes; the table is the directory path.
func (s *sink) PrepareTable(ctx context.Context, _ plugin.Task) error {
	info, err := s.sys.Stat(ctx, s.dir)
	exists := err == nil
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return writeError("look at", s.dir, err)
	}
	if exists && !info.Dir {
		return s.opts.Problem("path", "a directory", "%s is a file", s.dir)
	}
	switch mode := s.opts.String("schema_save_mode"); {
	case mode == recreate && exists:
		if err := s.empty(ctx); err != nil {
			return err
		}
	case mode == errorIfMissing && !exists:
		return s.opts.Problem("path", "an existing directory", "The sink table not exist: there is no directory %s", s.dir)
	case (mode == recreate || mode == createIfMissing) && !exists:
		return writeError("create", s.dir, s.sys.MkdirAll(ctx, s.dir))
	}
	if !exists {
		return nil
	}
	switch s.opts.String("data_save_mode") {
	case dropData:
		return s.empty(ctx)
	case errorIfData:
		f, err := filter{}.list(ctx, s.sys, s.dir)
		if err != nil {
			return err
		}
		if n := len(f.files) + f.empty; n > 0 {
			return s.opts.Problem("path", "an empty directory", "The target data source already has data: %d files in %s", n, s.dir)
		}
	}
	return nil
}

// empty deletes what is in path, and nothing else: not path itself, which may be a link or a
// mount point, and not files that wait for their commit, which may be those of other jobs.
func (s *sink) empty(ctx context.Context) error {
	if strings.Contains(s.dir, "${") {
		return s.opts.Problem("path", "a directory", "a variable in %q is not filled in; nothing is deleted", s.dir)
	}
	entries, err := s.sys.ReadDir(ctx, s.dir)
	if err != nil {
		return fmt.Errorf("empty %s: %w", s.dir, err)
	}
	for _, e := range entries {
		if path.Base(e.Path) == hiddenTemp || strings.HasPrefix(path.Clean(s.temp)+"/", path.Clean(e.Path)+"/") {
			continue
		}
		if err := s.sys.RemoveAll(ctx, e.Path); err != nil {
			return fmt.Errorf("empty %s: %w", s.dir, err)
		}
	}
	return nil
}
