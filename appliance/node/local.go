// Package node assembles a node: here the smallest one, a job inside the process of the person
// who started it.
package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"seikan/db/local"
	"seikan/db/state"
	"seikan/engine/checkpoint"
	"seikan/engine/job"
	"seikan/engine/job/hocon"
	"seikan/engine/master"
	"seikan/engine/option"
	"seikan/engine/plan"
	"seikan/engine/plugin"
	blobs "seikan/storage/local"
)

// Local is the state of local mode: a small database and checkpoints under the user's state
// directory, shared by all local jobs of that user.
type Local struct {
	Jobs   *state.Jobs
	Master *master.Local
	dir    string
	store  *local.Store
	ids    *state.JobIDs
	log    *slog.Logger
}

// localHistory is what stays of local jobs.
var localHistory = state.Policy{Expire: 90 * 24 * time.Hour, Restorable: 90 * 24 * time.Hour, MaxJobs: 10_000, MaxEvents: 100_000}

// StateDir is where local mode keeps its state: SEIKAN_STATE_DIR, else seikan under
// XDG_STATE_HOME, else ~/.local/state/seikan.
func StateDir() (string, error) {
	if d := os.Getenv("SEIKAN_STATE_DIR"); d != "" {
		return d, nil
	}
	if d := os.Getenv("XDG_STATE_HOME"); d != "" {
		return filepath.Join(d, "seikan"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", fmt.Errorf("find a directory for local state: %w; set SEIKAN_STATE_DIR", err)
	}
	return filepath.Join(home, ".local", "state", "seikan"), nil
}

// OpenLocal opens the state in dir, making it when it is not there.
func OpenLocal(ctx context.Context, dir string, log *slog.Logger) (*Local, error) {
	if err := os.MkdirAll(filepath.Join(dir, "run"), 0o700); err != nil {
		return nil, fmt.Errorf("make the state directory: %w; set SEIKAN_STATE_DIR to one that can be written", err)
	}
	store, err := local.Open(filepath.Join(dir, "local.db"), local.Options{})
	if err != nil {
		return nil, fmt.Errorf("open the state in %s: %w", dir, err)
	}
	checkpoints, err := blobs.Open(filepath.Join(dir, "checkpoints"))
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	jobs := state.New(store, time.Now, state.RandomID)
	l := &Local{Jobs: jobs, dir: dir, store: store, ids: state.NewJobIDs(time.Now, uint16(os.Getpid())), log: log,
		Master: &master.Local{Jobs: jobs, Blobs: checkpoints, Log: log, Interval: 10 * time.Second, Timeout: time.Minute, Retained: 3}}
	if err := l.Reap(ctx); err != nil {
		return nil, errors.Join(err, l.Close())
	}
	old := retention{jobs: jobs, blobs: checkpoints, log: log, now: time.Now, policy: localHistory}
	if err := old.pass(ctx); err != nil {
		log.Debug("old jobs are not all forgotten", "error", err)
	}
	return l, nil
}

// Close closes the state.
func (l *Local) Close() error { return l.store.Close() }

// lock takes the file that says "this job is being run"; the kernel lets go of it when the
// process ends, however it ends.
func (l *Local) lock(jobID string) (*os.File, error) {
	path := filepath.Join(l.dir, "run", jobID)
	for {
		f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
		if err != nil {
			return nil, fmt.Errorf("lock job %s: %w", jobID, err)
		}
		if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
			return nil, errors.Join(fmt.Errorf("job %s is being run by another process", jobID), f.Close())
		}
		mine, err := f.Stat()
		if err == nil {
			if there, e := os.Stat(path); e == nil && os.SameFile(mine, there) {
				return f, nil
			}
		}
		// Its owner removed the file between our two steps: a lock on it keeps nobody out.
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, fmt.Errorf("lock job %s: %w", jobID, err)
		}
	}
}

// unlock removes the file while it is still locked, so that whoever waits for it looks again.
func unlock(f *os.File) error {
	return errors.Join(os.Remove(f.Name()), f.Close())
}

