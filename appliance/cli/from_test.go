package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// decode runs a command and decodes what it prints.
func (b *bench) decode(v any, args ...string) {
	b.t.Helper()
	r := b.run(append(args, "-o", "json")...)
	if err := json.Unmarshal([]byte(r.out), v); err != nil {
		b.t.Fatalf("%v: %v: %+v", args, err, r)
	}
}

// numbered is a job that copies files of numbers and publishes what it has every tenth of a second.
type numbered struct {
	*bench
	job  string
	rows int
}

func newNumbered(b *bench) numbered {
	b.t.Helper()
	const files, each = 80, 200
	if err := os.Mkdir(filepath.Join(b.dir, "in"), 0o700); err != nil {
		b.t.Fatal(err)
	}
	for f := range files {
		var text strings.Builder
		for i := range each {
			fmt.Fprintln(&text, f*each+i)
		}
		b.file(filepath.Join("in", fmt.Sprint(f, ".csv")), text.String())
	}
	return numbered{b, b.file("numbers.conf", fmt.Sprintf(`
env { job.name = "numbers", parallelism = ${p:1}, checkpoint.interval = 100, read_limit.rows_per_second = ${rate:2000} }
source { LocalFile { path = %q, file_format_type = csv, schema { fields { id = bigint } } } }
sink { LocalFile { path = %q, tmp_path = %q, file_format_type = csv } }`,
		filepath.Join(b.dir, "in"), filepath.Join(b.dir, "out"), filepath.Join(b.dir, "tmp"))), files * each}
}

// oldest is the number of the oldest checkpoint that is kept, how many rows were written before
// it, and the number of the newest. JSON runs a command and decodes what it prints.
func (n numbered) oldest(id string, decode func(v any, args ...string)) (oldest string, rows int, newest string) {
	n.t.Helper()
	var list []struct{ Checkpoint, Status string }
	decode(&list, "checkpoint", "list", id)
	var kept []string
	for _, c := range list {
		if c.Status == "COMPLETED" {
			kept = append(kept, c.Checkpoint)
		}
	}
	if len(kept) < 2 {
		n.t.Fatalf("kept are %v", kept)
	}
	var inside struct{ Counters map[string]int }
	last := kept[len(kept)-1]
	decode(&inside, "checkpoint", "show", last)
	if rows = inside.Counters["SinkWriteCount#"]; rows == 0 {
		n.t.Fatalf("checkpoint %s counts %v", last, inside.Counters)
	}
	return strings.TrimPrefix(last, id+"/1/"), rows, strings.TrimPrefix(kept[0], id+"/1/")
}

// repeated checks that every number is there and that those read since the checkpoint were
// written a second time, and no others.
func (n numbered) repeated(atStop, atCheckpoint int) {
	n.t.Helper()
	times := map[int]int{}
	for _, path := range n.files("out") {
		text, err := os.ReadFile(path)
		if err != nil {
			n.t.Fatal(err)
		}
		for _, word := range strings.Fields(string(text)) {
			number, err := strconv.Atoi(word)
			if err != nil {
				n.t.Fatal(err)
			}
			times[number]++
		}
	}
	twice := 0
	for _, k := range times {
		if k == 2 {
			twice++
		} else if k > 2 {
			n.t.Fatalf("a row was written %d times", k)
		}
	}
	if len(times) != n.rows || twice != atStop-atCheckpoint || twice == 0 {
		n.t.Errorf("%d of %d rows, %d of them twice; %d were written when it stopped, %d at the checkpoint", len(times), n.rows, twice, atStop, atCheckpoint)
	}
}

func TestRestoreFromAnOlderCheckpointRepeatsRowsAndLosesNone(t *testing.T) {
	b := newBench(t)
	n := newNumbered(b)
	p := b.start("run", n.job, "--job-id", id)
	p.waitFor("files of four checkpoints", func() bool { return len(b.files("out")) >= 4 })
	b.run("jobs", "savepoint", id).check(t, 0, []string{"SAVEPOINT_DONE"}, nil)
	p.wait()
	atStop := b.rows()
	from, atCheckpoint, newest := n.oldest(id, b.decode)

	b.run("run", n.job, "--restore", id, "--from", "9999").check(t, 1, nil, []string{"cannot be restored: there is no kept checkpoint 9999: pipeline 1 keeps " + newest + ", "})
	b.run("run", n.job, "--restore", id, "--from", "0").check(t, 2, nil, []string{"--from 0: expected the number of a checkpoint"})
	b.run("run", n.job, "--from", from).check(t, 2, nil, []string{"give --restore ID, too"})
	if j := b.show(id); j.Status != "SAVEPOINT_DONE" || b.rows() != atStop {
		t.Errorf("a refused restore changed the job: %+v", j)
	}
	says := "goes on from checkpoint " + from + ", which is not its newest, as a new run: rows since then repeat. Given up: savepoint " + newest + " of pipeline 1"
	b.run("run", n.job, "--restore", id, "--from", from, "-i", "rate=10000000", "-i", "p=3").check(t, 0, []string{"end with state FINISHED"}, []string{says})
	n.repeated(atStop, atCheckpoint)
	b.run("jobs", "show", id).check(t, 0, []string{"from checkpoint " + from + ", which was not the newest, as a new run: rows since then repeat"}, nil)
}

