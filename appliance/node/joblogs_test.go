package node

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"

	"seikan/appliance/config"
)

// The log of a job is in pieces on the nodes that ran it: any node collects them, and does without
// one that is gone.
func TestLogsOfAJobAreCollectedFromAllNodes(t *testing.T) {
	c := startCluster(t, 3, func(cfg *config.Config) {
		cfg.HTTP = config.HTTP{Enabled: true, BindAddress: "127.0.0.1", MaxBodyBytes: 1 << 20}
	})
	for i, s := range c.nodes {
		cfg := config.Logs{Dir: t.TempDir(), FileName: "seatunnel-engine-server", PerJob: true}
		logs, err := OpenLogs(cfg, nil)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = logs.Close() })
		s.logs, s.cfg.Logs = logs, cfg
		logs.write("77", fmt.Sprintf("line of node %d\n", i))
	}
	for i, s := range c.nodes {
		a, err := s.jobLogs(t.Context(), LogQuestion{ID: "77"})
		if err != nil || len(a.Lines) != 3 || a.More {
			t.Fatalf("node %d collects %+v (%v)", i, a, err)
		}
		for k, other := range c.nodes {
			if got := a.Lines[other.Addr()]; len(got) != 1 || got[0] != fmt.Sprintf("line of node %d", k) {
				t.Errorf("node %d has %q of node %d", i, got, k)
			}
		}
		if again, err := s.jobLogs(t.Context(), LogQuestion{ID: "77", From: a.Next}); err != nil || len(again.Lines) != 0 {
			t.Errorf("what was read comes again: %+v (%v)", again, err)
		}
		answer, err := http.Get("http://" + s.httpAddr + "/logs/77?format=json")
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(answer.Body)
		_ = answer.Body.Close()
		if err != nil || strings.Count(string(text), `"logName":"job-77.log"`) != 3 {
			t.Errorf("node %d lists %s (%v)", i, text, err)
		}
	}
	gone := c.nodes[2]
	if err := os.RemoveAll(gone.cfg.Logs.Dir); err != nil { // its answer is an error
		t.Fatal(err)
	}
	for _, s := range c.nodes[:2] {
		a, err := s.jobLogs(t.Context(), LogQuestion{ID: "77", From: map[string]int64{gone.raft.ID(): 5}})
		if err != nil || len(a.Lines) != 2 || a.Next[gone.raft.ID()] != 5 {
			t.Errorf("without one node: %+v (%v)", a, err)
		}
	}
}