// Reap marks jobs whose process is gone as FAILED, so that nothing says RUNNING for ever.
func (l *Local) Reap(ctx context.Context) error {
	jobs, _, err := l.Jobs.Jobs(ctx, state.Live(), "", 1000)
	if err != nil {
		return fmt.Errorf("look for abandoned jobs: %w", err)
	}
	for _, j := range jobs {
		f, err := l.lock(j.ID)
		if err != nil {
			continue // it is alive
		}
		message := fmt.Sprintf("the process that ran the job ended without finishing it; seikan run --restore %s FILE goes on from its last checkpoint", j.ID)
		if j.Status != state.Failing {
			_, err = l.Jobs.Move(ctx, j.ID, state.Move{To: state.Failing, Error: message})
		}
		if err == nil || errors.Is(err, state.ErrMoved) {
			_, err = l.Jobs.FinishJob(ctx, j.ID, state.Failed, message, l.published(j.ID))
		}
		if err == nil {
			err = l.dropPublished(j.ID)
		}
		if err = errors.Join(err, unlock(f)); err != nil && !errors.Is(err, state.ErrMoved) {
			return fmt.Errorf("mark the abandoned job %s: %w", j.ID, err)
		}
	}
	return nil
}

// Submission is a job to run.
type Submission struct {
	File    *job.File
	Name    string // wins over env.job.name when it is not empty
	ID      string // chosen by the user; empty for a new one
	Restore string // id of the job to go on with; empty for a fresh start
	From    int64  // of Restore: number of the checkpoint to go on from; 0: the newest
}

// Submit plans a job and starts it. release must be called when it has ended.
func (l *Local) Submit(ctx context.Context, s Submission) (run *master.Run, p *plan.Plan, release func(), err error) {
	id := s.ID
	switch {
	case s.Restore != "":
		id = s.Restore
	case id == "":
		id = l.ids.Next()
	}
	if p, err = plan.Build(ctx, s.File, id, l.log); err != nil {
		return nil, nil, nil, err
	}
	f, err := l.lock(id)
	if err != nil {
		return nil, nil, nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, unlock(f))
		}
	}()
	row, err := l.record(ctx, s, p, id)
	if err != nil {
		return nil, nil, nil, err
	}
	run, err = l.Master.Start(ctx, p, row, s.Restore != "")
	return run, p, func() { _ = unlock(f) }, err // the kernel unlocks what cannot be removed
}

func (l *Local) record(ctx context.Context, s Submission, p *plan.Plan, id string) (state.Job, error) {
	mode := "BATCH"
	if p.Env.Streaming {
		mode = "STREAMING"
	}
	submit := state.Submit{ID: id, Name: JobName(s.Name, p.Env.JobName), Mode: mode, Owner: fmt.Sprintf("local:%d", os.Getpid()),
		Text: string(hocon.JSON(job.Redact(s.File.Root, Sensitive))), TextFormat: "json"}
	if s.Restore == "" {
		return l.Jobs.CreateJob(ctx, submit, state.RandomID())
	}
	if s.From > 0 {
		if err := checkpoint.Readable(ctx, l.Jobs, l.Master.Blobs, id, s.From); err != nil {
			return state.Job{}, err
		}
	}
	submit.RestoredFrom, submit.From = "latest", s.From
	row, err := l.Jobs.Restart(ctx, submit, state.RandomID())
	if errors.Is(err, state.ErrNotFound) {
		return row, fmt.Errorf("there is no job %s to go on with; seikan jobs lists those that are known here", id)
	}
	return row, err
}

// JobName applies the rule of -n: it wins unless it is empty or one of the default names.
func JobName(flag, env string) string {
	if flag == "" || flag == "SeaTunnel" || flag == "SeaTunnel_Job" {
		return env
	}
	return flag
}

// Sensitive reports whether an option of a plugin holds a secret; the parts of key, joined by
// dots, lead into nested options. Plugin names match in any case, as in job files.
func Sensitive(name, key string) bool {
	for _, s := range plugin.Specs("") {
		if strings.EqualFold(s.Name, name) && secretIn(s.Options, key) {
			return true
		}
	}
	return false
}

// secretIn looks for key among options, whose own keys may hold dots.
func secretIn(options []option.Option, key string) bool {
	for i := range options {
		o := &options[i]
		for _, name := range append([]string{o.Key}, o.Old...) {
			if key == name && o.Sensitive {
				return true
			}
			if rest, ok := strings.CutPrefix(key, name+"."); ok && (o.Sensitive || secretIn(o.Fields, rest)) {
				return true
			}
		}
	}
	return false
}
