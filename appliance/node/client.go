package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"slices"
	"strconv"
	"sync"
	"time"

	"seikan/appliance/config"
	"seikan/db/state"
)

// Client speaks to a cluster from outside, through whichever of its nodes answers.
type Client struct {
	name     string        // of the cluster
	patience time.Duration // for reaching any node; negative: for ever
	key      []byte
	scheme   string
	http     *http.Client
	log      *slog.Logger

	mu    sync.Mutex
	addrs []string // the one that answered last comes first
}

// ErrUnreachable says that no node of the cluster could be reached.
var ErrUnreachable = errors.New("no node of the cluster can be reached")

// NewClient makes a client by hazelcast-client.yaml.
func NewClient(cfg *config.Config, log *slog.Logger) (*Client, error) {
	_, _, call, err := certificates(cfg.TLS)
	if err != nil {
		return nil, err
	}
	c := &Client{name: cfg.Client.ClusterName, patience: cfg.Client.ConnectTimeout, scheme: "http", log: log}
	for _, m := range cfg.Client.Members {
		c.addrs = append(c.addrs, memberAddr(m))
	}
	if key, err := os.ReadFile(cfg.ClusterKeyFile); err == nil { // without it this host must be listed
		c.key = bytes.TrimSpace(key)
	}
	t := &http.Transport{DialContext: (&net.Dialer{Timeout: 2 * time.Second}).DialContext, ResponseHeaderTimeout: time.Minute, TLSClientConfig: call}
	if call != nil {
		c.scheme = "https"
	}
	c.http = &http.Client{Transport: t}
	return c, nil
}

// basePort is SeaTunnel's.
const basePort = 5801

func memberAddr(m config.Member) string {
	if m.Port == 0 {
		m.Port = basePort
	}
	return net.JoinHostPort(m.Host, strconv.Itoa(m.Port))
}

// Connect finds a node that answers, and learns of the others.
func (c *Client) Connect(ctx context.Context) (About, error) {
	var a About
	if err := c.Ask(ctx, "about", nothing{}, &a); err != nil {
		return a, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, m := range a.Members {
		if !slices.Contains(c.addrs, m) {
			c.addrs = append(c.addrs, m)
		}
	}
	return a, nil
}

// again is an error after which another node, or the same one later, may do better.
type again struct{ error }

func (a again) Unwrap() error { return a.error }

// Ask puts a question to any node, to others in turn while they are out of reach or have no
// master. The question must be one that may be put twice.
func (c *Client) Ask(ctx context.Context, method string, question, answer any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return fmt.Errorf("ask %s: %w", method, err)
	}
	began, wait := time.Now(), 20*time.Millisecond
	for {
		var failures []error
		for _, addr := range c.places() {
			err := c.askAt(ctx, addr, method, body, answer)
			var retry again
			switch {
			case err == nil:
				c.prefer(addr)
				return nil
			case ctx.Err() != nil:
				return ctx.Err()
			case !errors.As(err, &retry) && !errors.Is(err, ErrOtherCluster):
				return err
			}
			failures = append(failures, fmt.Errorf("%s: %w", addr, err))
		}
		other := !slices.ContainsFunc(failures, func(err error) bool { return !errors.Is(err, ErrOtherCluster) })
		if other || c.patience >= 0 && time.Since(began)+wait > c.patience {
			return fmt.Errorf("%w (cluster %q):\n  %w", ErrUnreachable, c.name, joined(failures))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(wait):
		}
		wait = min(2*wait, time.Second)
	}
}

// joined is errors.Join with an indent.
func joined(errs []error) error {
	var out error
	for i, err := range errs {
		if i == 0 {
			out = err
		} else {
			out = fmt.Errorf("%w\n  %w", out, err)
		}
	}
	return out
}

func (c *Client) places() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.addrs)
}

func (c *Client) prefer(addr string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if i := slices.Index(c.addrs, addr); i > 0 {
		c.addrs = slices.Insert(slices.Delete(c.addrs, i, i+1), 0, addr)
	}
}

