package node

import (
	"context"

	"seikan/appliance/member"
)

// unmet are the addresses of those whom gossip does not know to be here: members of the cluster,
// and listed nodes that answered at the start. After a cut each half knows some, and neither would
// find the other by itself.
func (s *Server) unmet(here []member.Member, others []member.Answer) (addrs []string) {
	met := map[string]bool{s.raft.ID(): true}
	for _, m := range here {
		met[m.NodeID] = true
	}
	members, _ := s.raft.Members() // none when it closes
	for _, m := range members {
		if !met[m.ID] {
			met[m.ID] = true
			addrs = append(addrs, m.Addr)
		}
	}
	for _, o := range others {
		if !met[o.NodeID] {
			addrs = append(addrs, o.Addr)
		}
	}
	return addrs
}

// compare warns of members whose settings differ where they should not. The master's count.
func (s *Server) compare(ctx context.Context, list *member.List) {
	warned := map[string]int{}
	for e := range list.Events(ctx) {
		other := e.Member.BackupCount
		if e.Kind == member.Left || e.Kind == member.Failed || other == nil {
			continue
		}
		if before, ok := warned[e.Member.NodeID]; *other == s.cfg.BackupCount || ok && before == *other {
			continue
		}
		warned[e.Member.NodeID] = *other
		s.log.Warn("backup-count differs between nodes, and that of whichever is master counts: set the same in seatunnel.yaml of all",
			"here", s.cfg.BackupCount, "there", *other, "node", e.Member.RaftAddr)
	}
}
