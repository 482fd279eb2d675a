package raft

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// room is what the free bytes of the disk allow.
type room uint8

const (
	enough room = iota
	tight       // no writes
	none        // stop: SQLite's next write may fail, here and not elsewhere
)

// roomFor decides. Once tight, it takes a tenth more than the minimum to be enough again.
func roomFor(free, minimum uint64, tightBefore bool) room {
	switch {
	case free < minimum/8:
		return none
	case free < minimum, tightBefore && free < minimum+minimum/10:
		return tight
	}
	return enough
}

func freeBytes(dir string) (uint64, error) {
	var s unix.Statfs_t
	if err := unix.Statfs(dir, &s); err != nil {
		return 0, fmt.Errorf("look at the free space of %s: %w", dir, err)
	}
	return s.Bavail * uint64(s.Bsize), nil
}

// lookAtDisk updates low. An error means that the node cannot go on.
func (n *Node) lookAtDisk() error {
	free, err := n.cfg.free(n.cfg.Dir)
	if err != nil {
		return err
	}
	n.free.Store(free)
	was := n.low.Load()
	now := roomFor(free, n.cfg.MinFreeBytes, was)
	n.low.Store(now != enough)
	switch {
	case now == none:
		return n.diskLow()
	case now == tight && !was:
		n.cfg.Log.Error("writes to the state store are refused until there is room", "error", n.diskLow())
	case now == enough && was:
		n.cfg.Log.Info("there is room for the state store again", "free_bytes", free)
	}
	return nil
}

func (n *Node) diskLow() error {
	return fmt.Errorf("%w: %s has %d MiB and needs %d MiB; make room on its disk, nothing needs to be restarted then",
		ErrDiskLow, n.cfg.Dir, n.free.Load()>>20, n.cfg.MinFreeBytes>>20)
}

// watch looks at the disk, and keeps the list of members, while the node runs. A full disk
// shows in the answers of the leader alone; a follower would fall behind its log unnoticed,
// hence the short periods when little is free.
func (n *Node) watch() {
	const membersEvery = time.Second
	timer := time.NewTimer(0)
	defer timer.Stop()
	var kept string
	var listed time.Time
	for {
		select {
		case <-n.ctx.Done():
			return
		case <-timer.C:
		}
		was := n.low.Load()
		if err := n.lookAtDisk(); err != nil {
			n.fatal(err)
			return
		}
		timer.Reset(lookAgainIn(n.free.Load(), n.cfg.MinFreeBytes))
		if !was && n.low.Load() && n.IsLeader() && n.otherVoters() > 0 {
			_ = n.st.Stepdown(false, "") // another one may have room
		}
		if n.low.Load() || time.Since(listed) < membersEvery {
			continue
		}
		listed = time.Now()
		members, err := n.Members()
		if text := fmt.Sprint(members); err == nil && len(members) > 0 && text != kept {
			if err := rememberMembers(n.cfg.Dir, members); err != nil {
				n.cfg.Log.Warn("the list of members was not kept", "error", err)
				continue
			}
			kept = text
		}
	}
}
