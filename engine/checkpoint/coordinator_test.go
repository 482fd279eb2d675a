package checkpoint

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"strings"
	"sync"
	"testing"
	"time"

	"seikan/engine/record"
	"seikan/storage"
	"seikan/storage/local"
)

// hanging is a storage whose writes do not end while it is away.
type hanging struct {
	storage.Store
	mu   sync.Mutex
	away bool
}

func (h *hanging) Put(ctx context.Context, name string, r io.Reader) (storage.Info, error) {
	h.mu.Lock()
	away := h.away
	h.mu.Unlock()
	if !away {
		return h.Store.Put(ctx, name, r)
	}
	<-ctx.Done()
	return storage.Info{}, &storage.Error{Op: "put", Path: "far://away/" + name, Err: ctx.Err()}
}

func (h *hanging) set(away bool) {
	h.mu.Lock()
	h.away = away
	h.mu.Unlock()
}

// plain are the rows and tasks of a pipeline that does nothing but answer.
type plain struct {
	c         *Coordinator
	mu        sync.Mutex
	last      int64
	reasons   []string
	completed chan int64
}

func (p *plain) Begin(context.Context, record.BarrierKind, int64) (int64, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.last++
	return p.last, nil
}

func (p *plain) Complete(context.Context, int64, Ref) error { return nil }

func (p *plain) Abort(_ context.Context, _ int64, reason string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.reasons = append(p.reasons, reason)
	return nil
}

func (p *plain) Acknowledge(context.Context, int64) error { return nil }

func (p *plain) Barrier(b record.Barrier) { p.c.Tell(Ack{Checkpoint: b.Checkpoint}) }

func (p *plain) Enumerate(int64) Enumeration { return Enumeration{Done: true} }

func (p *plain) Commit(context.Context, []Commit) error { return nil }

func (p *plain) Doing(int) string { return "nothing" }

// tasks gives Complete its other meaning.
type tasks struct{ *plain }

func (t tasks) Complete(id int64) {
	select {
	case t.completed <- id:
	default:
	}
}

func coordinate(t *testing.T, cfg Config, blobs storage.Store, log io.Writer) *plain {
	t.Helper()
	p := &plain{completed: make(chan int64, 100)}
	p.c = &Coordinator{Config: cfg, Origin: Manifest{JobID: "1", RunID: "r", Pipeline: 1, Attempt: 1}, Rows: p, Blobs: blobs, Tasks: tasks{p},
		Log: slog.New(slog.NewTextHandler(log, nil))}
	return p
}

func openLocal(t *testing.T) storage.Store {
	t.Helper()
	s, err := local.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

func TestAStorageThatHangsIsNamedInTheWarningAndInTheFailure(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	p := coordinate(t, Config{Subtasks: 1, Interval: 5 * time.Millisecond, Timeout: 50 * time.Millisecond, Tolerable: 2}, &hanging{Store: openLocal(t), away: true}, &log)
	_, err := p.c.Run(t.Context())
	const where = "put far://away/seikan/1/1/00000000000"
	if err == nil || !strings.Contains(err.Error(), "3 checkpoints failed in a row") || !strings.Contains(err.Error(), where+"3-1.manifest") || !strings.Contains(err.Error(), "no answer in") {
		t.Errorf("the attempt ended with %v", err)
	}
	if n := strings.Count(log.String(), where); n != 3 {
		t.Errorf("%d warnings name it, of 3:\n%s", n, &log)
	}
}

func TestAStorageThatComesBackMakesCheckpointsLateAndNoMore(t *testing.T) {
	t.Parallel()
	blobs := &hanging{Store: openLocal(t), away: true}
	p := coordinate(t, Config{Subtasks: 1, Interval: 5 * time.Millisecond, Timeout: 50 * time.Millisecond, Tolerable: 1 << 30}, blobs, io.Discard)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() { _, err := p.c.Run(ctx); ended <- err }()
	for { // until two have failed
		p.mu.Lock()
		n := len(p.reasons)
		p.mu.Unlock()
		if n >= 2 {
			break
		}
		select {
		case err := <-ended:
			t.Fatal(err)
		case <-time.After(time.Millisecond):
		}
	}
	blobs.set(false)
	select {
	case id := <-p.completed:
		if id < 3 {
			t.Errorf("checkpoint %d is complete", id)
		}
	case err := <-ended:
		t.Fatal(err)
	case <-time.After(30 * time.Second):
		t.Fatal("no checkpoint is complete")
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// A storage that refuses at once must not use up all tries of the last checkpoint in a moment.
func TestAFinalCheckpointThatFailedIsTriedAgainAfterAPause(t *testing.T) {
	t.Parallel()
	p := NewProtocol(Config{Subtasks: 1, Tolerable: 10}, 0)
	now := time.Duration(0)
	p.Step(now, Drained{})
	for id, pause := range []time.Duration{time.Second, 2 * time.Second, 4 * time.Second, 8 * time.Second, 16 * time.Second, longestPause, longestPause} {
		if out := p.Step(now, Failed{0, errors.New("away")}); len(out) == 0 {
			t.Fatal("the failure is not noticed")
		}
		if out := p.Step(now+pause-1, Tick{}); len(out) != 0 {
			t.Errorf("failure %d: %v after %v", id+1, out, pause-1)
		}
		now += pause
		out := p.Step(now, Tick{})
		if len(out) != 1 || out[0] != (Allocate{Kind: record.CompletedPoint}) {
			t.Fatalf("failure %d: %v after %v", id+1, out, pause)
		}
	}
}
