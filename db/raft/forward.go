package raft

import (
	"errors"
	"fmt"
	"time"
)

// errReplaced is inside the error of a call that was given up: whom it was sent to has not
// answered, and another node leads now. What became of a write is not known.
var errReplaced = errors.New("the leader that was asked has been replaced and does not answer")

// grace is how long a leader that has been replaced may still take to answer.
const grace = 300 * time.Millisecond

// whileLeads calls the leader at addr until it answers or is replaced: one that is cut off would
// be waited for long after there is another. A call that is given up ends by its own timeout.
func whileLeads[T any](n *Node, addr string, call func() (T, error)) (T, error) {
	type answer struct {
		t   T
		err error
	}
	got := make(chan answer, 1)
	go func() {
		var a answer
		a.t, a.err = call()
		got <- a
	}()
	changes, cancel := n.LeaderChanges()
	defer cancel()
	var over <-chan time.Time
	for {
		select {
		case a := <-got:
			return a.t, a.err
		case <-changes:
			if _, now := n.Leader(); now != "" && now != addr && over == nil {
				timer := time.NewTimer(grace)
				defer timer.Stop()
				over = timer.C
			}
		case <-over:
			_, now := n.Leader()
			var none T
			return none, fmt.Errorf("%w (%s; it is %s now)", errReplaced, addr, now)
		}
	}
}
