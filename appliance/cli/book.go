package cli

import (
	"context"
	"encoding/json"
	"fmt"

	"seikan/appliance/node"
	"seikan/db/state"
)

// book is where jobs are written down: this user's own state, or a cluster.
type book interface {
	Job(ctx context.Context, id string) (state.Job, error)
	Jobs(ctx context.Context, f state.Filter, after string, limit int) (jobs []state.Job, next string, err error)
	Pipelines(ctx context.Context, id string) ([]state.Pipeline, error)
	Checkpoints(ctx context.Context, id string, limit int) ([]state.Checkpoint, error)
	Runs(ctx context.Context, id string) ([]state.Run, error)
	Events(ctx context.Context, id string, after int64, limit int) ([]state.Event, error)
	SetDesired(ctx context.Context, id string, want state.Desired) (state.Job, error)
	Counters(ctx context.Context, j state.Job) (map[string]int64, error)
	// Reap finds jobs whose process has died.
	Reap(ctx context.Context) error
}

// rows is embedded under this name, since Jobs is a method of it.
type rows = state.Jobs

// localBook is the state of local mode.
type localBook struct {
	*rows
	l *node.Local
}

func (b localBook) Counters(_ context.Context, j state.Job) (map[string]int64, error) {
	return b.l.Counters(j)
}
func (b localBook) Reap(ctx context.Context) error { return b.l.Reap(ctx) }

// clusterBook is a cluster. Its master finds dead nodes itself.
type clusterBook struct{ *node.Client }

func (clusterBook) Reap(context.Context) error { return nil }

// Counters of a job that has ended stand in its row.
func (b clusterBook) Counters(ctx context.Context, j state.Job) (counters map[string]int64, err error) {
	if !j.Status.Ended() {
		return b.Client.Counters(ctx, j)
	}
	if j.Metrics != "" {
		if err = json.Unmarshal([]byte(j.Metrics), &counters); err != nil {
			return nil, fmt.Errorf("read the counters of job %s: %w", j.ID, err)
		}
	}
	return counters, nil
}
