package node

import (
	"context"
	"errors"
	"time"

	"seikan/appliance/member"
	"seikan/appliance/port"
)

// foundEvery is how often a node that could not form a cluster tries again.
const foundEvery = 5 * time.Second

// form finds or makes the cluster this node is in, then gossips with it.
func (s *Server) form(ctx context.Context) {
	look := &member.Looker{Self: s.identity, BasePort: s.cfg.Network.Port, Ask: s.port.Ask, Forced: func() bool { return s.forced.get() || s.staged() }, Log: s.log,
		Waits: func(d member.Decision) { s.waits.Store(&d.Reason) }}
	if s.cfg.Network.AutoIncrement {
		look.Extra = max(s.cfg.Network.PortTries, 0)
	}
	said, wait := "", time.Second
	for ctx.Err() == nil {
		looking, list := s.listed.watch(ctx)
		look.List = look.List[:0]
		for _, m := range list {
			if s.alone && s.bindHost != "" {
				m.Host = s.bindHost // whatever the list calls this host, its nodes listen there
			}
			look.List = append(look.List, m.String())
		}
		d, err := look.Await(looking, 300*time.Millisecond)
		if err == nil {
			s.waits.Store(&d.Reason)
			if d.Conflict != "" {
				s.log.Error("listed nodes are not of this cluster", "why", d.Conflict)
			}
			if err = s.follow(ctx, d); err == nil {
				s.gossip(ctx, d)
				return
			}
		}
		if ctx.Err() == nil && looking.Err() == nil {
			why := err.Error()
			if why != said {
				s.log.Error("not in a cluster yet", "error", err)
			}
			said = why
			s.waits.Store(&why)
			pause(ctx, wait)
			if wait = time.Second; d.Do == member.Bootstrap { // a storage that is down, or a person who has to do something
				wait = foundEvery
			}
		}
	}
}

// follow carries out a decision about the cluster. The id is noted before anyone is told that
// this node is in it.
func (s *Server) follow(ctx context.Context, d member.Decision) error {
	switch d.Do {
	case member.Bootstrap:
		formed := s.holdWork(ctx, d.Others)
		err := s.found(ctx, d.Reason)
		formed(err)
		return err
	case member.Join:
		if err := s.giveUpPast(); err != nil {
			return err
		}
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
		Incarnation: s.incarnation, ClusterID: s.disk.cluster(), BackupCount: &s.cfg.BackupCount}
	list, err := member.Start(member.Config{Port: s.port, ClusterName: s.cfg.ClusterName, Self: self, Log: s.log})
	if err != nil {
		s.log.Error("the member list does not start", "error", err)
		return
	}
	s.setList(list)
	s.wg.Go(func() { s.compare(ctx, list) })
	said := ""
	for ctx.Err() == nil {
		addrs := s.unmet(list.Members(), d.Others)
		if len(addrs) == 0 {
			pause(ctx, 5*time.Second)
			continue
		}
		err := list.Join(ctx, addrs)
		var refused *port.RefusedError
		if errors.As(err, &refused) && refused.Reason != said {
			said = refused.Reason
			s.log.Error("a listed node is not of this cluster", "addr", refused.Addr, "why", refused.Reason,
				"hint", "if both were to form one cluster, their member lists differ: correct them, and empty the state directory of the nodes that shall join the other")
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
