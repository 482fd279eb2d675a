package checkpoint

import (
	"context"
	"errors"
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
	Keeper{p.jobs, away{p.blobs}, p.logger(), 2}.DropAll(t.Context(), "1")
	if got := p.rows("1"); len(got) != 5 {
		t.Errorf("rows %v are left, want all", got)
	}
	if log := p.log.String(); strings.Count(log, errAway.Error()) != 1 || !strings.Contains(log, "job=1") {
		t.Errorf("want one warning:\n%s", log)
	}
	Keeper{p.jobs, p.blobs, p.logger(), 2}.DropAll(t.Context(), "1")
	if rows, names := p.rows("1"), p.names(); len(rows)+len(names) > 0 {
		t.Errorf("rows %v and objects %v are left", rows, names)
	}
}
