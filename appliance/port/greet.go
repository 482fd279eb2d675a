package port

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"net"
)

// Every stream of our own begins with a greeting. After the byte of its Kind:
//
//	dialer                            acceptor
//	hello{nonce, keyed, identity}  ->
//	                               <- challenge{nonce, keyed}
//	proof{mac}                     ->
//	                               <- verdict{refuse, mac, identity}
//
// Each message is a length of two bytes (big endian) and JSON, so that a node of another version
// can ignore what it does not know. A mac is HMAC-SHA256 with a key made from the cluster key,
// over the side, the kind, hello and challenge as they were on the wire: fresh nonces of both
// sides keep old ones from being played back, the side keeps them from being reflected. Who the
// acceptor is, it tells only after it knows the dialer.

// Identity is what a node says of itself when it is greeted, and what nodes that look for each
// other need to know.
type Identity struct {
	ClusterName string `json:"cluster"`
	// ClusterID is empty as long as the node's disk is.
	ClusterID string `json:"cluster_id,omitempty"`
	NodeID    string `json:"node"`
	// Addr is the host:port under which the others reach it.
	Addr string `json:"addr"`
	// Role is master_and_worker, master or worker.
	Role string `json:"role,omitempty"`
	// Incremented: its port is not the configured one, but a later one.
	Incremented bool   `json:"incremented,omitempty"`
	Version     string `json:"version,omitempty"`
}

const (
	greeting    = 1 // version
	maxMessage  = 4 << 10
	nonceLength = 32
)

type hello struct {
	V     int      `json:"v"`
	Nonce []byte   `json:"nonce"`
	Keyed bool     `json:"keyed"` // it has a cluster key
	ID    Identity `json:"id"`
}

type challenge struct {
	V      int    `json:"v"`
	Nonce  []byte `json:"nonce,omitempty"`
	Keyed  bool   `json:"keyed"`
	Refuse string `json:"refuse,omitempty"`
}

type proof struct {
	MAC []byte `json:"mac,omitempty"`
}

type verdict struct {
	Refuse string   `json:"refuse,omitempty"`
	MAC    []byte   `json:"mac,omitempty"`
	ID     Identity `json:"id"`
}

func send(w io.Writer, head []byte, m any) (frame []byte, err error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, err
	}
	if len(body) > maxMessage {
		return nil, fmt.Errorf("greeting of %d bytes, at most %d are allowed", len(body), maxMessage)
	}
	out := binary.BigEndian.AppendUint16(head, uint16(len(body)))
	_, err = w.Write(append(out, body...))
	return body, err
}

