package member

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Join meets the nodes at addrs, host:port, and through them all others. It succeeds if it met
// one; otherwise the error says of each why not.
func (l *List) Join(ctx context.Context, addrs []string) error {
	met, errs := 0, []error(nil)
	for _, addr := range addrs {
		places, err := resolve(ctx, l.cfg.Resolve, addr)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		for _, place := range places {
			if err := ctx.Err(); err != nil {
				errs = append(errs, err)
				break
			}
			l.tr.call(place.String(), addr)
			n, err := l.join(ctx, place.String())
			if met += n; err != nil {
				errs = append(errs, err)
			}
		}
	}
	if met > 0 {
		return nil
	}
	if len(errs) == 0 {
		errs = append(errs, errors.New("no address given"))
	}
	return fmt.Errorf("join the members of %q: %w", l.cfg.ClusterName, errors.Join(errs...))
}

// join is memberlist's, which knows no context. A call that is given up ends by its own timeout.
func (l *List) join(ctx context.Context, addr string) (met int, err error) {
	type result struct {
		n   int
		err error
	}
	got := make(chan result, 1)
	l.wg.Go(func() {
		n, err := l.ml.Join([]string{addr})
		got <- result{n, err}
	})
	select {
	case r := <-got:
		return r.n, r.err
	case <-ctx.Done():
		return 0, fmt.Errorf("%s: %w", addr, ctx.Err())
	}
}

// sayGoodbye tells every member directly that what is coming is no failure: memberlist knows, but
// does not hand it on to its delegates.
func (l *List) sayGoodbye(ctx context.Context) {
	text, err := json.Marshal(goodbye{l.self.NodeID, l.self.Incarnation})
	if err != nil {
		return // two strings
	}
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	var told sync.WaitGroup
	for _, n := range l.ml.Members() {
		if n.Name == l.self.NodeID {
			continue
		}
		told.Add(1)
		l.wg.Go(func() {
			defer told.Done()
			_ = l.ml.SendReliable(n, text) // who does not hear it takes us for failed, which is no harm
		})
	}
	all := make(chan struct{})
	l.wg.Go(func() {
		told.Wait()
		close(all)
	})
	select {
	case <-all:
	case <-ctx.Done():
	}
}

// goodbye is the one message of our own among memberlist's.
type goodbye struct {
	NodeID      string `json:"bye"`
	Incarnation string `json:"i"`
}
