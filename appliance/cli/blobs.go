package cli

import (
	"context"
	"errors"
	"fmt"

	"seikan/appliance/config"
	"seikan/appliance/node"
	"seikan/storage"
)

// openBlobs opens the checkpoint storage and that of backups, which is nil where none are made.
func openBlobs(ctx context.Context, cfg *config.Config) (checkpoints, backups storage.Store, err error) {
	checkpoints, err = node.OpenStorage(ctx, cfg.Checkpoint.Storage)
	if err != nil {
		return nil, nil, fmt.Errorf("open the checkpoint storage %s: %w; see seatunnel.engine.checkpoint.storage in seatunnel.yaml", cfg.Checkpoint.Storage, err)
	}
	if !cfg.MapStore.Enabled || cfg.Role == config.Worker {
		return checkpoints, nil, nil
	}
	backups, err = node.OpenStorage(ctx, cfg.MapStore.Storage)
	if err != nil {
		return nil, nil, errors.Join(fmt.Errorf("open the storage of backups %s: %w; see map-store in hazelcast.yaml", cfg.MapStore.Storage, err), checkpoints.Close())
	}
	return checkpoints, backups, nil
}