func receive(r io.Reader, m any) (frame []byte, err error) {
	var size [2]byte
	if _, err := io.ReadFull(r, size[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint16(size[:])
	if n > maxMessage {
		return nil, fmt.Errorf("greeting of %d bytes, at most %d are allowed", n, maxMessage)
	}
	frame = make([]byte, n)
	if _, err := io.ReadFull(r, frame); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(frame, m); err != nil {
		return nil, fmt.Errorf("greeting: %w", err)
	}
	return frame, nil
}

func nonce() []byte {
	b := make([]byte, nonceLength)
	_, _ = rand.Read(b) // crypto/rand.Read never fails, by its contract
	return b
}

// mac proves the key for one greeting.
func mac(key []byte, side string, kind Kind, hello, challenge []byte) []byte {
	sum := func(key, data []byte) []byte {
		h := hmac.New(sha256.New, key)
		h.Write(data)
		return h.Sum(nil)
	}
	h, c := sha256.Sum256(hello), sha256.Sum256(challenge)
	said := append([]byte(side), 0, byte(kind))
	said = append(append(said, h[:]...), c[:]...)
	return sum(sum(key, []byte("seikan stream 1")), said)
}

const (
	dialing   = "dialer"
	accepting = "acceptor"
)

// answer is the acceptor's side. refusal says why the peer is not let in, err why the greeting
// did not come about.
func (p *Port) answer(c *conn, kind Kind) (refusal string, err error) {
	var h hello
	said, err := receive(c, &h)
	if err != nil {
		return "", err
	}
	if h.V < 1 || len(h.Nonce) != nonceLength {
		return "", fmt.Errorf("greeting of version %d with a nonce of %d bytes", h.V, len(h.Nonce))
	}
	key := p.guard.Key()
	asked, err := send(c, nil, challenge{V: greeting, Nonce: nonce(), Keyed: key != nil})
	if err != nil {
		return "", err
	}
	var pr proof
	if _, err := receive(c, &pr); err != nil {
		return "", err
	}
	me := p.identity()
	both := key != nil && h.Keyed
	proven := both && hmac.Equal(pr.MAC, mac(key, dialing, kind, said, asked))
	known := proven || p.guard.Trusts(c.RemoteAddr(), c.LocalAddr())
	switch {
	case h.ID.ClusterName != me.ClusterName && known:
		refusal = fmt.Sprintf("the node at %s belongs to cluster %q, this one (%s) to %q: set the same cluster-name in hazelcast.yaml, or take it off the member list",
			h.ID.Addr, h.ID.ClusterName, me.Addr, me.ClusterName)
	case h.ID.ClusterName != me.ClusterName:
		refusal = fmt.Sprintf("the node at %s belongs to cluster %q, this one to another: compare cluster-name in hazelcast.yaml", h.ID.Addr, h.ID.ClusterName)
	case both && !proven:
		refusal = "the two nodes hold different cluster keys: copy seikan-cluster.key from a node of the cluster"
	case !known:
		refusal = "the peer is not of the member list and does not prove the cluster key: add it to member-list in hazelcast.yaml, or copy seikan-cluster.key to it"
	case kind != who:
		refusal = apart(h.ID, me)
	}
	v := verdict{Refuse: refusal}
	if known {
		v.ID = me
	}
	if both && proven {
		v.MAC = mac(key, accepting, kind, said, asked)
	}
	_, err = send(c, nil, v)
	return refusal, err
}

// apart says why two nodes of one cluster name do not belong together.
func apart(peer, me Identity) string {
	if peer.ClusterID == "" || me.ClusterID == "" || peer.ClusterID == me.ClusterID {
		return ""
	}
	return fmt.Sprintf("the node at %s is of cluster %s, the one at %s of cluster %s: two clusters named %q exist, and they do not merge; "+
		"empty the state directory of the nodes that shall join the other", peer.Addr, peer.ClusterID, me.Addr, me.ClusterID, me.ClusterName)
}

// ask is the dialer's side. It returns who answered.
func (p *Port) ask(c net.Conn, kind Kind) (Identity, error) {
	me, key := p.identity(), p.guard.Key()
	said, err := send(c, []byte{byte(kind)}, hello{V: greeting, Nonce: nonce(), Keyed: key != nil, ID: me})
	if err != nil {
		return Identity{}, err
	}
	var ch challenge
	asked, err := receive(c, &ch)
	if err != nil {
		return Identity{}, err
	}
	if ch.Refuse != "" {
		return Identity{}, &RefusedError{Reason: ch.Refuse}
	}
	if len(ch.Nonce) != nonceLength {
		return Identity{}, fmt.Errorf("challenge with a nonce of %d bytes", len(ch.Nonce))
	}
	both := key != nil && ch.Keyed
	var pr proof
	if both {
		pr.MAC = mac(key, dialing, kind, said, asked)
	}
	if _, err := send(c, nil, pr); err != nil {
		return Identity{}, err
	}
	var v verdict
	if _, err := receive(c, &v); err != nil {
		return Identity{}, err
	}
	switch {
	case v.Refuse != "":
		return Identity{}, &RefusedError{Reason: v.Refuse}
	case both && !hmac.Equal(v.MAC, mac(key, accepting, kind, said, asked)):
		return Identity{}, &RefusedError{ByUs: true, Reason: "it does not hold the cluster key"}
	case !both && !p.guard.Trusts(c.RemoteAddr(), c.LocalAddr()):
		return Identity{}, &RefusedError{ByUs: true, Reason: "it is not of the member list and does not prove the cluster key"}
	}
	return v.ID, nil
}

// RefusedError says that one node does not let another in.
type RefusedError struct {
	Addr   string // who was called
	ByUs   bool   // this node refused
	Reason string
}

func (e *RefusedError) Error() string {
	if e.ByUs {
		return fmt.Sprintf("%s is refused: %s", e.Addr, e.Reason)
	}
	return fmt.Sprintf("%s refuses this node: %s", e.Addr, e.Reason)
}
