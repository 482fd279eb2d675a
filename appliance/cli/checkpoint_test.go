package cli_test

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestCheckpointsOfASavepointedJobCanBeInspected(t *testing.T) {
	b := newBench(t)
	p := b.start("run", b.slow(), "--job-id", id)
	p.waitPublished()
	b.run("jobs", "savepoint", id).check(t, 0, []string{"SAVEPOINT_DONE"}, nil)
	p.wait()

	var list []struct{ Checkpoint, Kind, Status, Manifest string }
	r := b.run("checkpoint", "list", id, "-o", "json")
	if err := json.Unmarshal([]byte(r.out), &list); err != nil || len(list) < 2 {
		t.Fatalf("%v: %+v", err, r)
	}
	newest := list[0]
	if newest.Kind != "savepoint" || newest.Status != "COMPLETED" || !strings.HasPrefix(newest.Checkpoint, id+"/1/") {
		t.Fatalf("the newest is %+v", newest)
	}
	b.run("checkpoint", "list").check(t, 0, []string{"CHECKPOINT", newest.Checkpoint}, nil)
	b.run("checkpoint", "show", newest.Checkpoint).check(t, 0, []string{"savepoint " + newest.Checkpoint + ": COMPLETED", "SHA-256", "splits to be read", "SinkWriteCount"}, nil)
	b.run("checkpoint", "verify").check(t, 0, []string{"good  " + newest.Checkpoint, " 0 bad"}, nil)

	var older string
	for _, c := range list[1:] {
		if c.Status == "COMPLETED" {
			older = c.Checkpoint
		}
	}
	b.run("checkpoint", "delete", older).check(t, 0, []string{older + " is deleted"}, nil)
	b.run("checkpoint", "show", older).check(t, 5, nil, []string{"there is no checkpoint " + older})
	b.run("checkpoint", "delete", newest.Checkpoint).check(t, 1, nil, []string{"--force"})
	b.run("checkpoint", "verify", newest.Checkpoint).check(t, 0, []string{"1 good"}, nil)

	path := filepath.Join(b.state, "checkpoints", newest.Manifest)
	data, err := os.ReadFile(path)
	if err == nil {
		data[len(data)/2] ^= 1
		err = os.WriteFile(path, data, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	b.run("checkpoint", "verify").check(t, 1, []string{"BAD   " + newest.Checkpoint, "damaged"}, nil)
	b.run("checkpoint", "delete", newest.Checkpoint, "--force").check(t, 0, []string{"is deleted"}, nil)
	if _, err := os.Stat(path); err == nil {
		t.Error("the manifest is there still")
	}
}

func TestCheckpointNamesAreChecked(t *testing.T) {
	b := newBench(t)
	for _, bad := range []string{"1", "1/2", "1/x/3", "1/1/0", "/1/1", "1/1/1/1"} {
		b.run("checkpoint", "show", bad).check(t, 2, nil, []string{fmt.Sprintf("%q is no checkpoint: expected JOB/PIPELINE/NUMBER", bad)})
	}
	b.run("checkpoint", "list", "78").check(t, 5, nil, []string{"there is no job 78"})
	b.run("checkpoint", "remove").check(t, 2, nil, []string{`no command "remove"`})
}
