package node

import (
	"context"
	"math"
	"net"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"seikan/appliance/config"
	"seikan/db"
	"seikan/db/state"
	"seikan/web/rest"
)

// figures are what this node measures for others.
type figures struct {
	size    stateSize
	pool    jobPool
	clients atomic.Int64          // connections of HTTP that are open
	unknown atomic.Pointer[int64] // objects that the last sweep of the checkpoint storage left alone; nil: none yet
}

// connection counts those of HTTP. (http.Server.ConnState)
func (f *figures) connection(_ net.Conn, s http.ConnState) {
	switch s {
	case http.StateNew:
		f.clients.Add(1)
	case http.StateClosed, http.StateHijacked:
		f.clients.Add(-1)
	}
}

// factsOf is how many pipelines are shown: metrics stay small.
const factsOf = 2000

// Facts implements rest.Backend. What the store does not tell now is missing.
func (b restBackend) Facts(ctx context.Context) rest.Facts {
	f := &b.s.figures
	limits := f.size.limits.Load()
	out := rest.Facts{StateBytes: f.size.bytes.Load(), StateWarn: limits.Warn, StateMax: limits.Max, Renewals: b.s.worker.Renewed(), Master: b.s.raft.IsLeader()}
	ctx = db.Stale(ctx)
	if epoch, err := b.s.jobs.Epoch(ctx); err == nil {
		out.Reigns = epoch
	}
	if !out.Master {
		return out
	}
	if backups, makes := b.s.Backups(); makes {
		out.BackupAge = &backups.Behind
	}
	out.Unknown = f.unknown.Load()
	all, err := b.s.jobs.CheckpointProgress(ctx)
	if err != nil {
		b.s.log.Debug("metrics lack checkpoints", "error", err)
	}
	now := time.Now()
	for _, p := range all[:min(len(all), factsOf)] {
		c := rest.CheckpointFacts{JobID: p.JobID, Pipeline: p.PipelineID, Bytes: p.Bytes, Failed: p.Failed}
		if !p.Completed.IsZero() {
			c.Age, c.Took = max(0, now.Sub(p.Completed)), p.Completed.Sub(p.Began)
		}
		out.Checkpoints = append(out.Checkpoints, c)
	}
	return out
}

// jobPool counts the master's work in the terms of SeaTunnel's thread pool: a job that has not ended
// is a task, and has a thread of its own.
type jobPool struct {
	mu        sync.Mutex
	known     bool
	ended     int64 // jobs that have ended, when last seen
	completed int64 // that ended since this node looks
	rejected  int64 // submits that this node refused
}

// see takes in how many jobs there are, and gives what has come of them.
func (p *jobPool) see(live, pending, ended int64) rest.Pool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known && ended > p.ended { // fewer means that history has gone
		p.completed += ended - p.ended
	}
	p.known, p.ended = true, ended
	return rest.Pool{Coordinator: true, Active: live - pending, Max: math.MaxInt32, Size: live - pending, Queued: pending,
		Completed: p.completed, Tasks: p.completed + live, Rejected: p.rejected}
}

func (p *jobPool) reject() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.rejected++
}

// Pool implements rest.Backend. One who is not master has an idle pool.
func (b restBackend) Pool(ctx context.Context) rest.Pool {
	idle := rest.Pool{Coordinator: b.s.cfg.Role != config.Worker, Max: math.MaxInt32}
	if !b.s.raft.IsLeader() {
		return idle
	}
	counts, err := b.s.jobs.Count(db.Stale(ctx))
	if err != nil {
		return idle
	}
	var live, ended int64
	for status, n := range counts {
		if status.Ended() {
			ended += int64(n)
		} else {
			live += int64(n)
		}
	}
	return b.s.figures.pool.see(live, int64(counts[state.Pending]), ended)
}
