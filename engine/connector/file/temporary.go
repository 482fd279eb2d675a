package file

import (
	"context"
	"fmt"
	"path"
	"strconv"
	"strings"

	"seikan/engine/plugin"
)

// noPartition is the directory of files that belong to no partition, inside a transaction.
const noPartition = "NON_PARTITION"

// temporaries are the directories that files may wait in, best first. Renaming must work from
// there to path, so behind tmp_path come a hidden directory beside path, which no reader of
// path can see, and one inside, for a path that is a mount point.
func (s *sink) temporaries() []string {
	return []string{s.temp, path.Join(path.Dir(strings.TrimSuffix(s.dir, "/")), hiddenTemp), path.Join(s.dir, hiddenTemp)}
}

// chooseTemporary returns the first of temporaries that files can be renamed from.
func (s *sink) chooseTemporary(ctx context.Context, task plugin.Task) (string, error) {
	volumes, ok := s.sys.(Volumes)
	if !ok {
		return s.temp, nil
	}
	var last error
	for i, dir := range s.temporaries() {
		ok, err := volumes.CanRename(ctx, dir, s.dir)
		if err != nil {
			last = err
			continue
		}
		if !ok {
			continue
		}
		if i > 0 && task.Subtask == 0 && task.Replica == 0 {
			task.Log.Warn("files cannot be renamed from tmp_path to path, which is on another file system or not writable; another directory is used",
				"tmp_path", s.temp, "path", s.dir, "used", dir, "error", last)
		}
		return dir, nil
	}
	if last == nil {
		last = fmt.Errorf("no directory is on the file system of path %s; set tmp_path to one that is", s.dir)
	}
	return "", writeError("prepare to write to", s.dir, last)
}

// home holds all transactions of a sink's table in one run. Other sinks of the job, and other
// runs, have theirs.
func (s *sink) home(temporary string, task plugin.Task) string {
	return path.Join(temporary, "seatunnel", task.JobID, s.uuid(task))
}

func (s *sink) uuid(task plugin.Task) string {
	return uuidOf(task.RunID, fmt.Sprint(task.Pipeline), task.Action, s.dir, s.schema.Table())
}

// transactionName is unique among all attempts of all runs: a name that two attempts shared
// could be committed by the wrong one.
func (s *sink) transactionName(task plugin.Task, checkpoint int64) string {
	writer := fmt.Sprint(task.Subtask)
	if task.Replica > 0 {
		writer += fmt.Sprintf("r%d", task.Replica)
	}
	prefix := strings.ReplaceAll(s.uuid(task), "-", "")[:10]
	return fmt.Sprintf("T_%s_%s_%d_%s_%d", task.JobID, prefix, task.Attempt, writer, checkpoint)
}

// attemptOf is the attempt in a transaction's name, 0 in any other name.
func attemptOf(name string) int64 {
	parts := strings.Split(name, "_")
	if len(parts) != 6 || parts[0] != "T" {
		return 0
	}
	n, err := strconv.ParseInt(parts[3], 10, 64)
	if err != nil {
		return 0
	}
	return n
}

// transaction is what a commit needs: files to be renamed from Dir to Path.
type transaction struct {
	Dir   string    `json:"dir"`
	Path  string    `json:"path"`
	Files []written `json:"files"`
}

type written struct {
	Partition string `json:"partition,omitempty"`
	Name      string `json:"name"`
	At        int64  `json:"at,omitempty"` // the file goes behind this many bytes of one committed before
}

func (t *transaction) from(f written) string {
	if f.Partition == "" {
		return path.Join(t.Dir, noPartition, f.Name)
	}
	return path.Join(t.Dir, f.Partition, f.Name)
}

func (t *transaction) to(f written) string { return path.Join(t.Path, f.Partition, f.Name) }
