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
	"seikan/engine/checkpoint"
	"seikan/engine/plan"
	"seikan/engine/rpc"
	"seikan/storage"
)

// Cluster is the master of a cluster: it reigns while its node is the Raft leader.
type Cluster struct {
	Jobs  *state.Jobs // writes through this node's own store alone
	Blobs storage.Store
	// Plan builds a job's plan from its row.
	Plan  func(ctx context.Context, job state.Job, log *slog.Logger) (*plan.Plan, error)
	Node  string // this node's id
	Lease time.Duration
	Wait  bool // job-schedule-strategy WAIT
	Log   *slog.Logger

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
	over    chan struct{} // closed when the reign has ended
	decided chan struct{} // closed when there are orders
	entered chan struct{} // a node has come in, which waits for its lease
	mu      sync.Mutex
	nodes   map[string]*node
	plans   map[string]*planning
	since   map[string]seen
	holds   map[string]string
	orders  map[Seat][]rpc.TaskSpec                // nil before the first decision
	number  uint64                                 // of orders
	counts  map[string]map[string]map[string]int64 // job, task, counters: as last reported
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

type seen struct {
	status  state.PipelineStatus
	attempt int64
	at      time.Duration
	order   uint64
}

// ErrNotMaster says that this node is not, or no longer, the master.
var ErrNotMaster = errors.New("this node is not the master")

// Reign takes the next epoch and carries out decisions until ctx ends, which it must as soon as
// the node is no longer leader; being deposed shows in refused writes before that.
func (c *Cluster) Reign(ctx context.Context) error {
	epoch, err := c.Jobs.TakeEpoch(ctx, c.Node)
	if err != nil {
		return fmt.Errorf("take over as master: %w", err)
	}
	r := &reign{c: c, jobs: c.Jobs.InEpoch(epoch), epoch: epoch, began: time.Now(), wake: make(chan struct{}, 1), over: make(chan struct{}), decided: make(chan struct{}), entered: make(chan struct{}, 1), nodes: map[string]*node{},
		plans: map[string]*planning{}, since: map[string]seen{}, holds: map[string]string{}, counts: map[string]map[string]map[string]int64{}}
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
	return group.Wait()
}

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

// lookEvery is how often the rows are read when nothing asks for it, lookIdle when no job runs:
// whoever submits one wakes the master.
const (
	lookEvery = 250 * time.Millisecond
	lookIdle  = time.Second
)

func (r *reign) loop(ctx context.Context) error {
	for {
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
		every := lookEvery
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

func (r *reign) facts(ctx context.Context) (Facts, error) {
	f := Facts{Lease: r.c.Lease, Wait: r.c.Wait, Nodes: map[string]NodeFact{}}
	jobs, err := r.liveJobs(ctx)
	if err != nil {
		return f, err
	}
	pipelines, err := r.jobs.LivePipelines(ctx)
	if err != nil {
		return f, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	f.Now = r.now()
	for id, n := range r.nodes {
		if n.fact.Tasks != nil { // else its first report is just being taken in
			f.Nodes[id] = n.fact
		}
	}
	live := map[string]bool{}
	for _, j := range jobs {
		live[j.ID] = true
		f.Jobs = append(f.Jobs, r.jobFact(j, pipelines[j.ID], f.Now))
	}
	maps.DeleteFunc(r.plans, func(id string, _ *planning) bool { return !live[id] })
	maps.DeleteFunc(r.counts, func(id string, _ map[string]map[string]int64) bool { return !live[id] })
	return f, nil
}

func (r *reign) liveJobs(ctx context.Context) ([]state.Job, error) {
	var out []state.Job
	for after := ""; ; {
		page, next, err := r.jobs.Jobs(ctx, state.Live(), after, 1000)
		if err != nil {
			return nil, err
		}
		out = append(out, page...)
		if next == "" {
			slices.Reverse(out) // oldest submit first
			return out, nil
		}
		after = next
	}
}

// jobFact puts a job's rows and what is known of its plan together; r.mu is held.
func (r *reign) jobFact(j state.Job, rows []state.Pipeline, now time.Duration) JobFact {
	out := JobFact{Job: j, Pipelines: map[int]PipelineFact{}}
	if p := r.plans[j.ID]; p != nil {
		out.Planning, out.Shape, out.PlanErr = !p.done, p.shape, p.err
	}
	if j.Shape != "" {
		s := &Shape{}
		if err := json.Unmarshal([]byte(j.Shape), s); err != nil {
			out.PlanErr = fmt.Errorf("the stored shape of the plan: %w", err)
		} else {
			out.Shape = s
		}
	}
	for _, p := range rows {
		f := PipelineFact{Row: p, Placement: Placement{}}
		if p.Placement != "" {
			if err := json.Unmarshal([]byte(p.Placement), &f.Placement); err != nil {
				out.PlanErr = fmt.Errorf("the stored placement of pipeline %d: %w", p.ID, err)
			}
		}
		key := fmt.Sprintf("%s/%d", j.ID, p.ID)
		s, ok := r.since[key]
		if !ok || s.status != p.Status || s.attempt != p.Attempt {
			s = seen{p.Status, p.Attempt, now, r.number + 1}
			r.since[key] = s
		}
		f.Since, f.SinceOrder = s.at, s.order
		out.Pipelines[int(p.ID)] = f
	}
	return out
}

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
const proveEvery = 500 * time.Millisecond

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
		_, err = r.jobs.Move(ctx, a.JobID, a.Move)
	case Begin:
		var text []byte
		if text, err = json.Marshal(a.Placement); err == nil {
			var row state.Pipeline
			if row, err = r.jobs.PlaceAttempt(ctx, a.JobID, int64(a.Pipeline), string(text)); err == nil && a.Pipeline > 0 {
				r.c.Log.Info("a pipeline is placed", "job", a.JobID, "pipeline", a.Pipeline, "attempt", row.Attempt, "on", a.Placement.addrs())
			}
		}
	case Save:
		_, err = r.jobs.SavePipeline(ctx, a.Pipeline)
		if err == nil && a.Pipeline.Status == state.PipelineFailed {
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

// planWithin bounds planning, which may connect to the job's systems.
const planWithin = time.Minute

func (r *reign) startPlan(ctx context.Context, id string) {
	p := &planning{}
	r.mu.Lock()
	r.plans[id] = p
	r.mu.Unlock()
	go func() {
		ctx, cancel := context.WithTimeout(ctx, planWithin)
		defer cancel()
		job, err := r.jobs.Job(ctx, id)
		var s *Shape
		if err == nil {
			var built *plan.Plan
			if built, err = r.c.Plan(ctx, job, r.c.Log); err == nil {
				s = ShapeOf(built)
			}
		}
		r.mu.Lock()
		p.done, p.shape, p.err = true, s, err
		r.mu.Unlock()
		r.poke()
	}()
}

func (r *reign) end(ctx context.Context, e End) error {
	metrics, err := json.Marshal(r.finalCounters(ctx, e.JobID))
	if err != nil {
		return fmt.Errorf("encode the job's counters: %w", err)
	}
	if _, err := r.jobs.FinishJob(ctx, e.JobID, e.Status, e.Error, string(metrics)); err != nil {
		return err
	}
	r.c.Log.Info("job ended", "job", e.JobID, "status", e.Status, "error", e.Error)
	if e.Status == state.Finished || e.Status == state.Canceled {
		checkpoint.Keeper{Jobs: r.jobs, Blobs: r.c.Blobs, Log: r.c.Log}.DropAll(ctx, e.JobID)
	}
	return nil
}

// finalCounters are those of each pipeline's newest manifest, which are exact, or else what was
// last reported.
func (r *reign) finalCounters(ctx context.Context, jobID string) map[string]int64 {
	sum := map[string]int64{}
	rows, err := r.jobs.Pipelines(ctx, jobID)
	if err != nil {
		return r.Counters(jobID)
	}
	for _, p := range rows {
		if p.ID == 0 {
			continue
		}
		m, err := checkpoint.Newest(ctx, r.jobs, r.c.Blobs, jobID, int(p.ID), r.c.Log)
		if err != nil || m == nil {
			return r.Counters(jobID)
		}
		for k, n := range m.Counters {
			sum[k] += n
		}
	}
	return sum
}

// Counters sums what the tasks of a job last reported.
func (r *reign) Counters(jobID string) map[string]int64 {
	r.mu.Lock()
	defer r.mu.Unlock()
	sum := map[string]int64{}
	for _, counters := range r.counts[jobID] {
		for k, n := range counters {
			sum[k] += n
		}
	}
	return sum
}

// ShapeOf is what the master keeps of a plan.
func ShapeOf(p *plan.Plan) *Shape {
	s := &Shape{RetryTimes: int64(p.Env.RetryTimes), RetryWaitMS: p.Env.RetryInterval.Milliseconds(), MemoryBytes: p.Env.MemoryBytes,
		Tags: p.Env.Tags(), EnvOptions: p.Env.Options(), Dag: dag(p)}
	for _, pl := range p.Pipelines {
		s.Pipelines = append(s.Pipelines, PipelineShape{ID: pl.ID, Parallelism: pl.Parallelism, Committers: pl.Slots() - 1 - pl.Parallelism,
			NodeBound: pl.NodeBound()})
	}
	return s
}