func (c *Client) askAt(ctx context.Context, addr, method string, body []byte, answer any) error {
	path := doorPath + method
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, c.scheme+"://"+addr+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set(clusterHeader, c.name)
	if len(c.key) > 0 {
		r.Header.Set(proofHeader, prove(c.key, r.Method, path, body, time.Now()))
	}
	got, err := c.http.Do(r)
	if err != nil {
		return again{err}
	}
	defer got.Body.Close()
	text, err := io.ReadAll(got.Body)
	if err != nil {
		return again{err}
	}
	if got.StatusCode == http.StatusOK {
		if err := json.Unmarshal(text, answer); answer != nil && err != nil {
			return fmt.Errorf("ask %s: the answer: %w", method, err)
		}
		return nil
	}
	return refusalOf(got.StatusCode, text)
}

// refusalOf makes the error of an answer that is none.
func refusalOf(status int, text []byte) error {
	var no struct {
		refusal
		Message string `json:"message"` // of the guard
	}
	if json.Unmarshal(text, &no) != nil || no.Error == "" && no.Message == "" {
		return fmt.Errorf("HTTP status %d: %s", status, bytes.TrimSpace(text[:min(len(text), 300)]))
	}
	if no.Error == "" {
		return errors.New(no.Message)
	}
	err := errors.New(no.Error)
	for _, known := range refusals {
		if known.code == no.Code {
			err = told{known.err, no.Error}
		}
	}
	if status == http.StatusServiceUnavailable {
		return again{err}
	}
	return err
}

// told is a known error in the words of the node that told it.
type told struct {
	known error
	words string
}

func (t told) Error() string { return t.words }
func (t told) Unwrap() error { return t.known }

// The rows of jobs, as of state.Jobs.

// Job reads one job. Its text has no secrets.
func (c *Client) Job(ctx context.Context, id string) (j state.Job, err error) {
	err = c.Ask(ctx, "job", Of{ID: id}, &j)
	return j, err
}

// Jobs lists jobs, the newest submit first.
func (c *Client) Jobs(ctx context.Context, f state.Filter, after string, limit int) ([]state.Job, string, error) {
	var page JobPage
	err := c.Ask(ctx, "jobs", Page{f, after, limit}, &page)
	return page.Jobs, page.Next, err
}

// Pipelines are those of the present run.
func (c *Client) Pipelines(ctx context.Context, id string) (out []state.Pipeline, err error) {
	err = c.Ask(ctx, "job.pipelines", Of{ID: id}, &out)
	return out, err
}

// Checkpoints lists the newest ones.
func (c *Client) Checkpoints(ctx context.Context, id string, limit int) (out []state.Checkpoint, err error) {
	err = c.Ask(ctx, "job.checkpoints", Of{ID: id, Limit: limit}, &out)
	return out, err
}

// Runs are the ended runs.
func (c *Client) Runs(ctx context.Context, id string) (out []state.Run, err error) {
	err = c.Ask(ctx, "job.runs", Of{ID: id}, &out)
	return out, err
}

// Events in order.
func (c *Client) Events(ctx context.Context, id string, after int64, limit int) (out []state.Event, err error) {
	err = c.Ask(ctx, "job.events", Of{ID: id, After: after, Limit: limit}, &out)
	return out, err
}

// SetDesired records what the user wants.
func (c *Client) SetDesired(ctx context.Context, id string, want state.Desired) (j state.Job, err error) {
	err = c.Ask(ctx, "job.wish", Of{ID: id, Want: want}, &j)
	return j, err
}

// Counters of a job: the final ones, or the running ones.
func (c *Client) Counters(ctx context.Context, j state.Job) (map[string]int64, error) {
	p, err := c.Progress(ctx, j.ID)
	return p.Counters, err
}

// Progress is how a job is doing.
func (c *Client) Progress(ctx context.Context, id string) (p JobProgress, err error) {
	err = c.Ask(ctx, "job.progress", Of{ID: id}, &p)
	return p, err
}

// Submit records a job. It may be called again with the same Submission.
func (c *Client) Submit(ctx context.Context, sub ClusterJob) (j state.Job, err error) {
	method := "job.submit"
	if sub.From > 0 {
		method = "job.restore"
	}
	err = c.Ask(ctx, method, sub, &j)
	return j, err
}
