package member

import (
	"encoding/json"
	"fmt"
	"net"
	"strconv"
	"strings"

	"github.com/hashicorp/memberlist"
)

// tells implements memberlist.Delegate: what this node says.
type tells struct{ l *List }

func (t tells) NodeMeta(int) []byte             { return *t.l.meta.Load() }
func (tells) GetBroadcasts(int, int) [][]byte   { return nil }
func (tells) LocalState(bool) []byte            { return nil }
func (tells) MergeRemoteState(_ []byte, _ bool) {}

func (t tells) NotifyMsg(text []byte) {
	var g goodbye
	if err := json.Unmarshal(text, &g); err == nil && g.NodeID != "" {
		t.l.board.leaving(g)
	}
}

// admits implements memberlist.AliveDelegate and MergeDelegate: whom this node takes for a member.
type admits struct{ l *List }

func (a admits) NotifyAlive(n *memberlist.Node) error {
	m, err := decode(n)
	if err != nil {
		return err
	}
	own := own(a.l)
	if m.ClusterID != "" && own != "" && m.ClusterID != own {
		return fmt.Errorf("node %s (%s) is of cluster %s and this one of %s: two clusters named %q exist, and they do not merge",
			m.NodeID, m.RaftAddr, m.ClusterID, own, a.l.cfg.ClusterName)
	}
	return nil
}

func (a admits) NotifyMerge(peers []*memberlist.Node) error {
	for _, n := range peers {
		if err := a.NotifyAlive(n); err != nil {
			return err
		}
	}
	return nil
}

// own is this node's cluster id as the others are told; Self would wait for UpdateMeta, which
// ends up here.
func own(l *List) string {
	m, err := decode(&memberlist.Node{Name: l.cfg.Self.NodeID, Meta: *l.meta.Load()})
	if err != nil {
		return ""
	}
	return m.ClusterID
}

// hears implements memberlist.EventDelegate and ConflictDelegate: what happens to the others. It
// is called with memberlist's locks held.
type hears struct{ l *List }

func (h hears) post(kind EventKind, n *memberlist.Node) {
	m, err := decode(n)
	if err != nil {
		return // admits has kept it out, and said so
	}
	addr := net.JoinHostPort(n.Addr.String(), strconv.Itoa(int(n.Port)))
	if kind == Failed {
		h.l.tr.forget(addr)
	} else {
		h.l.tr.call(addr, m.RaftAddr)
	}
	kind = h.l.board.post(Event{kind, m})
	if m.NodeID != h.l.cfg.Self.NodeID && kind != Updated {
		h.l.cfg.Log.Info("member "+string(kind), "node", m.NodeID, "addr", m.RaftAddr, "role", string(m.Role), "version", m.Version)
	}
}

func (h hears) NotifyJoin(n *memberlist.Node)   { h.post(Joined, n) }
func (h hears) NotifyUpdate(n *memberlist.Node) { h.post(Updated, n) }
func (h hears) NotifyLeave(n *memberlist.Node) {
	h.post(Failed, n) // or Left, as the board knows
}

func (h hears) NotifyConflict(existing, other *memberlist.Node) {
	h.l.cfg.Log.Error("two nodes use one id: was a state directory copied? Empty it on one of them, and it takes a new id",
		"node", existing.Name, "addrs", strings.Join([]string{existing.Address(), other.Address()}, ", "))
}
