package state

import (
	"crypto/rand"
	"encoding/hex"
	"strconv"
	"sync"
	"time"
)

// JobIDs makes job ids: decimal numbers of 18 or 19 digits that grow with time, laid out as the
// flake ids SeaTunnel's users know: milliseconds since 2018, 6 bits of sequence, 16 bits of
// node. Of one node none is made twice, even if the clock is set back while it runs.
type JobIDs struct {
	clock func() time.Time
	node  int64
	mu    sync.Mutex
	last  int64 // milliseconds since 2018 and sequence in one number
}

const (
	sequenceBits = 6
	nodeBits     = 16
)

var flakeEpoch = time.Date(2018, 1, 1, 0, 0, 0, 0, time.UTC).UnixMilli()

// NewJobIDs makes ids for a node: a number of its own in a cluster, a random one elsewhere.
func NewJobIDs(clock func() time.Time, node uint16) *JobIDs {
	return &JobIDs{clock: clock, node: int64(node)}
}

// Next makes an id. More than 64 in a millisecond borrow from the next ones.
func (g *JobIDs) Next() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	now := max(0, g.clock().UnixMilli()-flakeEpoch) << sequenceBits
	g.last = max(g.last+1, now)
	return strconv.FormatInt(g.last<<nodeBits|g.node, 10)
}

// RandomID makes an operation id or a run id: 128 random bits in hex.
func RandomID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails, by its contract
	return hex.EncodeToString(b[:])
}
