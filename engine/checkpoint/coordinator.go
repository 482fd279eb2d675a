package checkpoint

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"seikan/engine/fault"
	"seikan/engine/record"
	"seikan/storage"
)

// Ref is how a checkpoint's row finds its manifest.
type Ref struct {
	Name   string // in blob storage
	Size   int64
	SHA256 string // hex, of the stored bytes
	Inline []byte // the stored bytes again when they are few
}

// InlineLimit is the size up to which a manifest rides in its row as well.
const InlineLimit = 32 << 10

// Rows are the checkpoint rows of one pipeline.
type Rows interface {
	// Begin gives out the next number and says that all commits up to acknowledged are done.
	Begin(ctx context.Context, kind record.BarrierKind, acknowledged int64) (int64, error)
	Complete(ctx context.Context, checkpoint int64, ref Ref) error
	Abort(ctx context.Context, checkpoint int64, reason string) error
	// Acknowledge says that all commits up to checkpoint are done.
	Acknowledge(ctx context.Context, checkpoint int64) error
}

// Tasks are the pipeline's running parts.
type Tasks interface {
	Barrier(b record.Barrier)
	Enumerate(checkpoint int64) Enumeration
	Complete(checkpoint int64)
	Commit(ctx context.Context, commits []Commit) error
	// Doing says what a subtask is busy with, for the warning that it has not answered.
	Doing(subtask int) string
}

// Coordinator runs the protocol of one attempt of a pipeline.
type Coordinator struct {
	Config    Config
	Origin    Manifest // the identity fields of every manifest
	Rows      Rows
	Blobs     storage.Store
	Tasks     Tasks
	Log       *slog.Logger
	Permanent func(error) bool // errors of Commit that trying again cannot heal

	mu       sync.Mutex
	mail     []Event
	wake     chan struct{}
	started  sync.Once
	storedMu sync.Mutex
	refs     map[int64]Ref
}

func (c *Coordinator) init() {
	c.started.Do(func() {
		c.wake = make(chan struct{}, 1)
		c.refs = map[int64]Ref{}
	})
}

// Tell hands over a fact; it never blocks.
func (c *Coordinator) Tell(e Event) {
	c.init()
	c.mu.Lock()
	c.mail = append(c.mail, e)
	c.mu.Unlock()
	select {
	case c.wake <- struct{}{}:
	default:
	}
}

func (c *Coordinator) take() []Event {
	c.mu.Lock()
	defer c.mu.Unlock()
	mail := c.mail
	c.mail = nil
	return mail
}

// Run decides and acts until the pipeline is finished, fails or ctx ends. It returns the kind
// of the final checkpoint.
func (c *Coordinator) Run(ctx context.Context) (record.BarrierKind, error) {
	c.init()
	ctx, cancel := context.WithCancel(ctx)
	var work sync.WaitGroup
	defer work.Wait()
	defer cancel()
	base := time.Now()
	clock := func() time.Duration { return time.Since(base) }
	protocol := NewProtocol(c.Config, clock())
	tick := time.NewTicker(tickEvery(c.Config))
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return "", ctx.Err()
		case <-c.wake:
		case <-tick.C:
			c.Tell(Tick{})
			continue
		}
		for _, e := range c.take() {
			for _, d := range protocol.Step(clock(), e) {
				switch d := d.(type) {
				case Finish:
					return d.Kind, nil
				case Fail:
					return "", d.Err
				case Warn:
					c.warn(d)
				case Send:
					c.Tasks.Barrier(d.Barrier)
					fault.Point("barrier.sent")
				case Complete:
					c.Tasks.Complete(d.Checkpoint)
				case Enumerate:
					c.Tell(Enumerated{d.Checkpoint, c.Tasks.Enumerate(d.Checkpoint)})
				default:
					work.Add(1)
					go func() { defer work.Done(); c.act(ctx, d) }()
				}
			}
		}
	}
}

func tickEvery(cfg Config) time.Duration {
	every := time.Second
	for _, d := range []time.Duration{cfg.Interval, cfg.Timeout} {
		if d > 0 {
			every = min(every, d/4)
		}
	}
	return max(every, 5*time.Millisecond)
}

