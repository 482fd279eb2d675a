package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"seikan/appliance/config"
	"seikan/db/state"
	"seikan/engine/checkpoint"
	"seikan/storage"
)

// retention keeps the state small: what is past its age goes, to the archive first. The leader
// runs it.
type retention struct {
	jobs    *state.Jobs
	blobs   storage.Store
	log     *slog.Logger
	now     func() time.Time
	policy  state.Policy
	archive bool
	days    time.Duration // after which files of the archive go; 0: never
	swept   time.Time     // when files were last looked at
}

// retainEvery is how often the leader looks for what is past its age.
const retainEvery = time.Minute

// What one write takes away at most.
const (
	batchOfRuns   = 500
	batchOfEvents = 2000
	batchOfJobs   = 200
)

func policyOf(c *config.Config) state.Policy {
	h := c.History
	return state.Policy{Expire: c.HistoryJobExpire, Restorable: h.Restorable, MaxJobs: h.MaxJobs, MaxEvents: h.MaxEvents}
}

func (s *Server) retention() *retention {
	return &retention{jobs: s.master.Jobs, blobs: s.blobs, log: s.log, now: time.Now, policy: policyOf(s.cfg), archive: s.cfg.History.Archive, days: s.cfg.History.ArchiveAge}
}

// keepHistory keeps the state small and posts events while this node reigns.
func (s *Server) keepHistory(ctx context.Context, wg *sync.WaitGroup) {
	if s.cfg.HistoryJobExpire > 0 {
		wg.Go(func() { s.retention().run(ctx) })
	}
	if s.cfg.EventReport.URL != "" {
		wg.Go(func() { newReporter(s.master.Jobs, s.cfg.EventReport, s.log).run(ctx) })
	}
}

// watchItself is what every node does besides: it watches its memory, the size of its state and
// its log files.
func (s *Server) watchItself(ctx context.Context) {
	s.wg.Go(func() { s.figures.size.watch(ctx, s.jobs) })
	if s.cfg.JVM.DumpOnOOM {
		s.wg.Go(func() { watchMemory(ctx, s.cfg.JVM, s.log) })
	}
	if s.lifecycle != nil {
		s.wg.Go(func() { s.lifecycle.run(ctx) })
	}
	if s.logs != nil {
		s.wg.Go(func() { s.sweepLogs(ctx) })
	}
}

func (r *retention) run(ctx context.Context) {
	outage := once{log: r.log}
	for pause(ctx, retainEvery) {
		outage.tell("history past its age could not be archived and deleted; it is tried again every minute", r.pass(ctx), ctx)
	}
}

// once logs the first error of an outage, and its end.
type once struct {
	log  *slog.Logger
	down bool
}

func (o *once) tell(what string, err error, ctx context.Context) {
	switch {
	case ctx.Err() != nil:
	case err != nil && !o.down:
		o.down = true
		o.log.Warn(what, "error", err)
	case err == nil && o.down:
		o.down = false
		o.log.Info("that is over", "what", what)
	}
}

// pass takes away what is due now: runs and events into the archive, then jobs, then rows of
// aborted checkpoints, then files that the archive has held for long enough.
func (r *retention) pass(ctx context.Context) error {
	now := r.now()
	h, err := r.jobs.Holdings(ctx, r.policy)
	if err != nil {
		return err
	}
	due := r.policy.Due(h, now)
	var all []error
	for kind, limit := range map[string]int{state.ArchiveRuns: batchOfRuns, state.ArchiveEvents: batchOfEvents} {
		all = append(all, r.drain(ctx, kind, due, limit))
	}
	all = append(all, r.dropJobs(ctx, due, now))
	for more := true; more; {
		var err error
		if more, err = r.jobs.PruneAborted(ctx, due.Events, batchOfJobs); err != nil {
			all = append(all, err)
		}
	}
	if r.days > 0 && now.Sub(r.swept) >= 24*time.Hour {
		n, err := archive{r.jobs, r.blobs}.dropOld(ctx, now.Add(-r.days))
		if all = append(all, err); err == nil {
			r.swept = now
		}
		if n > 0 {
			r.log.Info("old files of the history are deleted", "files", n)
		}
	}
	return errors.Join(all...)
}

// drain archives and drops one batch after the other.
func (r *retention) drain(ctx context.Context, kind string, due state.Due, limit int) error {
	rows := int64(0)
	defer func() {
		if rows > 0 {
			r.log.Info("history past its age has left the state", "kind", kind, "rows", rows, "archived", r.archive)
		}
	}()
	for {
		b, err := r.jobs.NextBatch(ctx, kind, due, limit)
		if err != nil || b.Rows == 0 {
			return err
		}
		if r.archive {
			if err := (archive{r.jobs, r.blobs}).write(ctx, b); err != nil {
				return err
			}
		}
		if err := r.jobs.DropBatch(ctx, b); err != nil {
			return err
		}
		rows += b.Rows
	}
}

// dropJobs forgets jobs whose runs are archived, except those that the policy keeps.
func (r *retention) dropJobs(ctx context.Context, due state.Due, now time.Time) error {
	for last := (state.Ended{}); ; {
		ended, err := r.jobs.EndedJobs(ctx, due.Jobs, last, batchOfJobs)
		if err != nil || len(ended) == 0 {
			return err
		}
		last = ended[len(ended)-1]
		var gone []state.Ended
		for _, e := range ended {
			if r.policy.Keeps(e, now) {
				continue
			}
			if e.Checkpoint {
				if err := r.dropCheckpoints(ctx, e.ID, e.Status); err != nil {
					return err
				}
			}
			gone = append(gone, e)
		}
		if err := r.jobs.Forget(ctx, gone); err != nil {
			return err
		}
	}
}

// dropCheckpoints deletes a job's manifests. It fails when one stays, since nobody would know it
// once the job's rows are gone.
func (r *retention) dropCheckpoints(ctx context.Context, id string, ended state.Status) error {
	checkpoint.Keeper{Jobs: r.jobs, Blobs: r.blobs, Log: r.log}.DropAll(ctx, id, ended)
	left, err := r.jobs.Checkpoints(ctx, id, 100_000)
	if err != nil {
		return err
	}
	for _, c := range left {
		if c.Manifest.Name == "" {
			continue
		}
		_, err := r.blobs.Stat(ctx, c.Manifest.Name)
		switch {
		case err == nil:
			return fmt.Errorf("job %s stays: manifest %s could not be deleted", id, c.Manifest.Name)
		case !errors.Is(err, storage.ErrNotExist):
			return err
		}
	}
	return nil
}
