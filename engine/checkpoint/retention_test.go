package checkpoint

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"seikan/db/state"
	"seikan/engine/record"
	"seikan/storage"
)

// rows are the numbers of the job's checkpoints that have a row, newest first.
func (p *place) rows(job string) (out []int64) {
	p.t.Helper()
	for _, c := range must[[]state.Checkpoint](p.t)(p.jobs.Checkpoints(p.t.Context(), job, 100)) {
		out = append(out, c.ID)
	}
	return out
}

func TestPruneKeepsTheNewestAndSavepointsAndDeletesWhatWasGivenUp(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	job := p.job("1")
	for range 3 {
		p.take(job, record.Checkpoint, p.complete)
	}
	p.take(job, record.Savepoint, p.complete)
	p.take(job, record.Checkpoint, p.abort) // 5: its manifest came to the storage late
	for range 3 {
		p.take(job, record.Checkpoint, p.complete)
	}
	p.take(job, record.Checkpoint, nil) // 9: under way
	Keeper{p.jobs, p.blobs, p.logger(), 2}.Prune(t.Context(), "1", 1, 8)
	want := []int64{9, 8, 7, 4}
	if got := p.rows("1"); !slices.Equal(got, want) {
		t.Errorf("rows %v are left, want %v", got, want)
	}
	var stored []int64
	for _, name := range p.names() {
		o, _ := ParseName(name)
		stored = append(stored, o.Checkpoint)
	}
	slices.Sort(want)
	if !slices.Equal(stored, want) {
		t.Errorf("manifests %v are left, want %v", stored, want)
	}
}

// away is a storage that deletes nothing.
type away struct{ storage.Store }

var errAway = errors.New("it is away")

func (away) Delete(context.Context, ...string) error { return errAway }

func TestWithoutItsStorageNoRowIsForgotten(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	job := p.job("1")
	for range 5 {
		p.take(job, record.Checkpoint, p.complete)
	}
	p.end("1", state.Finished)
	Keeper{p.jobs, away{p.blobs}, p.logger(), 2}.DropAll(t.Context(), "1", state.Finished)
	if got := p.rows("1"); len(got) != 5 {
		t.Errorf("rows %v are left, want all", got)
	}
	if log := p.log.String(); strings.Count(log, errAway.Error()) != 1 || !strings.Contains(log, "job=1") {
		t.Errorf("want one warning:\n%s", log)
	}
	Keeper{p.jobs, p.blobs, p.logger(), 2}.DropAll(t.Context(), "1", state.Finished)
	if rows, names := p.rows("1"), p.names(); len(rows)+len(names) > 0 {
		t.Errorf("rows %v and objects %v are left", rows, names)
	}
}

// slow is a storage on which something happens before the first deletion.
type slow struct {
	storage.Store
	meanwhile func()
}

func (s *slow) Delete(ctx context.Context, names ...string) error {
	if s.meanwhile != nil {
		s.meanwhile()
		s.meanwhile = nil
	}
	return s.Store.Delete(ctx, names...)
}

// TestARestartedJobLosesNoCheckpoint: whoever deletes a job's checkpoints learned a while ago that
// it has ended. It goes on from those that are there, or from none, and keeps its own.
func TestARestartedJobLosesNoCheckpoint(t *testing.T) {
	t.Parallel()
	p := newPlace(t)
	job := p.job("1")
	for range 2 {
		p.take(job, record.Checkpoint, p.complete)
	}
	p.end("1", state.Canceled)
	restart := func(op string) {
		job = must[state.Job](t)(p.jobs.Restart(t.Context(), state.Submit{ID: "1", Name: "copy", Mode: "STREAMING", Text: "{}", TextFormat: "json"}, op))
		for _, s := range []state.Status{state.Created, state.Pending, state.Scheduled, state.Running} {
			must[state.Job](t)(p.jobs.SetStatus(t.Context(), "1", nil, s))
		}
	}
	restart("again")
	late := Keeper{p.jobs, p.blobs, p.logger(), 2}
	late.DropAll(t.Context(), "1", state.Finished, state.Canceled)
	must[Sweep](t)(Sweeper(late).Run(t.Context()))
	if got := p.rows("1"); !slices.Equal(got, []int64{2, 1}) || len(p.names()) != 2 {
		t.Errorf("rows %v and objects %v are left of a job that runs, want all", got, p.names())
	}
	for i, clear := range []func(Keeper){
		func(k Keeper) { k.DropAll(t.Context(), "1", state.Finished, state.Canceled) },
		func(k Keeper) { must[Sweep](t)(Sweeper(k).Run(t.Context())) },
	} {
		p.end("1", state.Canceled)
		var newest *Manifest
		late.Blobs = &slow{p.blobs, func() {
			restart(fmt.Sprint("once more ", i))
			newest = must[*Manifest](t)(Newest(t.Context(), p.jobs, p.blobs, "1", 1, p.logger()))
			p.take(job, record.Checkpoint, p.complete)
		}}
		clear(late)
		if newest != nil {
			t.Errorf("checkpoint %d is gone on from and deleted", newest.Checkpoint)
		}
		if got := p.rows("1"); !slices.Equal(got, []int64{int64(3 + i)}) || len(p.names()) != 1 {
			t.Errorf("rows %v and objects %v are left, want those of checkpoint %d", got, p.names(), 3+i)
		}
	}
}
