package node

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"seikan/engine/checkpoint"
	"seikan/storage"
	"seikan/storage/open"
)

// settle finishes what a restore began and a crash cut off. No job may go on before.
func (s *Server) settle(ctx context.Context) error {
	if err := s.afterRecover(ctx); err != nil {
		return err
	}
	if err := checkpoint.Settle(ctx, s.master.Jobs, s.blobs, s.log); err != nil {
		return fmt.Errorf("settle the restored state: %w", err)
	}
	return s.findSealed(ctx)
}

// keepStorages keeps the storages clean while this node reigns.
func (s *Server) keepStorages(ctx context.Context) {
	k := storageKeeper{sweeper: checkpoint.Sweeper{Jobs: s.master.Jobs, Blobs: s.blobs, Log: s.log, Retained: s.cfg.Checkpoint.MaxRetained},
		stores: []storage.Store{s.blobs}, log: s.log, after: time.Minute, every: time.Hour, daily: 24 * time.Hour}
	if s.backups != nil {
		k.stores = append(k.stores, s.backups)
	}
	k.run(ctx)
}

// storageKeeper deletes dead checkpoints, and what killed writers left behind on the storages a
// day ago or more.
type storageKeeper struct {
	sweeper checkpoint.Sweeper
	stores  []storage.Store
	log     *slog.Logger
	after   time.Duration // before the first sweep: first the jobs go on
	every   time.Duration // between sweeps
	daily   time.Duration // between looks for what killed writers left
}

func (k storageKeeper) run(ctx context.Context) {
	k.tidy(ctx)
	tidied := time.Now()
	for wait := k.after; pause(ctx, wait); wait = k.every {
		if did, err := k.sweeper.Run(ctx); err != nil && ctx.Err() == nil {
			k.log.Warn("dead checkpoints are not all deleted", "error", err)
		} else if len(did.Deleted) > 0 {
			k.log.Info("dead checkpoints were deleted", "objects", len(did.Deleted), "bytes", did.Bytes)
		}
		if time.Since(tidied) >= k.daily {
			k.tidy(ctx)
			tidied = time.Now()
		}
	}
}

func (k storageKeeper) tidy(ctx context.Context) {
	for _, store := range k.stores {
		if err := open.Sweep(ctx, store); err != nil && ctx.Err() == nil {
			k.log.Warn("unfinished uploads are not all removed", "storage", store.String(), "error", err)
		}
	}
}
