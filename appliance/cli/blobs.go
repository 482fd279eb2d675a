package cli

import (
	"context"
	"fmt"

	"seikan/appliance/config"
	"seikan/storage"
	"seikan/storage/local"
)

// openBlobs opens the checkpoint storage.
func openBlobs(_ context.Context, cfg *config.Config) (storage.Store, error) {
	s := cfg.Checkpoint.Storage
	if s.Kind != config.KindLocal {
		return nil, fmt.Errorf("checkpoint storage %s is not in this build; use a folder that every node reaches", s)
	}
	store, err := local.Open(s.Namespace)
	if err != nil {
		return nil, fmt.Errorf("open the checkpoint storage: %w; seatunnel.engine.checkpoint.storage.plugin-config.namespace names another folder", err)
	}
	return store, nil
}
