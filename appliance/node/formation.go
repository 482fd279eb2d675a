package node

import (
	"context"
	"fmt"
	"time"

	"seikan/appliance/member"
)

// form finds or makes the cluster this node is in, then gossips with it.
func (s *Server) form(ctx context.Context) {
	look := &member.Looker{Self: s.identity, BasePort: s.cfg.Network.Port, Ask: s.port.Ask, Forced: s.forced.get, Log: s.log}
	for _, m := range s.cfg.Network.Members {
		if s.alone && s.bindHost != "" {
			m.Host = s.bindHost // whatever the list calls this host, its nodes listen there
		}
		look.List = append(look.List, m.String())
	}
	if s.cfg.Network.AutoIncrement {
		look.Extra = max(s.cfg.Network.PortTries, 0)
	}
	for ctx.Err() == nil {
		d, err := look.Await(ctx, 300*time.Millisecond)
		if err == nil {
			if err = s.follow(ctx, d); err == nil {
				s.gossip(ctx, d)
				return
			}
		}
		if ctx.Err() == nil {
			s.log.Warn("not in a cluster yet", "error", err)
			pause(ctx, time.Second)
		}
	}
}

// follow carries out a decision about the cluster. The id is noted before anyone is told that
// this node is in it.
func (s *Server) follow(ctx context.Context, d member.Decision) error {
	switch d.Do {
	case member.Bootstrap:
		if err := s.makeKey(); err != nil {
			return err
		}
		if err := s.raft.Bootstrap(); err != nil {
			return fmt.Errorf("form a cluster: %w", err)
		}
		id := randomID(16)
		s.log.Info("formed a new cluster", "cluster", s.cfg.ClusterName, "id", id, "why", d.Reason)
		return s.disk.set(id)
	case member.Join:
		if err := s.takeKey(ctx, d.Addrs); err != nil {
			return err
		}
		if err := s.raft.Join(ctx, d.Addrs, false); err != nil {
			return err
		}
		s.log.Info("joined the cluster", "cluster", s.cfg.ClusterName, "id", d.ClusterID)
		return s.disk.set(d.ClusterID)
	}
	return nil // Resume: the store goes on by itself
}

// gossip starts the member list and keeps trying to find the others.
func (s *Server) gossip(ctx context.Context, d member.Decision) {
	self := member.Member{NodeID: s.raft.ID(), Role: member.Role(s.cfg.Role), RaftAddr: s.advertised(), Version: s.version,
		Incarnation: s.incarnation, ClusterID: s.disk.cluster()}
	list, err := member.Start(member.Config{Port: s.port, ClusterName: s.cfg.ClusterName, Self: self, Log: s.log})
	if err != nil {
		s.log.Error("the member list does not start", "error", err)
		return
	}
	s.setList(list)
	for ctx.Err() == nil {
		var addrs []string
		if members, err := s.raft.Members(); err == nil {
			for _, m := range members {
				if m.ID != s.raft.ID() {
					addrs = append(addrs, m.Addr)
				}
			}
		}
		for _, o := range d.Others {
			addrs = append(addrs, o.Addr)
		}
		if len(addrs) == 0 || len(list.Members()) > 1 {
			pause(ctx, 5*time.Second)
			continue
		}
		if err := list.Join(ctx, addrs); err != nil && ctx.Err() == nil {
			s.log.Debug("no other member found yet", "error", err)
		}
		pause(ctx, time.Second)
	}
}

func (s *Server) setList(l *member.List) {
	s.listMu.Lock()
	defer s.listMu.Unlock()
	s.list = l
}

// Members are the nodes that gossip says are here; only this one before the list is up.
func (s *Server) Members() []member.Member {
	s.listMu.Lock()
	l := s.list
	s.listMu.Unlock()
	if l == nil {
		return nil
	}
	return l.Members()
}
