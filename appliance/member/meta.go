package member

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/hashicorp/memberlist"
)

// Role is what a node may do. It is declared, never inferred.
type Role string

const (
	Hybrid Role = "master_and_worker"
	Master Role = "master"
	Worker Role = "worker"
)

// Votes says whether a node of this role may be a voter, and so a master.
func (r Role) Votes() bool { return r == Hybrid || r == Master }

// Member is what a node tells the others about itself. Of a few hundred bytes of it a packet is
// made, so it must stay small.
type Member struct {
	NodeID string `json:"n"`
	Role   Role   `json:"r"`
	// RaftAddr, RPCAddr and HTTPAddr are host:port. An empty RPCAddr is RaftAddr.
	RaftAddr string `json:"a"`
	RPCAddr  string `json:"g,omitempty"`
	HTTPAddr string `json:"h,omitempty"`
	Version  string `json:"v,omitempty"`
	// Incarnation is new with each start of the process.
	Incarnation string `json:"i,omitempty"`
	// ClusterID is empty until the node is in a cluster.
	ClusterID string `json:"c,omitempty"`
	// BackupCount is what the node is configured with; nil: it does not tell.
	BackupCount *int `json:"b,omitempty"`
}

func encode(m Member) ([]byte, error) {
	if m.NodeID == "" || m.RaftAddr == "" {
		return nil, errors.New("what this node tells of itself lacks its id or address")
	}
	if m.RPCAddr == m.RaftAddr {
		m.RPCAddr = ""
	}
	text, err := json.Marshal(m)
	if err == nil && len(text) > memberlist.MetaMaxSize {
		err = fmt.Errorf("what this node tells of itself is %d bytes long, at most %d are allowed: shorten its host names", len(text), memberlist.MetaMaxSize)
	}
	return text, err
}

func decode(n *memberlist.Node) (Member, error) {
	var m Member
	if err := json.Unmarshal(n.Meta, &m); err != nil {
		return m, fmt.Errorf("what node %s (%s) tells of itself is unreadable: %w", n.Name, n.Address(), err)
	}
	if m.NodeID != n.Name {
		return m, fmt.Errorf("node %s (%s) calls itself %q", n.Name, n.Address(), m.NodeID)
	}
	if m.RPCAddr == "" {
		m.RPCAddr = m.RaftAddr
	}
	return m, nil
}

func byID(a, b Member) int {
	switch {
	case a.NodeID < b.NodeID:
		return -1
	case a.NodeID > b.NodeID:
		return 1
	}
	return 0
}

func sorted(ms []Member) []Member {
	slices.SortFunc(ms, byID)
	return ms
}
