package member

import (
	"context"
	"sync"
)

// EventKind is what happened to a member.
type EventKind string

const (
	Joined  EventKind = "joined"
	Updated EventKind = "updated" // it tells something else of itself
	Left    EventKind = "left"    // it said goodbye
	Failed  EventKind = "failed"  // it does not answer any more
)

// Event is something that happened to a member.
type Event struct {
	Kind   EventKind
	Member Member
}

// maxWaiting events wait for a subscriber; then the older ones of a node that has newer ones
// are dropped, so that what waits is bounded by the number of nodes.
const maxWaiting = 256

// subscriber is one reader of events. Whoever reports an event never waits for it.
type subscriber struct {
	mu      sync.Mutex
	waiting []Event
	wake    chan struct{}
}

func (s *subscriber) add(e Event) {
	s.mu.Lock()
	s.waiting = append(s.waiting, e)
	if len(s.waiting) > maxWaiting {
		s.waiting = newestOfEach(s.waiting)
	}
	s.mu.Unlock()
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

func newestOfEach(events []Event) []Event {
	last := make(map[string]int, len(events))
	for i, e := range events {
		last[e.Member.NodeID] = i
	}
	kept := events[:0]
	for i, e := range events {
		if last[e.Member.NodeID] == i {
			kept = append(kept, e)
		}
	}
	return kept
}

func (s *subscriber) take() []Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := s.waiting
	s.waiting = nil
	return out
}

// feed hands events on until ctx or over ends; then it closes out.
func (s *subscriber) feed(ctx context.Context, over <-chan struct{}, out chan<- Event) {
	defer close(out)
	for {
		select {
		case <-s.wake:
		case <-ctx.Done():
			return
		case <-over:
			return
		}
		for _, e := range s.take() {
			select {
			case out <- e:
			case <-ctx.Done():
				return
			case <-over:
				return
			}
		}
	}
}

// board is everybody who wants to know.
type board struct {
	mu   sync.Mutex
	subs map[*subscriber]struct{}
	here map[string]Member // who is present, by id, according to the events so far
	byes map[string]string // incarnation of those here who said goodbye, by id
}

func newBoard() *board {
	return &board{subs: make(map[*subscriber]struct{}), here: make(map[string]Member), byes: make(map[string]string)}
}

// post tells everybody. A failure of one who said goodbye is Left; what it is then, it returns.
func (b *board) post(e Event) EventKind {
	b.mu.Lock()
	defer b.mu.Unlock()
	id := e.Member.NodeID
	if e.Kind == Failed {
		if said, ok := b.byes[id]; ok && said == e.Member.Incarnation {
			e.Kind = Left
		}
		delete(b.here, id)
		delete(b.byes, id)
	} else {
		b.here[id] = e.Member
	}
	for s := range b.subs {
		s.add(e)
	}
	return e.Kind
}

// leaving notes that a member said goodbye.
func (b *board) leaving(g goodbye) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if _, ok := b.here[g.NodeID]; ok {
		b.byes[g.NodeID] = g.Incarnation
	}
}

// join adds a subscriber, who first learns who is here.
func (b *board) join() *subscriber {
	b.mu.Lock()
	defer b.mu.Unlock()
	s := &subscriber{wake: make(chan struct{}, 1)}
	for _, m := range b.members() {
		s.add(Event{Joined, m})
	}
	b.subs[s] = struct{}{}
	return s
}

func (b *board) quit(s *subscriber) {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.subs, s)
}

// members are those present, by id. The caller holds mu.
func (b *board) members() []Member {
	out := make([]Member, 0, len(b.here))
	for _, m := range b.here {
		out = append(out, m)
	}
	return sorted(out)
}
