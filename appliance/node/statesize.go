package node

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"seikan/appliance/config"
	"seikan/db"
	"seikan/db/state"
)

// stateSize watches how large the state database is on this node.
type stateSize struct {
	limits atomic.Pointer[config.StateSize] // a reload replaces them
	log    *slog.Logger
	bytes  atomic.Int64
	level  atomic.Int32 // a sizeLevel
}

type sizeLevel int32

const (
	sizeFine  sizeLevel = iota
	sizeLarge           // worth a warning
	sizeFull            // no new job
)

// levelOf judges a size in bytes. Once large or full, it must shrink a little to be so no more.
func levelOf(bytes int64, cfg config.StateSize, was sizeLevel) sizeLevel {
	over := func(limit int64, already bool) bool {
		if already {
			limit -= limit / 20
		}
		return limit > 0 && bytes >= limit
	}
	switch {
	case over(cfg.Max, was == sizeFull):
		return sizeFull
	case over(cfg.Warn, was >= sizeLarge):
		return sizeLarge
	}
	return sizeFine
}

var errStateFull = errors.New("the state database is full")

// refuses is the error of a submit that the state has no room for.
func (s *stateSize) refuses() error {
	if sizeLevel(s.level.Load()) != sizeFull {
		return nil
	}
	return fmt.Errorf("%w: it has %d MiB of at most %d MiB (seatunnel.seikan.state.max-bytes), and no new job is accepted; jobs that run go on. "+
		"Make it smaller by a shorter history-job-expire-minutes or a lower seikan.history.max-jobs, or allow more", errStateFull, s.bytes.Load()>>20, s.limits.Load().Max>>20)
}

func (s *stateSize) take(bytes int64) {
	s.bytes.Store(bytes)
	was := sizeLevel(s.level.Load())
	limits := *s.limits.Load()
	now := levelOf(bytes, limits, was)
	s.level.Store(int32(now))
	switch {
	case now == was:
	case now == sizeFull:
		s.log.Error("new jobs are refused", "error", s.refuses())
	case now == sizeLarge && was == sizeFine:
		s.log.Warn("the state database is large", "bytes", bytes, "warn_bytes", limits.Warn, "max_bytes", limits.Max)
	default:
		s.log.Info("the state database is smaller again", "bytes", bytes)
	}
}

// stateEvery is how often the size is looked at. It is cheap: three numbers of the file's header.
const stateEvery = 5 * time.Second

func (s *stateSize) watch(ctx context.Context, jobs *state.Jobs) {
	for {
		if bytes, err := jobs.Bytes(db.Stale(ctx)); err == nil { // else the store is not open yet, or the node is in no cluster
			s.take(bytes)
		}
		if !pause(ctx, stateEvery) {
			return
		}
	}
}
