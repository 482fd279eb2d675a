package file

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"slices"

	"golang.org/x/sync/errgroup"

	"seikan/engine/plugin"
	"seikan/engine/record"
)

// Prepare ends the transaction: every file is complete and outlasts a power failure before
// its commit is handed out.
func (w *writer) Prepare(ctx context.Context, barrier record.Barrier) (plugin.Prepared, error) {
	var out plugin.Prepared
	if err := w.endAll(ctx, barrier); err != nil {
		return out, err
	}
	if len(w.transaction.Files) > 0 {
		commit, err := state(&w.transaction)
		if err != nil {
			return out, err
		}
		out.Commits = []plugin.State{commit}
	}
	now := writerState{Checkpoint: max(barrier.Checkpoint, w.checkpoint), Wrote: w.wrote, Unfinished: w.unfinished}
	if !w.sink.naming.unique() {
		now.Next = w.next
	}
	var err error
	if out.Writer, err = state(now); err != nil {
		return out, err
	}
	w.begin(now.Checkpoint + 1)
	return out, nil
}

// endAll ends every open part and waits for the disk.
func (w *writer) endAll(ctx context.Context, barrier record.Barrier) error {
	if w.owesAFile(barrier) {
		if _, err := w.part(ctx, "", nil, 0); err != nil {
			return err
		}
	}
	w.unfinished = map[string]int64{}
	for dir, p := range w.open {
		if err := w.end(dir); err != nil {
			return err
		}
		if w.sink.binary() {
			w.unfinished[dir] = p.file.At + p.bytes
		}
	}
	if err := w.settling.Wait(); err != nil {
		return err
	}
	dirs := make([]string, len(w.transaction.Files))
	for i, f := range w.transaction.Files {
		dirs[i] = path.Dir(w.transaction.from(f))
	}
	return w.sink.sync(ctx, dirs)
}

// owesAFile says that the job ends without rows and has to leave a file all the same.
func (w *writer) owesAFile(barrier record.Barrier) bool {
	return w.sink.evenEmpty && barrier.Kind == record.CompletedPoint && !w.wrote &&
		w.sink.layout == nil && w.task.Subtask == 0 && w.task.Replica == 0
}

// sync makes the names in each of the directories outlast a power failure.
func (s *sink) sync(ctx context.Context, dirs []string) error {
	slices.Sort(dirs)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(settledAtOnce)
	for _, dir := range slices.Compact(dirs) {
		group.Go(func() error { return writeError("sync", dir, s.sys.Sync(ctx, dir)) })
	}
	return group.Wait()
}

func state(v any) (plugin.State, error) {
	data, err := json.Marshal(v)
	if err != nil {
		return plugin.State{}, fmt.Errorf("save the state of a file sink: %w", err)
	}
	return plugin.State{Version: stateVersion, Data: data}, nil
}

// Close drops the files of the transaction that was not prepared.
func (w *writer) Close() error {
	for _, p := range w.open {
		p.handle.Close() // what could not be written is dropped anyway
	}
	_ = w.settling.Wait() // as above
	if len(w.transaction.Files) == 0 {
		return nil
	}
	files := w.transaction
	w.begin(w.checkpoint)
	if err := w.sink.sys.RemoveAll(w.background, files.Dir); err != nil {
		return fmt.Errorf("remove the files that were not committed: %w", err)
	}
	return nil
}
