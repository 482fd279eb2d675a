package node

import (
	"context"
	"strconv"
	"strings"
	"testing"
	"time"
)

// within is how long a loop may take to answer in tests: long enough for a busy machine.
const within = 20 * time.Second

func TestALoopThatHangsIsNamedAndOneThatLivesIsNot(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 1)
	s := c.nodes[0]
	p := s.Pulse()
	if err := p.Beat(within); err != nil {
		t.Fatal(err)
	}
	held, free := make(chan struct{}), make(chan struct{})
	p.worker.ask = func() error { close(held); <-free; return nil }
	err := p.Beat(10 * time.Millisecond)
	<-held
	if err == nil || !strings.Contains(err.Error(), "the worker hangs") {
		t.Fatalf("a worker that does not answer: %v", err)
	}
	p.worker.ask = func() error { t.Error("asked again while a question is under way"); return nil }
	if err := p.Beat(10 * time.Millisecond); err == nil {
		t.Fatal("it was fed while the first question had no answer")
	}
	close(free)
	if err := p.Beat(within); err != nil {
		t.Fatalf("after it got on again: %v", err)
	}
}

func TestRaftMayStandStillOnlyWhileItTakesOverACopy(t *testing.T) {
	t.Parallel()
	bytes, leads := int64(1), false
	live := func() error { return nil }
	p := &Pulse{leads: func() bool { return leads }, bytes: func() int64 { return bytes },
		raft: sign{name: "Raft", ask: func() error { select {} }}, master: sign{ask: live}, worker: sign{ask: live}}
	for _, step := range []struct {
		bytes int64
		leads bool
		alive bool
	}{{1, false, true}, {2, false, true}, {2, false, false}, {3, true, false}, {4, false, true}} {
		bytes, leads = step.bytes, step.leads
		if err := p.Beat(within / 1000); (err == nil) != step.alive {
			t.Errorf("%+v: %v", step, err)
		}
	}
}

func TestAStepOfTheMasterThatDoesNotEndIsNoticed(t *testing.T) {
	t.Parallel()
	c := startCluster(t, 1)
	c.wait("the master reigns", within, func() bool { _, reigns := c.nodes[0].master.Turned(); return reigns })
	if ago, _ := c.nodes[0].master.Turned(); ago > within {
		t.Errorf("the step got on %s ago", ago)
	}
	if ago := c.nodes[0].worker.Turned(); ago > within {
		t.Errorf("the worker looked %s ago", ago)
	}
}

func TestHealthNamesWhoIsWaitedFor(t *testing.T) {
	t.Parallel()
	c := &cluster{t: t, dir: t.TempDir(), ports: freePorts(t, 2)}
	c.nodes = make([]*Server, 2)
	c.start(0)
	t.Cleanup(func() { c.nodes[0].Stop(context.Background()) })
	silent := "127.0.0.1:" + strconv.Itoa(c.ports[1])
	c.wait("it says who is missing", within, func() bool { return strings.Contains(c.nodes[0].Health(t.Context()).Doing, silent) })
	if h := c.nodes[0].Health(t.Context()); h.Ready {
		t.Errorf("ready without a cluster: %+v", h)
	}
	c.start(1)
	t.Cleanup(func() { c.nodes[1].Stop(context.Background()) })
	c.waitReady(2)
	c.wait("it is ready", within, func() bool { return c.nodes[0].Health(t.Context()).Ready })
	if h := c.nodes[0].Health(t.Context()); !strings.Contains(h.Doing, "master") {
		t.Errorf("%+v", h)
	}
}
