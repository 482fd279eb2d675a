package node

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"

	"seikan/engine/master"
	"seikan/engine/rpc"
)

const (
	lookForDeaths = 200 * time.Millisecond
	probeWithin   = time.Second
)

// proveDeaths finds out, as master, which workers' processes have ended, so that their tasks need
// not wait for the lease: the session has ended and the node's port refuses, seen from here and
// from another node. Silence proves nothing: it may be the network's.
func (s *Server) proveDeaths(ctx context.Context) {
	for pause(ctx, lookForDeaths) {
		left, err := s.master.Left()
		if err != nil {
			continue
		}
		for _, n := range left {
			if refuses(ctx, n.Addr) && s.refusesElsewhere(ctx, n) {
				s.log.Warn("the process of a node has ended: its port refuses, seen from two nodes", "node", n.ID, "addr", n.Addr)
				s.master.Died(master.Seat{Node: n.ID, Incarnation: n.Incarnation})
			}
		}
	}
}

// refuses says whether nobody listens at an address of a host that is up.
func refuses(ctx context.Context, addr string) bool {
	ctx, cancel := context.WithTimeout(ctx, probeWithin)
	defer cancel()
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err == nil {
		_ = c.Close() // it was only asked whether somebody is there
		return false
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// refusesElsewhere asks other nodes until one has an answer.
func (s *Server) refusesElsewhere(ctx context.Context, dead rpc.NodeInfo) bool {
	members, err := s.raft.Members()
	if err != nil {
		return false
	}
	for _, m := range members {
		if m.ID == dead.ID || m.ID == s.raft.ID() {
			continue
		}
		within, cancel := context.WithTimeout(ctx, 2*probeWithin)
		var yes bool
		err := s.askAt(within, m.Addr, "refuses", NodeQuestion{Node: dead.Addr}, &yes)
		cancel()
		if err == nil {
			return yes
		}
	}
	return false
}