func (c *Coordinator) act(ctx context.Context, d Decision) {
	switch d := d.(type) {
	case Allocate:
		fault.Point("checkpoint.begin.before")
		id, err := c.Rows.Begin(ctx, d.Kind, d.Acknowledged)
		fault.Point("checkpoint.begin.after")
		if err != nil {
			c.Tell(Failed{0, fmt.Errorf("begin a %s: %w", d.Kind, err)})
			return
		}
		c.Tell(Allocated{id})
	case Store:
		ref, err := c.store(ctx, d)
		if err != nil {
			c.Tell(Failed{d.Manifest.Checkpoint, err})
			return
		}
		c.storedMu.Lock()
		c.refs[d.Manifest.Checkpoint] = ref
		c.storedMu.Unlock()
		c.Tell(Stored{d.Manifest.Checkpoint})
	case Record:
		c.storedMu.Lock()
		ref := c.refs[d.Checkpoint]
		delete(c.refs, d.Checkpoint)
		c.storedMu.Unlock()
		fault.Point("row.complete.before")
		err := c.Rows.Complete(ctx, d.Checkpoint, ref)
		fault.Point("row.complete.after")
		if err != nil {
			c.Tell(Failed{d.Checkpoint, fmt.Errorf("record checkpoint %d: %w", d.Checkpoint, err)})
			return
		}
		c.Tell(Recorded(d))
	case Abort:
		if err := c.Rows.Abort(ctx, d.Checkpoint, d.Reason); err != nil && ctx.Err() == nil {
			c.Log.Warn("the row of an aborted checkpoint was not updated", "checkpoint", d.Checkpoint, "error", err)
		}
	case CommitAll:
		c.commit(ctx, d)
	}
}

func (c *Coordinator) store(ctx context.Context, d Store) (Ref, error) {
	if d.Within > 0 {
		var cancel func()
		ctx, cancel = context.WithTimeoutCause(ctx, d.Within, fmt.Errorf("no answer in %v", d.Within.Round(time.Millisecond)))
		defer cancel()
	}
	m, o := d.Manifest, c.Origin
	m.JobID, m.RunID, m.Pipeline, m.Attempt = o.JobID, o.RunID, o.Pipeline, o.Attempt
	data, err := m.Encode()
	if err != nil {
		return Ref{}, err
	}
	name := ManifestName(m)
	fault.Point("manifest.put.before")
	_, err = c.Blobs.Put(ctx, name, bytes.NewReader(data))
	fault.Point("manifest.put.after")
	if err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		return Ref{}, fmt.Errorf("store the manifest of checkpoint %d: %w", m.Checkpoint, err)
	}
	sum := sha256.Sum256(data)
	ref := Ref{Name: name, Size: int64(len(data)), SHA256: hex.EncodeToString(sum[:])}
	if len(data) <= InlineLimit {
		ref.Inline = data
	}
	return ref, nil
}

// ManifestName is where a manifest lies: job, pipeline, number and attempt make it unique, so
// that nothing is ever written over.
func ManifestName(m *Manifest) string {
	return fmt.Sprintf("seikan/%s/%d/%012d-%d.manifest", m.JobID, m.Pipeline, m.Checkpoint, m.Attempt)
}

// commit repeats until the commits are acknowledged or cannot succeed.
func (c *Coordinator) commit(ctx context.Context, d CommitAll) {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		fault.Point("commit.before")
		err := c.Tasks.Commit(ctx, d.Commits)
		fault.Point("commit.after")
		if err == nil && d.Acknowledge {
			err = c.Rows.Acknowledge(ctx, d.Checkpoint)
		}
		if err == nil {
			fault.Point("commit.acknowledged")
			c.Tell(Committed{d.Checkpoint})
			return
		}
		if ctx.Err() != nil {
			return
		}
		if c.Permanent != nil && c.Permanent(err) {
			c.Tell(Broken{fmt.Errorf("commit of checkpoint %d: %w", d.Checkpoint, err)})
			return
		}
		c.Log.Warn("a commit did not succeed and is repeated", "checkpoint", d.Checkpoint, "error", err, "next_try", wait)
		select {
		case <-ctx.Done():
			return
		case <-time.After(wait):
		}
	}
}

func (c *Coordinator) warn(w Warn) {
	if len(w.Waiting) == 0 {
		c.Log.Warn("checkpoint failed", "checkpoint", w.Checkpoint, "reason", w.Reason)
		return
	}
	for _, s := range w.Waiting {
		c.Log.Warn("checkpoint: a subtask has not answered", "checkpoint", w.Checkpoint, "subtask", s, "doing", c.Tasks.Doing(s), "reason", w.Reason)
	}
}
