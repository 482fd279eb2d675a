package raft

import (
	"io/fs"
	"path/filepath"
)

// Turn asks Raft for a sign of life and returns when there was one: on the leader an entry that
// changes nothing went through the log and the database, elsewhere the main loop answered. It may
// wait for ever, which is what it is for.
func (n *Node) Turn() {
	if n.IsLeader() {
		if f, err := n.st.Noop("pulse"); err == nil {
			_ = f.Error() // being deposed meanwhile is an answer too
			return
		}
	}
	_ = n.st.VerifyLeader() // "not the leader" is an answer as well
}

// Bytes is how much the node's directory holds. While a copy of the state is taken over, or a long
// write is under way, it changes; Turn has no answer then.
func (n *Node) Bytes() (sum int64) {
	_ = filepath.WalkDir(n.cfg.Dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // it has just been removed
		}
		if info, err := d.Info(); err == nil {
			sum += info.Size()
		}
		return nil
	})
	return sum
}
