package port

import (
	"sync"
	"time"
)

// once keeps a log readable: the same thing about the same peer is said once in a while.
type once struct {
	mu   sync.Mutex
	said map[string]time.Time
	now  func() time.Time
}

const (
	saidFor = 10 * time.Minute
	saidMax = 1024 // things remembered; then all are forgotten
)

func (o *once) first(what string) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	now := o.now()
	if at, ok := o.said[what]; ok && now.Sub(at) < saidFor {
		return false
	}
	if o.said == nil || len(o.said) >= saidMax {
		o.said = make(map[string]time.Time)
	}
	o.said[what] = now
	return true
}