func TestNothingStagedIsLeftOfARunThatIsGoneBackBehind(t *testing.T) {
	b := newBench(t)
	n := newNumbered(b)
	p := b.start("run", n.job, "--job-id", id)
	p.waitFor("files of four checkpoints, and a staged one", func() bool {
		if len(b.files("out")) < 4 || len(b.files("tmp")) == 0 {
			return false
		}
		p.signal(syscall.SIGSTOP)
		staged := len(b.files("tmp")) > 0
		if !staged {
			p.signal(syscall.SIGCONT)
		}
		return staged
	})
	p.signal(syscall.SIGKILL)
	p.wait()
	from, _, _ := n.oldest(id, b.decode)
	b.run("run", n.job, "--restore", id, "--from", from, "-i", "rate=10000000").check(t, 0, []string{"end with state FINISHED"}, []string{"Given up: checkpoint"})
	if left := b.files("tmp"); len(left) > 0 {
		t.Errorf("staged files are left: %v", left)
	}
}

func TestAClusterRestoresFromAnOlderCheckpointWithAnotherParallelism(t *testing.T) {
	b := newBench(t)
	n := newNumbered(b)
	c := b.startDev(1)
	c.run("job", "submit", n.job, "--job-id", "57").check(t, 0, nil, nil)
	c.dev.waitFor("files of four checkpoints", func() bool { return len(b.files("out")) >= 4 })
	c.run("job", "savepoint", "57").check(t, 0, []string{"SAVEPOINT_DONE"}, nil)
	atStop := b.rows()
	from, atCheckpoint, newest := n.oldest("57", func(v any, args ...string) { c.json(v, append(args, "-m", "cluster")...) })

	c.run("job", "restore", "57", "--from", "9999").check(t, 1, nil, []string{"cannot be restored: there is no kept checkpoint 9999: pipeline 1 keeps " + newest + ", "})
	c.run("job", "restore", "57", "--from", "x").check(t, 2, nil, []string{"--from"})
	c.run("job", "restore", "57", n.job, "-i", "p=3,rate=10000000", "--from", from, "--wait").check(t, 0, []string{"end with state FINISHED"},
		[]string{"goes on from checkpoint " + from + ", which is not its newest, as a new run: rows since then repeat", "checkpoint " + from + " fits"})
	n.repeated(atStop, atCheckpoint)
	c.run("job", "show", "57").check(t, 0, []string{"from checkpoint " + from + ", which was not the newest"}, nil)
}

func TestAClusterRestoresFromTheNewestWithAnotherParallelism(t *testing.T) {
	b := newBench(t)
	c := b.startDev(1)
	const rows = 20000
	job := b.slow()
	text, err := os.ReadFile(job)
	if err != nil {
		t.Fatal(err)
	}
	job = b.file("parallel.conf", strings.Replace(string(text), "env {", "env { parallelism = ${p:3},", 1))
	vars := fmt.Sprintf("rows=%d,splits=200", rows/3)
	c.run("job", "submit", job, "--job-id", "58", "-i", vars).check(t, 0, nil, nil)
	c.dev.waitFor("committed files", func() bool { return len(b.files("out")) > 0 })
	c.run("job", "savepoint", "58").check(t, 0, []string{"SAVEPOINT_DONE"}, nil)
	before := b.rows()
	c.run("job", "restore", "58", job, "-i", vars+",rate=10000000,p=2", "--wait").check(t, 0, []string{"end with state FINISHED"}, []string{"fits"})
	if after := b.rows(); before == 0 || before >= rows/3*3 || after != rows/3*3 {
		t.Errorf("%d rows at the savepoint, %d at the end, not %d", before, after, rows/3*3)
	}
}
