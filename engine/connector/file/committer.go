package file

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path"

	"golang.org/x/sync/errgroup"

	"seikan/engine/plugin"
)

func (s *sink) Committer(_ context.Context, task plugin.Task) (plugin.Committer, error) {
	return &committer{sink: s, task: task}, nil
}

type committer struct {
	sink *sink
	task plugin.Task
}

func (c *committer) Commit(ctx context.Context, commits []plugin.State) error {
	for _, state := range commits {
		var t transaction
		if state.Version != stateVersion {
			return fmt.Errorf("a commit of %s has version %d; this program reads %d", c.sink.connector.Name, state.Version, stateVersion)
		}
		if err := json.Unmarshal(state.Data, &t); err != nil {
			return fmt.Errorf("read a commit of %s: %w", c.sink.connector.Name, err)
		}
		if err := c.sink.commit(ctx, &t); err != nil {
			return err
		}
	}
	return nil
}

// commit renames the files of a transaction. Those renamed before count as done. The
// transaction's directory goes last, once the names in path outlast a power failure.
func (s *sink) commit(ctx context.Context, t *transaction) error {
	group, gctx := errgroup.WithContext(ctx)
	group.SetLimit(commitsAtOnce)
	for _, f := range t.Files {
		group.Go(func() error { return s.move(gctx, t.from(f), t.to(f), f.At) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	dirs := make([]string, len(t.Files))
	for i, f := range t.Files {
		dirs[i] = path.Dir(t.to(f))
	}
	if err := s.sync(ctx, dirs); err != nil {
		return err
	}
	if err := s.sys.RemoveAll(ctx, t.Dir); err != nil {
		return fmt.Errorf("remove the directory of a committed transaction: %w", err)
	}
	return nil
}

func (s *sink) move(ctx context.Context, from, to string, at int64) error {
	err := s.moveNow(ctx, from, to, at)
	if !errors.Is(err, fs.ErrNotExist) {
		return writeError("commit "+from+" to", to, err)
	}
	if _, statErr := s.sys.Stat(ctx, to); statErr == nil {
		return nil // renamed by an earlier try
	} else if !errors.Is(statErr, fs.ErrNotExist) {
		return writeError("commit to", to, statErr)
	}
	return plugin.Permanent(fmt.Errorf("commit %s to %s: neither file is there any more; its rows are lost: has somebody cleaned the directory of tmp_path?", from, to))
}

func (s *sink) moveNow(ctx context.Context, from, to string, at int64) error {
	if at == 0 {
		return s.sys.Rename(ctx, from, to)
	}
	if _, err := s.sys.Stat(ctx, from); err != nil {
		return err
	}
	return s.sys.(Appender).AppendAt(ctx, from, to, at) // the writer has made sure of it
}

// Recover commits what is pending and deletes every other transaction of earlier attempts of
// this run, whose late renames then find nothing to rename. Those of later attempts stay: it may
// be this one that is late.
func (c *committer) Recover(ctx context.Context, pending []plugin.State) error {
	if err := c.Commit(ctx, pending); err != nil {
		return err
	}
	for _, dir := range c.sink.temporaries() {
		home := c.sink.home(dir, c.task)
		transactions, err := c.sink.sys.ReadDir(ctx, home)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("look for files of earlier attempts: %w", err)
		}
		for _, t := range transactions {
			if attemptOf(path.Base(t.Path)) >= c.task.Attempt {
				continue
			}
			if err := c.sink.sys.RemoveAll(ctx, t.Path); err != nil {
				return fmt.Errorf("remove files of earlier attempts: %w", err)
			}
		}
	}
	return nil
}

// Close removes directories that became empty.
func (c *committer) Close() error {
	ctx := context.Background()
	for _, dir := range c.sink.temporaries() {
		home := c.sink.home(dir, c.task)
		for _, d := range []string{home, path.Dir(home), path.Dir(path.Dir(home))} {
			if err := c.sink.sys.Remove(ctx, d); err != nil && !errors.Is(err, fs.ErrNotExist) {
				break // other sinks still use it
			}
		}
		if path.Base(dir) == hiddenTemp {
			_ = c.sink.sys.Remove(ctx, dir) // only when empty
		}
	}
	return nil
}
