package file_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"seikan/engine/plugin"
	"seikan/engine/plugin/plugintest"
	"seikan/engine/record"
)

// manifest is what a checkpoint keeps.
type manifest struct {
	pending []plugin.State
	writer  []plugin.State
	rows    int64
}

// attempt is a writer and a committer as the engine runs them. After a crash they may live on
// for a while, not knowing that others have taken over.
type attempt struct {
	writer    plugin.Writer
	committer plugin.Committer
	rows      int64          // given to the writer
	reported  []plugin.State // prepared, not in a manifest
	recorded  []plugin.State // in a manifest, not acknowledged
}

// Whatever order crashes, lost acknowledgements, aborted checkpoints and late moves of old
// attempts come in, every row is there once in the end.
func TestNothingIsLostAndNothingComesTwice(t *testing.T) {
	t.Parallel()
	const rows = 60
	for _, options := range []string{"", "batch_size = 3", "custom_filename = true\nis_enable_transaction = false\nfile_name_expression = f\nsingle_file_mode = true",
		"have_partition = true\npartition_by = [name]\nis_partition_field_write_in_file = true"} {
		for seed := range uint64(12) {
			dir := inMemory(t)
			r := rand.New(rand.NewPCG(seed, 1))
			history := play(t, r, dir, csvOut+options, rows)
			var got []string
			if _, err := os.Stat(filepath.Join(dir, "out")); err == nil {
				got = rowsOf(t, mustSource(t, dir, csvSchema+"parse_partition_from_path = false\npath = \"$DIR/out\""))
			}
			want := make([]string, rows)
			for i := range want {
				want[i] = fmt.Sprintf("+I|%d|name %d", i+1, i+1)
			}
			slices.Sort(got)
			slices.Sort(want)
			if !slices.Equal(got, want) {
				t.Fatalf("%q, seed %d: %d rows, want %d\n%s", options, seed, len(got), rows, strings.Join(history, "\n"))
			}
		}
	}
}

// inMemory is a directory without a slow disk below, where there is one.
func inMemory(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "seikan-file-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func play(t *testing.T, r *rand.Rand, dir, options string, rows int64) (history []string) {
	t.Helper()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatalf("%v\n%s", err, strings.Join(history, "\n"))
		}
	}
	schema, number, checkpoint := plugintest.Schema(), int64(0), int64(0)
	var kept manifest
	var old []*attempt
	start := func() *attempt {
		number++
		task := plugintest.Task(t, number)
		s := mustSink(t, schema, dir, options)
		c, err := s.Committer(t.Context(), task)
		must(err)
		must(c.Recover(t.Context(), kept.pending))
		w, err := s.Writer(t.Context(), task, kept.writer)
		must(err)
		kept.pending = nil
		return &attempt{writer: w, committer: c, rows: kept.rows}
	}
	write := func(a *attempt, n int64) error {
		b := plugintest.Batch(schema, "s", a.rows, a.rows+n)
		defer b.Release()
		a.rows += n
		return a.writer.Write(t.Context(), b)
	}
	prepare := func(a *attempt, kind record.BarrierKind) (plugin.Prepared, error) {
		checkpoint++ // numbers are never used again
		p, err := a.writer.Prepare(t.Context(), record.Barrier{Checkpoint: checkpoint, Kind: kind})
		a.reported = append(a.reported, p.Commits...)
		return p, err
	}
	record1 := func(a *attempt, p plugin.Prepared) {
		a.recorded = append(a.recorded, a.reported...)
		a.reported = nil
		kept = manifest{pending: slices.Clone(a.recorded), writer: []plugin.State{p.Writer}, rows: a.rows}
	}
	now := start()
	for now.rows < rows {
		step := r.IntN(10)
		history = append(history, fmt.Sprintf("attempt %d, row %d: step %d", number, now.rows, step))
		switch step {
		case 0, 1, 2, 3:
			must(write(now, min(1+r.Int64N(9), rows-now.rows)))
		case 4: // a checkpoint that is aborted: what it prepared is reported with the next
			_, err := prepare(now, record.Checkpoint)
			must(err)
		case 5, 6:
			p, err := prepare(now, record.Checkpoint)
			must(err)
			record1(now, p)
		case 7:
			must(now.committer.Commit(t.Context(), now.recorded))
			if r.IntN(2) == 0 { // else the acknowledgement is lost
				now.recorded, kept.pending = nil, nil
			}
		case 8:
			now.recorded = append(now.recorded, now.reported...) // it may even commit what nobody recorded
			now.reported = nil
			old = append(old, now)
			now = start()
		case 9: // an old attempt moves; errors are its own affair
			if len(old) > 0 {
				a := old[r.IntN(len(old))]
				_ = write(a, 2)
				_, _ = prepare(a, record.Checkpoint)
				_ = a.committer.Commit(t.Context(), a.recorded)
				if r.IntN(3) == 0 {
					_ = a.writer.Close()
				}
			}
		}
	}
	p, err := prepare(now, record.CompletedPoint)
	must(err)
	record1(now, p)
	if r.IntN(2) == 0 { // the last commit may fall to another attempt as well
		now = start()
	} else {
		must(now.committer.Commit(t.Context(), now.recorded))
	}
	must(now.writer.Close())
	must(now.committer.Close())
	return history
}
