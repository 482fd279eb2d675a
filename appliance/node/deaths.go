package node

import (
	"context"
	"errors"
	"net"
	"syscall"
	"time"
)

const (
	lookForDeaths = 200 * time.Millisecond // while a session has ended,
	lookForEnds   = 500 * time.Millisecond // else
	probeWithin   = time.Second
)

// proveDeaths finds out, as master, which workers' processes have ended, so that their tasks need
// not wait for the lease: the session has ended and the node's port refuses, seen from here and
// from another node. Silence proves nothing: it may be the network's.
func (s *Server) proveDeaths(ctx context.Context) {
	for wait := lookForEnds; pause(ctx, wait); {
		wait = lookForEnds
		left, err := s.master.Left()
		if err != nil {
			continue
		}
		if len(left) > 0 {
			wait = lookForDeaths
		}
		for _, seat := range left {
			_, addr, err := s.find(seat.Node)
			if err == nil && refuses(ctx, addr) && s.refusesElsewhere(ctx, seat.Node, addr) {
				s.log.Warn("the process of a node has ended: its port refuses, seen from two nodes", "node", seat.Node, "addr", addr)
				s.master.Died(seat)
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
func (s *Server) refusesElsewhere(ctx context.Context, id, addr string) bool {
	members, err := s.raft.Members()
	if err != nil {
		return false
	}
	for _, m := range members {
		if m.ID == id || m.ID == s.raft.ID() {
			continue
		}
		within, cancel := context.WithTimeout(ctx, 2*probeWithin)
		var yes bool
		err := s.askAt(within, m.Addr, "refuses", NodeQuestion{Node: addr}, &yes)
		cancel()
		if err == nil {
			return yes
		}
	}
	return false
}
