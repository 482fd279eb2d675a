package master

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"seikan/db/state"
	"seikan/engine/fault"
	"seikan/engine/plan"
	"seikan/engine/rpc"
	"seikan/storage"
)

// Cluster is the master of a cluster: it reigns while its node is the Raft leader.
type Cluster struct {
	Jobs  *state.Jobs // writes through this node's own store alone
	Blobs storage.Store
	// Plan builds a job's plan from its row.
	Plan func(ctx context.Context, job state.Job, log *slog.Logger) (*plan.Plan, error)
	// Lacks says what a job has to wait for that this node does not have, "" for nothing; may be nil.
	Lacks func(jobID string) string
	Node  string // this node's id
	Lease time.Duration
	Wait  bool // job-schedule-strategy WAIT
	// TellEvery is how often the counts of jobs and tasks are logged, 0 for never.
	TellEvery time.Duration
	Log       *slog.Logger

	mu    sync.Mutex
	reign *reign
}

// reign is what a master knows beyond the rows. It is gathered anew by each.
type reign struct {
	c       *Cluster
	jobs    *state.Jobs // in epoch
	epoch   int64
	began   time.Time
	wake    chan struct{}
	turned  atomic.Int64  // nanoseconds since began, when a step last got on
	over    chan struct{} // closed when the reign has ended
	decided chan struct{} // closed when there are orders
	entered chan struct{} // a node has come in, which waits for its lease
	mu      sync.Mutex
	nodes   map[string]*node
	plans   map[string]*planning
	look    *look
	unsure  unsures
	clean   chan struct{} // a job has ended, whose checkpoints go
	live    int           // jobs at the last look
	holds   map[string]string
	last    Facts                     // of the newest step
	orders  map[Seat][]rpc.TaskSpec   // nil before the first decision
	number  uint64                    // of orders
	counts  map[string]map[int]*tally // by job and pipeline
}

type node struct {
	fact      NodeFact
	arrivals  uint64            // sessions so far
	session   uint64            // present one
	seq       uint64            // newest report
	confirmed uint64            // newest report before it was last proved that this is the master
	first     map[string]uint64 // session in which each incarnation was first seen
	proven    uint64            // the last of these whose incarnation has heard of this master: older ones are past
	push      chan struct{}     // of the present session
	left      bool              // the present session has ended
}

type planning struct {
	done  bool
	shape *Shape
	err   error
}

// ErrNotMaster says that this node is not, or no longer, the master.
var ErrNotMaster = errors.New("this node is not the master")

// Reign takes the next epoch and carries out decisions until ctx ends, which it must as soon as
// the node is no longer leader; being deposed shows in refused writes before that.
func (c *Cluster) Reign(ctx context.Context) error {
	fault.Point("epoch.before")
	epoch, err := c.Jobs.TakeEpoch(ctx, c.Node)
	fault.Point("epoch.after")
	if err != nil {
		return fmt.Errorf("take over as master: %w", err)
	}
	r := &reign{c: c, jobs: c.Jobs.InEpoch(epoch), epoch: epoch, began: time.Now(), wake: make(chan struct{}, 1), over: make(chan struct{}), decided: make(chan struct{}), entered: make(chan struct{}, 1), nodes: map[string]*node{},
		plans: map[string]*planning{}, clean: make(chan struct{}, 1), unsure: unsures{}, holds: map[string]string{}, counts: map[string]map[int]*tally{}}
	r.look = newLook(r.jobs)
	c.mu.Lock()
	c.reign = r
	c.mu.Unlock()
	c.Log.Info("this node is the master", "epoch", epoch)
	defer func() {
		c.mu.Lock()
		c.reign = nil
		c.mu.Unlock()
		close(r.over)
	}()
	group, inner := errgroup.WithContext(ctx)
	group.Go(func() error { return r.loop(inner) })
	group.Go(func() error { return r.prove(inner) })
	group.Go(func() error { return r.sweep(inner) })
	group.Go(func() error { return r.tellCounts(inner) })
	return group.Wait()
}

// Turned is how long ago the step of this node's reign last got on; false: it does not reign. It
// returns when nobody holds what a step needs.
func (c *Cluster) Turned() (ago time.Duration, reigns bool) {
	r := c.current()
	if r == nil {
		return 0, false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.now() - time.Duration(r.turned.Load()), true
}

func (r *reign) turn() { r.turned.Store(int64(r.now())) }

func (c *Cluster) current() *reign {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.reign
}

// Wake makes the master look at the rows soon.
func (c *Cluster) Wake() {
	if r := c.current(); r != nil {
		r.poke()
	}
}

func (r *reign) poke() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// lookEvery is how often the rows are read when nothing asks for it, lookBusy when that takes long,
// lookIdle when no job runs: whoever submits one wakes the master.
const (
	lookEvery = 250 * time.Millisecond
	lookBusy  = 2 * time.Second
	lookIdle  = time.Second
)

func (r *reign) loop(ctx context.Context) error {
	for {
		r.turn()
		began := time.Now()
		acted, idle, err := r.step(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, state.ErrDeposed):
			return err
		case err != nil:
			r.c.Log.Warn("a step of the master did not succeed and is repeated", "error", err)
		case acted:
			continue
		}
		// With ten thousand jobs a step takes long: it shall not take all of a core.
		every := min(max(lookEvery, 4*time.Since(began)), lookBusy)
		if idle {
			every = lookIdle
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.wake:
		case <-time.After(every):
		}
	}
}

