package node

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"seikan/appliance/config"
	"seikan/db/state"
	"seikan/engine/job"
	"seikan/engine/plan"
	"seikan/web/rest"
)

// restBackend answers REST. (rest.Backend)
type restBackend struct{ s *Server }

func (s *Server) restBackend() rest.Backend { return restBackend{s} }

func hostPort(addr string) (string, int) {
	host, port, err := net.SplitHostPort(addr)
	n, numeric := strconv.Atoi(port)
	if err != nil || numeric != nil {
		return addr, 0
	}
	return host, n
}

// About implements rest.Backend.
func (b restBackend) About() rest.About {
	host, port := hostPort(b.s.advertised())
	return rest.About{ClusterName: b.s.cfg.ClusterName, Version: b.s.version, Commit: b.s.commit, Host: host, Port: port, Telemetry: b.s.cfg.Telemetry.Metrics}
}

// Ready implements rest.Backend.
func (b restBackend) Ready(ctx context.Context) error {
	switch {
	case b.s.draining.get():
		return errors.New("the node is being drained")
	case !b.s.Ready(ctx):
		return errNotReady
	}
	return nil
}

// Jobs implements rest.Backend.
func (b restBackend) Jobs() *state.Jobs { return b.s.jobs }

// Submit implements rest.Backend.
func (b restBackend) Submit(ctx context.Context, sub rest.Submission) (string, error) {
	if err := checked(sub); err != nil {
		return "", err
	}
	j, err := b.s.Submit(ctx, ClusterJob{Text: string(sub.Text), Format: string(sub.Format), Name: sub.Name, ID: sub.ID, Restore: sub.Restore})
	if errors.Is(err, errStateFull) {
		err = &rest.Failure{Status: http.StatusInsufficientStorage, Message: err.Error()}
	}
	return j.ID, err
}

// checked finds what is wrong with the text of a job as it came, while its lines and columns are
// those that the sender knows: what is stored, and planned from, is JSON. A text with references,
// whose values only the workers know, is left to the plan.
func checked(sub rest.Submission) error {
	if bytes.Contains(sub.Text, []byte("${")) {
		return nil
	}
	file, err := job.Parse("job."+string(sub.Format), sub.Text, job.Options{})
	if err == nil {
		err = plan.Check(file)
	}
	if err == nil {
		return nil
	}
	status := http.StatusBadRequest
	if sub.Format == rest.JSON { // as SeaTunnel does
		status = http.StatusInternalServerError
	}
	return &rest.Failure{Status: status, Message: err.Error()}
}

// Stop implements rest.Backend.
func (b restBackend) Stop(ctx context.Context, id string, savepoint bool) error {
	want := state.WantCancel
	if savepoint {
		want = state.WantSavepoint
	}
	_, err := b.s.Wish(ctx, id, want)
	return err
}

// Metrics implements rest.Backend.
func (b restBackend) Metrics(ctx context.Context, ids []string) (map[string]map[string]int64, error) {
	return b.s.Counters(ctx, ids)
}

// Members implements rest.Backend.
func (b restBackend) Members(ctx context.Context) ([]rest.Member, error) {
	status, err := b.s.Status(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]rest.Member, len(status.Nodes))
	ahead := make([]time.Duration, len(out)) // of this node's clock
	var wg sync.WaitGroup
	for i, n := range status.Nodes {
		host, port := hostPort(n.Addr)
		out[i] = rest.Member{Host: host, Port: port, Master: n.Master, Worker: n.Role != string(config.Master), Tags: n.Tags, Slots: n.Slots, SlotsUsed: n.SlotsUsed}
		if !n.Reachable {
			continue
		}
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, time.Second)
			defer cancel()
			var v rest.Vitals
			asked := time.Now()
			if b.s.askAt(ctx, n.Addr, "vitals", nothing{}, &v) == nil {
				out[i].Vitals = &v
				ahead[i] = v.Now.Sub(asked.Add(time.Since(asked) / 2))
			}
		})
	}
	wg.Wait()
	for i := range out {
		if !out[i].Master || out[i].Vitals == nil {
			continue
		}
		for k := range out {
			if v := out[k].Vitals; v != nil && k != i {
				v.ClockAhead = ahead[k] - ahead[i]
			}
		}
	}
	return out, nil
}

// UpdateTags implements rest.Backend.
func (b restBackend) UpdateTags(_ context.Context, tags map[string]string) error {
	b.s.tags.set(tags)
	return nil
}

// ListLogs implements rest.Backend.
func (b restBackend) ListLogs(ctx context.Context) ([]rest.LogFile, error) {
	members, err := b.s.raft.Members()
	if err != nil {
		return nil, fmt.Errorf("list the nodes: %w", err)
	}
	found := make([][]rest.LogFile, len(members))
	var wg sync.WaitGroup
	for i, m := range members {
		wg.Go(func() {
			ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
			defer cancel()
			var names []string
			if b.s.askAt(ctx, m.Addr, "lognames", nothing{}, &names) != nil {
				return // a node that does not answer has no logs to show
			}
			host, port := hostPort(m.Addr)
			for _, name := range names {
				found[i] = append(found[i], rest.LogFile{Host: host, Port: port, Name: name})
			}
		})
	}
	wg.Wait()
	return slices.Concat(found...), nil
}

func (s *Server) logNames(context.Context, nothing) ([]string, error) {
	if s.logs == nil {
		return nil, nil
	}
	entries, err := os.ReadDir(s.cfg.Logs.Dir)
	if err != nil {
		return nil, fmt.Errorf("list the log files: %w", err)
	}
	var out []string
	for _, e := range entries {
		if e.Type().IsRegular() && strings.Contains(e.Name(), ".log") {
			out = append(out, e.Name())
		}
	}
	return out, nil
}

// LocalLogs implements rest.Backend.
func (b restBackend) LocalLogs(ctx context.Context) ([]string, error) {
	if b.s.logs == nil {
		return nil, rest.ErrNoLogs
	}
	return b.s.logNames(ctx, nothing{})
}

// OpenLog implements rest.Backend.
func (b restBackend) OpenLog(_ context.Context, name string) (io.ReadCloser, error) {
	if b.s.logs == nil {
		return nil, rest.ErrNoLogs
	}
	return os.Open(filepath.Join(b.s.cfg.Logs.Dir, filepath.Base(name)))
}
