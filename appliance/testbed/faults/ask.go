package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
)

// patience bounds one request.
const patience = 3 * time.Second

// request asks a node over its own loopback; the answer is JSON.
func (n *Node) request(ctx context.Context, method, port, path, body string, answer any) error {
	text, err := n.ask(ctx, method, port, path, body)
	if err != nil || answer == nil {
		return err
	}
	if err := json.Unmarshal(text, answer); err != nil {
		return fmt.Errorf("%s answers %.200s: %w", path, text, err)
	}
	return nil
}

// text asks a node for a page.
func (n *Node) text(ctx context.Context, port, path string) (string, error) {
	text, err := n.ask(ctx, http.MethodGet, port, path, "")
	return string(text), err
}

func (n *Node) ask(ctx context.Context, method, port, path, body string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	scheme := "http"
	transport := &http.Transport{DialContext: n.host.dial, DisableKeepAlives: true}
	if n.tls != nil {
		scheme, transport.TLSClientConfig = "https", n.tls
	}
	r, err := http.NewRequestWithContext(ctx, method, scheme+"://"+net.JoinHostPort("127.0.0.1", port)+path, bytes.NewReader([]byte(body)))
	if err != nil {
		return nil, err
	}
	resp, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("%s: %s: %s", path, resp.Status, bytes.TrimSpace(text))
	}
	return text, nil
}

// Metrics are values of a node's own metrics, by name; of several with other labels, the last.
func (n *Node) Metrics(ctx context.Context, names ...string) (map[string]float64, error) {
	text, err := n.text(ctx, "8080", "/metrics")
	if err != nil {
		return nil, err
	}
	out := map[string]float64{}
	for line := range strings.Lines(text) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), " ")
		name, _, _ = strings.Cut(name, "{")
		if !slices.Contains(names, name) {
			continue
		}
		if out[name], err = strconv.ParseFloat(value, 64); err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
	}
	if len(out) != len(names) {
		return nil, fmt.Errorf("the metrics have only %v of %v", out, names)
	}
	return out, nil
}

// Stacks counts a node's goroutines by where they are.
func (n *Node) Stacks(ctx context.Context) (map[string]int, error) {
	var threads []struct{ ThreadName, StackTrace string }
	if err := n.request(ctx, http.MethodGet, "8080", "/thread-dump", "", &threads); err != nil {
		return nil, err
	}
	out := map[string]int{}
	for _, t := range threads {
		top, _, _ := strings.Cut(t.StackTrace, "\n")
		out[t.ThreadName+": "+top]++
	}
	return out, nil
}

// About is what a node says of itself.
type About struct {
	Node   string `json:"node"`
	Addr   string `json:"addr"`
	Master string `json:"master"`
	Ready  bool   `json:"ready"`
}

// About asks a node about itself.
func (n *Node) About(ctx context.Context) (a About, err error) {
	return a, n.request(ctx, http.MethodPost, "5801", "/seikan/v1/about", "", &a)
}

// Task is a task that a node runs.
type Task struct {
	Job      string           `json:"job"`
	Pipeline int              `json:"pipeline"`
	Attempt  int64            `json:"attempt"`
	Role     string           `json:"role"`
	State    string           `json:"state"`
	Counters map[string]int64 `json:"counters"`
}

// Status is a cluster as one of its nodes sees it.
type Status struct {
	Master string `json:"master"`
	Nodes  []struct {
		ID        string `json:"id"`
		Addr      string `json:"addr"`
		Voter     bool   `json:"voter"`
		Reachable bool   `json:"reachable"`
		Tasks     []Task `json:"tasks"`
	} `json:"nodes"`
}

// Status asks a node about the cluster.
func (n *Node) Status(ctx context.Context) (s Status, err error) {
	return s, n.request(ctx, http.MethodPost, "5801", "/seikan/v1/cluster.status", "{}", &s)
}

// Transfer hands leadership to another node, all being alive.
func (n *Node) Transfer(ctx context.Context, to string) error {
	return n.request(ctx, http.MethodPost, "5801", "/seikan/v1/cluster.transfer", fmt.Sprintf(`{"node":%q}`, to), nil)
}

// Job is a job as the REST API shows it.
type Job struct {
	ID       string `json:"jobId"`
	Status   string `json:"jobStatus"`
	ErrorMsg string `json:"errorMsg"`
	Metrics  Counts `json:"metrics"`
}

// Counts are a job's totals.
type Counts struct{ Read, Written int64 }

// UnmarshalJSON reads totals, which are numbers or texts of numbers.
func (c *Counts) UnmarshalJSON(text []byte) error {
	var m map[string]json.RawMessage
	if err := json.Unmarshal(text, &m); err != nil {
		return err
	}
	for name, to := range map[string]*int64{"SourceReceivedCount": &c.Read, "SinkWriteCount": &c.Written} {
		v := bytes.Trim(m[name], `"`)
		if len(v) == 0 {
			continue
		}
		n, err := strconv.ParseInt(string(v), 10, 64)
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		*to = n
	}
	return nil
}

var errUnknownJob = errors.New("the job is not known")

// Job asks a node for a job.
func (n *Node) Job(ctx context.Context, id string) (j Job, err error) {
	err = n.request(ctx, http.MethodGet, "8080", "/job-info/"+id, "", &j)
	if err == nil && j.Status == "" {
		err = errUnknownJob
	}
	return j, err
}

// Attempts asks a node how often each pipeline of a job was started, the preparation left out.
func (n *Node) Attempts(ctx context.Context, id string) (out []int64, err error) {
	var rows []struct{ ID, Attempt int64 }
	err = n.request(ctx, http.MethodPost, "5801", "/seikan/v1/job.pipelines", fmt.Sprintf(`{"id":%q}`, id), &rows)
	for _, r := range rows {
		if r.ID > 0 {
			out = append(out, r.Attempt)
		}
	}
	return out, err
}

// Submit hands a job in at a node and returns its id.
func (n *Node) Submit(ctx context.Context, text string) (string, error) {
	var j Job
	err := n.request(ctx, http.MethodPost, "8080", "/submit-job?format=hocon", text, &j)
	return j.ID, err
}

// SubmitAs hands a job in under an id, which must be a number.
func (n *Node) SubmitAs(ctx context.Context, id, text string) error {
	return n.request(ctx, http.MethodPost, "8080", "/submit-job?format=hocon&jobId="+id, text, nil)
}
