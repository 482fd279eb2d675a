package raft

import (
	"sync"
	"testing"

	"seikan/db"
	"seikan/db/dbtest"
)

func TestConformanceOfOneNode(t *testing.T) {
	t.Parallel()
	n := single(t)
	var mu sync.Mutex
	dbtest.Run(t, func(t *testing.T) db.Store { return lend(t, &mu, n.LeaderStore()) })
}

func TestConformanceOfThreeNodesFromAFollower(t *testing.T) {
	t.Parallel()
	nodes := three(t)
	var mu sync.Mutex
	dbtest.Run(t, func(t *testing.T) db.Store { return lend(t, &mu, nodes[1].Forwarding()) })
}
