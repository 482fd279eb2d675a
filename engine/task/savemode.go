package task

import (
	"context"
	"fmt"
	"strings"

	"seikan/db/state"
	"seikan/engine/fault"
	"seikan/engine/plan"
	"seikan/engine/plugin"
)

// SaveModes prepares every sink's tables, once a job: what is recorded as done is not done
// again by a restore, and what is not recorded has written no row yet. allowed is asked before
// each: a process that was paused must not begin what another may have done since. (Invariant 8)
func SaveModes(ctx context.Context, jobs *state.Jobs, p *plan.Plan, identity plugin.Task, allowed func() error) error {
	for _, pipeline := range p.Pipelines {
		sinks := pipeline.Sinks
		if pipeline.ID == 1 && p.Dirty != nil {
			sinks = append(sinks[:len(sinks):len(sinks)], p.Dirty)
		}
		for _, s := range sinks {
			for _, t := range s.Tables {
				preparer, ok := t.Sink.(plugin.TablePreparer)
				if !ok {
					continue
				}
				task := identity
				task.Pipeline, task.Parallelism, task.Action = pipeline.ID, pipeline.Parallelism, s.Action
				if err := allowed(); err != nil {
					return err
				}
				if err := saveMode(ctx, jobs, preparer, task, fmt.Sprintf("%d-%s", s.Index, s.Factory.Spec.Name), t.Table); err != nil {
					return fmt.Errorf("%s: prepare %s: %w", s.Action, strings.TrimSpace("table "+t.Table), err)
				}
			}
		}
	}
	return nil
}

func saveMode(ctx context.Context, jobs *state.Jobs, preparer plugin.TablePreparer, task plugin.Task, sink, table string) error {
	if _, done, err := jobs.SaveModeDone(ctx, task.JobID, sink, table); done || err != nil {
		return err
	}
	fault.Point("savemode.before")
	err := preparer.PrepareTable(ctx, task)
	fault.Point("savemode.after")
	if err != nil {
		return err
	}
	return jobs.MarkSaveMode(ctx, task.JobID, sink, table)
}
