package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"

	"seikan/appliance/config"
	"seikan/storage"
	"seikan/storage/open"
)

// openBlobs opens the checkpoint storage. The configuration has settled its kind and namespace.
func openBlobs(ctx context.Context, cfg *config.Config) (storage.Store, error) {
	s := cfg.Checkpoint.Storage
	keys := maps.Clone(s.Keys)
	if keys == nil {
		keys = map[string]string{}
	}
	keys["namespace"] = s.Namespace
	settings, problems := open.Parse(s.Kind, keys)
	var store storage.Store
	err := errors.Join(problems...)
	if err == nil {
		store, err = open.Open(ctx, settings)
	}
	if err != nil {
		return nil, fmt.Errorf("open the checkpoint storage %s: %w; see seatunnel.engine.checkpoint.storage in seatunnel.yaml", s, err)
	}
	return store, nil
}