// step reads, publishes orders, decides and acts, once. idle tells that there is no job to watch.
func (r *reign) step(ctx context.Context) (acted, idle bool, err error) {
	f, err := r.facts(ctx)
	if err != nil {
		return false, false, err
	}
	r.turn()
	r.publish(Orders(f))
	byJob := map[string][]Action{}
	held := map[string]string{}
	for _, a := range Decide(f) {
		if h, ok := a.(Hold); ok {
			held[h.JobID] = h.Reason
			continue
		}
		if p, ok := a.(Plan); ok { // goes on behind this step
			r.startPlan(ctx, p.JobID)
			continue
		}
		id := jobOf(a)
		byJob[id] = append(byJob[id], a)
	}
	r.mu.Lock()
	r.holds = held
	r.mu.Unlock()
	var done atomic.Int64
	group, inner := errgroup.WithContext(ctx)
	group.SetLimit(16)
	for _, id := range slices.Sorted(maps.Keys(byJob)) {
		group.Go(func() error {
			for _, a := range byJob[id] {
				switch err := r.carryOut(inner, a); {
				case err == nil:
					done.Add(1)
					r.turn()
				case !errors.Is(err, state.ErrMoved): // the next look shows what moved it
					return err
				}
			}
			return nil
		})
	}
	err = group.Wait()
	return done.Load() > 0, len(f.Jobs) == 0, err
}

func jobOf(a Action) string {
	switch a := a.(type) {
	case Move:
		return a.JobID
	case Begin:
		return a.JobID
	case Save:
		return a.Pipeline.JobID
	case End:
		return a.JobID
	}
	return ""
}

func (r *reign) now() time.Duration { return time.Since(r.began) }

// heardOf are the newest report of each node and the session it came in.
func (r *reign) heardOf() map[string][2]uint64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make(map[string][2]uint64, len(r.nodes))
	for id, n := range r.nodes {
		out[id] = [2]uint64{n.session, n.seq}
	}
	return out
}

// proveEvery is how often leases are renewed, unless they are short.
const proveEvery = time.Second

// prove renews leases, beside the steps, which may take long. Only what was heard before the
// epoch was read counts: the read proves that no other master had begun by then to wait for
// leases to run out. (Invariant 7)
func (r *reign) prove(ctx context.Context) error {
	tick := time.NewTicker(min(proveEvery, r.c.Lease/8))
	defer tick.Stop()
	for {
		heard := r.heardOf()
		switch epoch, err := r.jobs.Epoch(ctx); {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil:
			r.c.Log.Warn("leases are not renewed while the state store does not answer", "error", err)
		case epoch != r.epoch:
			return fmt.Errorf("%w: epoch %d, this is %d", state.ErrDeposed, epoch, r.epoch)
		default:
			r.confirm(heard)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-r.entered:
		case <-tick.C:
		}
	}
}

func (r *reign) confirm(heard map[string][2]uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for id, n := range r.nodes {
		if h := heard[id]; h[0] == n.session && h[1] > n.confirmed && n.push != nil {
			n.confirmed = h[1]
			select {
			case n.push <- struct{}{}:
			default:
			}
		}
	}
}

// publish makes orders the present ones and sends them to those for whom they have changed.
func (r *reign) publish(orders map[Seat][]rpc.TaskSpec) {
	r.mu.Lock()
	defer r.mu.Unlock()
	first := r.orders == nil
	for id, n := range r.nodes {
		seat := Seat{id, n.fact.Info.Incarnation}
		if n.push != nil && (first || !slices.Equal(r.orders[seat], orders[seat])) {
			select {
			case n.push <- struct{}{}:
			default:
			}
		}
	}
	r.orders = orders
	r.number++
	if first {
		close(r.decided)
	}
}

