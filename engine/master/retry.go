package master

import (
	"time"

	"seikan/db/state"
)

// retry is how often, and when, a pipeline is started again.
type retry struct {
	times int64 // job.retry.times: failures in one window that it survives
	wait  time.Duration
}

func (s *Shape) retry() retry {
	return retry{s.RetryTimes, time.Duration(s.RetryWaitMS) * time.Millisecond}
}

const (
	leastWindow = time.Hour
	longestWait = time.Minute // unless job.retry.interval.seconds is longer
)

// pause is the wait before the n-th start in a window, from 1: it doubles each time.
func (r retry) pause(n int64) time.Duration {
	if n < 1 {
		return 0
	}
	return min(r.wait<<min(n-1, 20), max(r.wait, longestWait))
}

// window is the time in which failures count together: long enough that a failure that does not
// heal uses up its tries.
func (r retry) window() time.Duration {
	var waits time.Duration
	for n := int64(1); n <= min(r.times, 20); n++ {
		waits += r.pause(n)
	}
	waits += time.Duration(max(0, r.times-20)) * r.pause(r.times)
	return max(leastWindow, 2*waits)
}

// after says what follows falls of a pipeline: giving up, or the wait before its next start.
// A node that is lost or drained is no failure of the job. Only one that is lost again and again
// makes it wait, since the job may be what brings nodes down.
func (r retry) after(f state.Falls) (wait time.Duration, giveUp bool) {
	switch {
	case f.Failures > r.times:
		return 0, true
	case f.Last == state.FallOffline:
		return r.pause(f.Offline - 1), false
	case f.Last == state.FallMoved:
		return 0, false
	}
	return r.pause(max(1, f.Failures)), false
}
