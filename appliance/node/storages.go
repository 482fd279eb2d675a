package node

import (
	"context"
	"fmt"
	"sync"
	"time"

	"seikan/appliance/config"
	"seikan/storage"
	"seikan/storage/open"
)

// What is wrong with a storage and stays wrong until somebody changes a key stops a node at start:
// refused credentials, a missing bucket, a host without an address, a folder that cannot be
// written, a clock that breaks signatures. A storage that is merely down, busy or full is warned
// of, tried again, and does not stop the node: checkpoints are late meanwhile, and rows go on.
// Where nothing listens at an address it cannot be told which of the two it is; that is taken for
// down, since a node that does not start because its storage restarts would be the greater harm.

const (
	tryWithin = 10 * time.Second
	tryEvery  = 10 * time.Second
)

// OpenStorage opens a storage; one that is down is opened when it is up.
func OpenStorage(ctx context.Context, c config.Storage) (storage.Store, error) {
	settings, err := c.Settings()
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, tryWithin)
	defer cancel()
	s, err := open.Open(ctx, settings)
	if err != nil && open.MayPass(err) {
		return open.Later(settings), nil // tried, and warned of, when the node starts
	}
	return s, err
}

// place is a storage as people know it.
type place struct {
	what  string
	key   string // where it is configured
	store storage.Store
}

func (s *Server) places() []place {
	out := []place{{"the checkpoint storage", "seatunnel.engine.checkpoint.storage in seatunnel.yaml", s.blobs}}
	if s.backups != nil {
		out = append(out, place{"the storage of backups", "map-store in hazelcast.yaml", s.backups})
	}
	return out
}

// tryStorages writes, reads and deletes a small object on each storage. It returns those that are
// down now, and an error for one that somebody must change something about.
func (s *Server) tryStorages(ctx context.Context) (down []place, err error) {
	all := s.places()
	failures := make([]error, len(all))
	var wg sync.WaitGroup
	for i, p := range all {
		wg.Go(func() { failures[i] = try(ctx, p.store) })
	}
	wg.Wait()
	for i, p := range all {
		switch err := failures[i]; {
		case err == nil:
		case open.MayPass(err):
			s.log.Warn(p.what+" does not serve now; it is tried again", "storage", p.store.String(), "error", err)
			down = append(down, p)
		default:
			return nil, fmt.Errorf("%s cannot be used: %w; see %s", p.what, err, p.key)
		}
	}
	return down, nil
}

func try(ctx context.Context, store storage.Store) error {
	ctx, cancel := context.WithTimeout(ctx, tryWithin)
	defer cancel()
	return open.Probe(ctx, store)
}

// tryAgain waits until a storage serves, and says so.
func (s *Server) tryAgain(ctx context.Context, p place) {
	said := ""
	for pause(ctx, tryEvery) {
		err := try(ctx, p.store)
		switch {
		case err == nil:
			s.log.Info(p.what+" serves again", "storage", p.store.String())
			return
		case ctx.Err() == nil && err.Error() != said:
			said = err.Error()
			s.log.Warn(p.what+" does not serve yet", "storage", p.store.String(), "error", err, "see", p.key)
		}
	}
}