func (r *reign) carryOut(ctx context.Context, a Action) error {
	var err error
	switch a := a.(type) {
	case Move:
		fault.Point("job.move.before")
		_, err = r.jobs.Move(ctx, a.JobID, a.Move)
		fault.Point("job.move.after")
	case Begin:
		var text []byte
		if text, err = json.Marshal(a.Placement); err == nil {
			var row state.Pipeline
			fault.Point("pipeline.place.before")
			row, err = r.jobs.PlaceAttempt(ctx, a.JobID, int64(a.Pipeline), string(text), a.Within)
			fault.Point("pipeline.place.after")
			r.mu.Lock()
			r.unsure.note(a, err, r.now())
			r.mu.Unlock()
			if err == nil && a.Pipeline > 0 {
				r.c.Log.Info("a pipeline is placed", "job", a.JobID, "pipeline", a.Pipeline, "attempt", row.Attempt, "on", a.Placement.addrs())
			}
		}
	case Save:
		fault.Point("pipeline.save.before")
		_, err = r.jobs.SavePipeline(ctx, a.Pipeline, a.falls()...)
		fault.Point("pipeline.save.after")
		switch {
		case err != nil:
		case a.Fall == state.FallMoved:
			r.c.Log.Info("a pipeline is moved", "job", a.Pipeline.JobID, "pipeline", a.Pipeline.ID, "attempt", a.Pipeline.Attempt, "why", a.Pipeline.Error)
		case a.Pipeline.Status == state.PipelineFailed:
			r.c.Log.Warn("a pipeline failed", "job", a.Pipeline.JobID, "pipeline", a.Pipeline.ID, "attempt", a.Pipeline.Attempt, "error", a.Pipeline.Error)
		}
	case End:
		err = r.end(ctx, a)
	}
	return err
}

// addrs are the nodes of a placement.
func (p Placement) addrs() []string {
	var out []string
	for _, at := range p {
		out = append(out, at.Addr)
	}
	slices.Sort(out)
	return slices.Compact(out)
}

func (a Save) falls() []state.Fall {
	if a.Fall == "" {
		return nil
	}
	return []state.Fall{a.Fall}
}

func (r *reign) startPlan(ctx context.Context, id string) {
	p := &planning{}
	r.mu.Lock()
	r.plans[id] = p
	r.mu.Unlock()
	go func() {
		within, cancel := context.WithTimeout(ctx, planWithin)
		defer cancel()
		job, err := r.jobs.Job(within, id)
		if err != nil { // no fault of the job: a later step plans it again
			r.c.Log.Warn("a job is not planned while the state store does not answer", "job", id, "error", err)
			r.forgetPlan(id, p)
			return
		}
		var s *Shape
		built, err := r.c.Plan(within, job, r.c.Log)
		if err == nil {
			s = ShapeOf(built)
		}
		if ctx.Err() != nil { // the reign has ended, which is no fault of the job either
			return
		}
		r.mu.Lock()
		p.done, p.shape, p.err = true, s, err
		r.mu.Unlock()
		r.poke()
	}()
}

func (r *reign) forgetPlan(id string, p *planning) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.plans[id] == p { // else the job was restarted meanwhile
		delete(r.plans, id)
	}
}

func (r *reign) end(ctx context.Context, e End) error {
	metrics, err := json.Marshal(r.finalCounters(ctx, e.JobID))
	if err != nil {
		return fmt.Errorf("encode the job's counters: %w", err)
	}
	fault.Point("job.finish.before")
	_, err = r.jobs.FinishJob(ctx, e.JobID, e.Status, e.Error, string(metrics))
	fault.Point("job.finish.after")
	if e.Forced && errors.Is(err, state.ErrUnacknowledged) {
		r.c.Log.Warn("a cancel is forced", "job", e.JobID, "owed", err)
		_, err = r.jobs.Move(ctx, e.JobID, forced(err))
		return err
	}
	if err != nil {
		return err
	}
	r.c.Log.Info("job ended", "job", e.JobID, "status", e.Status, "error", e.Error)
	select {
	case r.clean <- struct{}{}:
	default:
	}
	return nil
}

// forced is the end of a cancelled job that owes commits and could not finish them.
func forced(owed error) state.Move {
	return state.Move{To: state.Failing, Allowed: atOnce,
		Error: fmt.Sprintf("the cancel was forced after %v: %v; a restore (-r) finishes them first", cancelWithin, owed)}
}

// ShapeOf is what the master keeps of a plan.
func ShapeOf(p *plan.Plan) *Shape {
	s := &Shape{RetryTimes: int64(p.Env.RetryTimes), CheckpointTimeoutMS: p.Env.CheckpointTimeout.Milliseconds(), DirtyMaxCount: p.Env.Dirty.MaxCount, RetryWaitMS: p.Env.RetryInterval.Milliseconds(), MemoryBytes: p.Env.MemoryBytes,
		Tags: p.Env.Tags(), EnvOptions: p.Env.Options(), Dag: dag(p)}
	for _, pl := range p.Pipelines {
		s.Pipelines = append(s.Pipelines, PipelineShape{ID: pl.ID, Parallelism: pl.Parallelism, Committers: pl.Slots() - 1 - pl.Parallelism,
			NodeBound: pl.NodeBound()})
	}
	return s
}
