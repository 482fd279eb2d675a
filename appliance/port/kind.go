package port

import "fmt"

// Kind is a protocol that shares the port. Those below 0x10 are streams of our own: their value
// is the first byte on the wire.
type Kind byte

const (
	Raft   Kind = 1 // hashicorp/raft
	Store  Kind = 2 // rqlite's cluster service
	Gossip Kind = 3 // memberlist's streams
	RPC    Kind = 4 // gRPC between nodes
	who    Kind = 5 // the greeting is all of it
	HTTP   Kind = 0x10
)

func (k Kind) String() string {
	switch k {
	case Raft:
		return "raft"
	case Store:
		return "store"
	case Gossip:
		return "gossip"
	case RPC:
		return "rpc"
	case who:
		return "who"
	case HTTP:
		return "http"
	}
	return fmt.Sprintf("kind %d", byte(k))
}

func (k Kind) ours() bool { return k >= Raft && k <= who }

// speech is what the first bytes of a connection say.
type speech byte

const (
	unclear    speech = iota // more bytes are needed
	ours                     // the first byte is a Kind
	web                      // HTTP/1 or the preface of HTTP/2
	tlsHello                 // a TLS handshake record
	javaClient               // SeaTunnel's client: CP2 (Hazelcast Open Binary Client Protocol)
	javaMember               // a SeaTunnel node: HZC (Hazelcast's member protocol)
	unknown
)

// longestTold is how many bytes tell is sure after.
const longestTold = 3

// tell looks at the first bytes. Of HTTP it wants three capital letters: every registered method
// has them, and so has the preface of HTTP/2, "PRI * HTTP/2.0" (RFC 9113, 3.4).
func tell(first []byte) speech {
	if len(first) == 0 {
		return unclear
	}
	switch b := first[0]; {
	case Kind(b).ours():
		return ours
	case b == 0x16: // RFC 8446, 5.1
		return tlsHello
	}
	for _, b := range first[:min(len(first), longestTold)] {
		if (b < 'A' || b > 'Z') && b != '2' {
			return unknown
		}
	}
	if len(first) < longestTold {
		return unclear
	}
	switch string(first[:longestTold]) {
	case "CP2":
		return javaClient
	case "HZC":
		return javaMember
	}
	for _, b := range first[:longestTold] {
		if b == '2' {
			return unknown
		}
	}
	return web
}
