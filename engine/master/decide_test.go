package master

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"seikan/db/state"
	"seikan/engine/record"
	"seikan/engine/rpc"
)

// table is a set of facts to decide on.
type table struct{ Facts }

const lease = 8 * time.Second

func facts() *table {
	return &table{Facts{Now: time.Hour, Lease: lease, Nodes: map[string]NodeFact{}}}
}

// node adds a worker that has just been heard of.
func (t *table) node(id string, change ...func(*NodeFact)) *table {
	n := NodeFact{Info: rpc.NodeInfo{ID: id, Incarnation: id + ".1", Addr: id + ":5801"}, Heard: t.Now, Obeyed: 100, Tasks: map[rpc.TaskKey]rpc.TaskReport{}}
	for _, f := range change {
		f(&n)
	}
	t.Nodes[id] = n
	return t
}

func slots(n int) func(*NodeFact)              { return func(f *NodeFact) { f.Info.Slots = n } }
func memory(n int64) func(*NodeFact)           { return func(f *NodeFact) { f.Info.MemoryBytes = n } }
func tags(m map[string]string) func(*NodeFact) { return func(f *NodeFact) { f.Info.Tags = m } }
func silent(d time.Duration) func(*NodeFact)   { return func(f *NodeFact) { f.Heard -= d } }
func drained(since time.Duration) func(*NodeFact) {
	return func(f *NodeFact) { f.Info.Draining, f.Draining = true, f.Heard-since }
}

// job adds one with a pipeline of two subtasks and one committer.
func (t *table) job(id string, s state.Status, change ...func(*JobFact)) *table {
	j := JobFact{Job: state.Job{ID: id, Status: s, Desired: state.WantRun}, Since: t.Now - time.Second, Pipelines: map[int]PipelineFact{},
		Shape: &Shape{Pipelines: []PipelineShape{{ID: 1, Parallelism: 2, Committers: 1}}, RetryTimes: 3, RetryWaitMS: 3000, MemoryBytes: 100}}
	if !waits(j) && s != state.Initializing {
		j.Pipelines[0] = PipelineFact{Row: state.Pipeline{JobID: id, Attempt: 1, Status: state.PipelineFinished}}
	}
	for _, f := range change {
		f(&j)
	}
	t.Jobs = append(t.Jobs, j)
	return t
}

// placed is the second attempt of pipeline 1: its head on a, its subtasks on a and b.
func placed(s state.PipelineStatus, ago time.Duration, change ...func(*PipelineFact)) func(*JobFact) {
	return func(j *JobFact) {
		p := PipelineFact{Row: state.Pipeline{JobID: j.Job.ID, ID: 1, Attempt: 2, Status: s}, Since: time.Hour - ago, SinceOrder: 50,
			Placement: Placement{"head": {Node: "a", Incarnation: "a.1", Addr: "a:5801"}, "chain-0": {Node: "a", Incarnation: "a.1", Addr: "a:5801"}, "chain-1": {Node: "b", Incarnation: "b.1", Addr: "b:5801"}}}
		for _, f := range change {
			f(&p)
		}
		j.Pipelines[1] = p
	}
}

func falls(f state.Falls) func(*PipelineFact) { return func(p *PipelineFact) { p.Falls = f } }

// says makes a task's report.
func (t *table) says(job, task string, s rpc.TaskState, change ...func(*rpc.TaskReport)) *table {
	for _, j := range t.Jobs {
		if j.Job.ID != job {
			continue
		}
		p := j.Pipelines[1]
		r := rpc.TaskReport{TaskKey: taskKey(j, 1, p.Row.Attempt, task), State: s, Ended: t.Now - time.Second}
		for _, f := range change {
			f(&r)
		}
		t.Nodes[p.Placement[task].Node].Tasks[r.TaskKey] = r
	}
	return t
}

// show is what is decided, in few words.
func (t *table) show() string {
	var out []string
	for _, a := range Decide(t.Facts) {
		switch a := a.(type) {
		case Hold:
			out = append(out, fmt.Sprintf("%s holds: %s", a.JobID, a.Reason))
		case Move:
			out = append(out, strings.TrimSpace(fmt.Sprintf("%s is %s within %v %s", a.JobID, a.Move.To, a.Move.Allowed, a.Move.Error)))
		case Begin:
			out = append(out, fmt.Sprintf("%s/%d begins on %s", a.JobID, a.Pipeline, strings.Join(a.Placement.addrs(), " ")))
		case Save:
			out = append(out, strings.TrimSpace(fmt.Sprintf("%s/%d is %s: %s %s", a.Pipeline.JobID, a.Pipeline.ID, a.Pipeline.Status, a.Pipeline.Error, a.Fall)))
		case End:
			out = append(out, fmt.Sprintf("%s ends %s, forced %v", a.JobID, a.Status, a.Forced))
		case Plan:
			out = append(out, a.JobID+" is planned")
		}
	}
	return strings.Join(out, "\n")
}

func (t *table) want(tt *testing.T, want string) {
	tt.Helper()
	if got := t.show(); got != want {
		tt.Errorf("decided\n%s\nwant\n%s", got, want)
	}
}

const running = "1 is RUNNING within 0s"

func TestAJobRunsOnWorkersWithItsTags(t *testing.T) {
	t.Parallel()
	tagged := func(j *JobFact) { j.Shape.Tags = map[string]string{"team": "red", "zone": "x"} }
	red := map[string]string{"team": "red", "zone": "x", "more": "y"}
	facts().node("a", tags(map[string]string{"team": "red"})).job("1", state.Pending, tagged).
		want(t, "1 is FAILING within 1m30s NoEnoughResourceException: no worker has room: 1 without the tags map[team:red zone:x]")
	facts().node("a").node("b", tags(red)).job("1", state.Pending, tagged).want(t, running)
	facts().node("a").node("b", tags(red)).job("1", state.Running, tagged).want(t, "1/1 begins on b:5801")
}

// A pipeline takes 1 + committers + parallelism slots: here 4.
func TestStaticSlotsAreCounted(t *testing.T) {
	t.Parallel()
	facts().node("a", slots(4)).job("1", state.Pending).want(t, running)
	facts().node("a", slots(3)).job("1", state.Pending).
		want(t, "1 is FAILING within 1m30s NoEnoughResourceException: no worker has room: 1 without 1 free slots")
	facts().node("a", slots(2)).node("b", slots(2)).job("1", state.Pending).want(t, running)
	busy := facts().node("a", slots(4)).node("b", slots(3)).job("0", state.Running, placed(state.PipelineRunning, time.Minute)).
		says("0", "head", rpc.Running).says("0", "chain-0", rpc.Running).says("0", "chain-1", rpc.Running)
	if used := newDecider(busy.Facts).slots(); used["a"] != 3 || used["b"] != 1 {
		t.Errorf("slots taken: %v, not 2 of the head and 1 of a subtask, and 1", used)
	}
	busy.job("1", state.Pending).want(t, "1 is FAILING within 1m30s NoEnoughResourceException: no worker has room: 2 without 1 free slots")
}

func TestDynamicSlotsAreBoundedByMemory(t *testing.T) {
	t.Parallel()
	facts().node("a", memory(99)).job("1", state.Pending).
		want(t, "1 is FAILING within 1m30s NoEnoughResourceException: no worker has room: 1 without 100 bytes of free memory (env memory.bytes)")
	facts().node("a", memory(100)).job("1", state.Pending).want(t, running)
	busy := facts().node("a", memory(150)).node("b", memory(150)).job("0", state.Running, placed(state.PipelineRunning, time.Minute)).
		says("0", "head", rpc.Running).says("0", "chain-0", rpc.Running).says("0", "chain-1", rpc.Running).job("1", state.Pending)
	busy.Wait = true
	busy.want(t, "1 holds: no worker has room: 2 without 100 bytes of free memory (env memory.bytes)")
}

func TestWithoutRoomAJobIsRejectedOrWaitsInOrder(t *testing.T) {
	t.Parallel()
	small := func(j *JobFact) { j.Shape.Pipelines[0].Parallelism, j.Shape.Pipelines[0].Committers = 1, 0 }
	f := facts().node("a", slots(2)).job("1", state.Pending).job("2", state.Pending, small)
	f.want(t, "1 is FAILING within 1m30s NoEnoughResourceException: no worker has room: 1 without 1 free slots\n2 is RUNNING within 0s")
	f.Wait = true
	f.want(t, "1 holds: no worker has room: 1 without 1 free slots\n2 holds: waits behind an earlier job")
	f.Wait, f.Now = false, lease/2 // workers may not have reported to a new master yet
	for id, n := range f.Nodes {
		n.Heard = f.Now
		f.Nodes[id] = n
	}
	f.want(t, "1 holds: no worker has room: 1 without 1 free slots\n2 holds: waits behind an earlier job")
}

func TestASilentWorkerIsChosenLast(t *testing.T) {
	t.Parallel()
	facts().node("a", silent(lease*3/4)).node("b").job("1", state.Running).want(t, "1/1 begins on b:5801")
	facts().node("a", silent(lease*3/4)).job("1", state.Running).want(t, "1/1 begins on a:5801")
}

// TestOnlyFailuresOfTheJobCount: job.retry.times is not used up by nodes that go.
func TestOnlyFailuresOfTheJobCount(t *testing.T) {
	t.Parallel()
	broke := func(r *rpc.TaskReport) { r.Error = "the target is away" }
	link := func(r *rpc.TaskReport) { r.Error, r.Link = "the link broke", true }
	two := func(a, b []func(*NodeFact)) *table {
		return facts().node("a", a...).node("b", b...).job("1", state.Running, placed(state.PipelineRunning, time.Minute)).says("1", "head", rpc.Running).says("1", "chain-0", rpc.Running)
	}
	two(nil, nil).says("1", "chain-1", rpc.Failed, broke).want(t, "1/1 is FAILED: the target is away FAILURE")
	two(nil, []func(*NodeFact){silent(lease + 1)}).want(t, "1/1 is FAILED: The taskGroup(chain-1) deployed node(b:5801) offline OFFLINE")
	two(nil, nil).says("1", "chain-1", rpc.Stopped).want(t, "1/1 is FAILED: chain-1 on node b:5801 was stopped MOVED")
	two(nil, []func(*NodeFact){silent(lease * 3 / 4)}).says("1", "chain-0", rpc.Failed, broke).want(t, "1/1 is FAILED: the target is away OFFLINE")
	two([]func(*NodeFact){drained(time.Second)}, nil).says("1", "chain-0", rpc.Failed, broke).want(t, "1/1 is FAILED: the target is away MOVED")
	// A chain that lost its head may only have lost the head's node.
	two([]func(*NodeFact){silent(time.Second)}, nil).says("1", "chain-1", rpc.Failed, link).want(t, "")
	two([]func(*NodeFact){silent(lease + 1)}, nil).says("1", "chain-1", rpc.Failed, link).want(t, "1/1 is FAILED: The taskGroup(chain-0) deployed node(a:5801) offline OFFLINE")
	two(nil, nil).says("1", "chain-1", rpc.Failed, link, func(r *rpc.TaskReport) { r.Ended -= time.Second }).want(t, "1/1 is FAILED: the link broke FAILURE")
	two(nil, nil).says("1", "chain-1", rpc.Failed, link).says("1", "head", rpc.Stopped).want(t, "1/1 is FAILED: head on node a:5801 was stopped MOVED")
	two([]func(*NodeFact){func(n *NodeFact) { n.Info.Incarnation = "a.2" }}, nil).says("1", "chain-1", rpc.Failed, link).
		want(t, "1/1 is FAILED: The taskGroup(chain-0) deployed node(a:5801) offline OFFLINE")
	two(nil, nil).says("1", "chain-1", rpc.Failed, link).says("1", "head", rpc.Failed, broke).want(t, "1/1 is FAILED: the target is away FAILURE")
}

func TestRestartsBackOffAndEnd(t *testing.T) {
	t.Parallel()
	failed := func(f state.Falls, ago time.Duration) *table {
		return facts().node("a").node("b").job("1", state.Running, placed(state.PipelineFailed, ago, falls(f)))
	}
	begins := "1/1 begins on a:5801 b:5801"
	for _, c := range []struct {
		falls state.Falls
		waits time.Duration
	}{
		{state.Falls{Failures: 1, Last: state.FallFailure}, 3 * time.Second},
		{state.Falls{Failures: 2, Last: state.FallFailure}, 6 * time.Second},
		{state.Falls{Failures: 3, Offline: 9, Moved: 9, Last: state.FallFailure}, 12 * time.Second},
		{state.Falls{Offline: 1, Last: state.FallOffline}, 0},
		{state.Falls{Offline: 3, Last: state.FallOffline}, 6 * time.Second},
		{state.Falls{Failures: 3, Offline: 50, Last: state.FallOffline}, time.Minute - time.Millisecond},
		{state.Falls{Failures: 3, Moved: 50, Last: state.FallMoved}, 0},
	} {
		if c.waits > 0 {
			failed(c.falls, c.waits-time.Millisecond).want(t, "")
		}
		failed(c.falls, c.waits+time.Millisecond).want(t, begins)
	}
	failed(state.Falls{Failures: 4, Last: state.FallFailure}, time.Hour).want(t, "1 is FAILING within 1m30s pipeline 1:")
	for _, c := range []struct {
		r    retry
		want time.Duration
	}{{retry{3, 3 * time.Second}, time.Hour}, {retry{100, 3 * time.Second}, 2 * (3 + 6 + 12 + 24 + 48 + 95*60) * time.Second}, {retry{3, time.Hour}, 6 * time.Hour}} {
		if got := c.r.window(); got != c.want {
			t.Errorf("%+v counts in a window of %v, want %v", c.r, got, c.want)
		}
	}
}

func TestADrainedNodeIsLeftByACheckpoint(t *testing.T) {
	t.Parallel()
	on := func(since time.Duration, s state.PipelineStatus) *table {
		return facts().node("a").node("b", drained(since)).node("c").job("1", state.Running, placed(s, time.Minute/2)).
			says("1", "head", rpc.Running).says("1", "chain-0", rpc.Running)
	}
	f := on(time.Second, state.PipelineRunning).says("1", "chain-1", rpc.Running)
	f.want(t, "")
	for seat, specs := range Orders(f.Facts) {
		for _, s := range specs {
			if s.Move != (s.Role == rpc.Head) {
				t.Errorf("%v: %s is told to move: %v", seat, s.Role, s.Move)
			}
		}
	}
	f.says("1", "head", rpc.Finished, func(r *rpc.TaskReport) { r.Kind = record.Checkpoint })
	f.want(t, "1/1 is CANCELED: it goes on elsewhere: a node is drained MOVED")
	on(moveWithin+time.Second, state.PipelineRunning).says("1", "chain-1", rpc.Running).
		want(t, "1/1 is CANCELED: node b:5801 is drained: no checkpoint within 15s MOVED")
	on(time.Second, state.PipelineCreated).want(t, "1/1 is CANCELED: node b:5801 is drained: chain-1 has not begun there MOVED")
	facts().node("a").node("b", drained(time.Second)).node("c").job("1", state.Running, placed(state.PipelineCanceled, time.Second, falls(state.Falls{Moved: 1, Last: state.FallMoved}))).
		want(t, "1/1 begins on a:5801 c:5801")
}

// TestEveryTransientStateEnds (P5): what does not get on is given up in time.
func TestEveryTransientStateEnds(t *testing.T) {
	t.Parallel()
	since := func(d time.Duration) func(*JobFact) { return func(j *JobFact) { j.Since = time.Hour - d } }
	bound := func(j *JobFact) { j.Shape.Pipelines[0].NodeBound = "LocalFile" }
	cancel := func(j *JobFact) { j.Job.Desired = state.WantCancel }
	planning := func(j *JobFact) { j.Shape, j.Planning = nil, true }
	facts().job("1", state.Initializing, planning, since(time.Minute)).want(t, "")
	facts().job("1", state.Initializing, planning, since(3*time.Minute)).
		want(t, "1 is FAILING within 1m30s the plan was not made within 2m0s: a source or sink does not answer")
	facts().job("1", state.Initializing, planning, cancel).want(t, "1 is CANCELING within 2m0s")

	slow := func(ago time.Duration) *table {
		return facts().node("a").node("b").job("1", state.Running, placed(state.PipelineCreated, ago)).says("1", "head", rpc.Running).
			says("1", "chain-0", rpc.Starting, func(r *rpc.TaskReport) { r.Doing = "opening its reader" })
	}
	slow(startWithin-time.Second).want(t, "")
	slow(startWithin+time.Second).want(t, "1/1 is FAILED: it did not get on within 10m0s: chain-0 on node a:5801 is STARTING, opening its reader; "+
		"chain-1 on node b:5801 has not begun; head on node a:5801 is RUNNING FAILURE")

	// A task that does not stop is left to itself.
	hung := func(ago time.Duration) *table {
		return facts().node("a").node("b").job("1", state.Running, placed(state.PipelineFailed, ago, falls(state.Falls{Failures: 1, Last: state.FallFailure}))).says("1", "chain-1", rpc.Running)
	}
	hung(abandon-time.Second).want(t, "")
	hung(abandon+time.Second).want(t, "1/1 begins on a:5801 b:5801")
	long := func(ago, lease time.Duration) *table { // a node that holds a lease still is not left so soon
		f := hung(ago)
		f.Lease = lease
		return f
	}
	long(2*abandon, 2*time.Minute).want(t, "")
	long(4*time.Minute+time.Second, 2*time.Minute).want(t, "1/1 begins on a:5801 b:5801")

	saving := func(d time.Duration) *table {
		return facts().node("a").job("1", state.DoingSavepoint, bound, since(d), placed(state.PipelineFailed, 2*time.Minute, func(p *PipelineFact) {
			p.Placement = Placement{"head": {Node: "b", Incarnation: "b.1"}}
		}))
	}
	waits := "1 holds: node b, where its data is, is not there; the pipeline must run on one node: LocalFile"
	saving(time.Minute).want(t, waits)
	saving(savepointWithin+time.Second).want(t, waits+"\n1 is FAILING within 1m30s the savepoint was not complete within 10m0s; the job can go on from its newest checkpoint (-r)")
}

// TestACancelAlwaysEnds: also when the node is gone on which the job's data lies.
func TestACancelAlwaysEnds(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status state.Status
		ago    time.Duration
		want   string
	}{
		{state.Canceling, time.Minute, "1 holds: node b, where its data is, is not there; the pipeline must run on one node: LocalFile"},
		{state.Canceling, cancelWithin + time.Second, "1 ends CANCELED, forced true"},
		{state.Failing, time.Minute, "1 holds: node b, where its data is, is not there; the pipeline must run on one node: LocalFile"},
		{state.Failing, failWithin + time.Second, "1 ends FAILED, forced true"},
	} {
		facts().node("a").job("1", c.status, func(j *JobFact) {
			j.Shape.Pipelines[0].NodeBound, j.Since = "LocalFile", time.Hour-c.ago
		}, placed(state.PipelineCanceled, c.ago, func(p *PipelineFact) {
			p.Placement = Placement{"head": {Node: "b", Incarnation: "b.1"}, "chain-0": {Node: "b", Incarnation: "b.1"}}
		})).want(t, c.want)
	}
	if m := forced(errors.New("job 1 owes")); m.To != state.Failing || m.Allowed <= 0 || !strings.Contains(m.Error, "restore") {
		t.Errorf("%+v", m)
	}
}

// TestACancelStopsAllPipelinesAtOnce: hung ones are waited for together.
func TestACancelStopsAllPipelinesAtOnce(t *testing.T) {
	t.Parallel()
	hung := func(s state.PipelineStatus, ago time.Duration) *table {
		f := facts().node("a").node("b").job("1", state.Canceling, placed(s, ago), func(j *JobFact) {
			for id := 2; id <= 3; id++ {
				p := j.Pipelines[1]
				p.Row.ID = int64(id)
				j.Pipelines[id] = p
				j.Shape.Pipelines = append(j.Shape.Pipelines, PipelineShape{ID: id, Parallelism: 2, Committers: 1})
			}
		})
		for id := 1; id <= 3; id++ {
			key := taskKey(f.Jobs[0], id, 2, "chain-1")
			f.Nodes["b"].Tasks[key] = rpc.TaskReport{TaskKey: key, State: rpc.Running}
		}
		return f
	}
	hung(state.PipelineRunning, time.Minute).want(t, "1/1 is CANCELED:\n1/2 is CANCELED:\n1/3 is CANCELED:")
	hung(state.PipelineCanceled, abandon-time.Second).want(t, "")
	hung(state.PipelineCanceled, abandon+time.Second).want(t, "1/1 begins on a:5801\n1/2 begins on a:5801\n1/3 begins on a:5801")
}

// TestAFailedJobIsSettledOnce: the commits that its checkpoints owe are finished, if that can be.
func TestAFailedJobIsSettledOnce(t *testing.T) {
	t.Parallel()
	failing := func(p state.PipelineStatus, change ...func(*PipelineFact)) *table {
		return facts().node("a").node("b").job("1", state.Failing, placed(p, 2*time.Second, change...))
	}
	settle := func(p *PipelineFact) {
		p.Placement = Placement{"settle": {Node: "a", Incarnation: "a.1", Addr: "a:5801"}}
	}
	failing(state.PipelineFailed).want(t, "1/1 begins on a:5801")
	failing(state.PipelineRunning, settle).says("1", "settle", rpc.Finished).want(t, "1/1 is FINISHED:")
	failing(state.PipelineFinished, settle).want(t, "1 ends FAILED, forced false")
	failing(state.PipelineFailed, settle, falls(state.Falls{Failures: 9, Last: state.FallFailure})).want(t, "1 ends FAILED, forced false")
	failing(state.PipelineFailed, settle, falls(state.Falls{Failures: 9, Last: state.FallOffline})).want(t, "1/1 begins on a:5801")
}

func TestAPlacementWithoutAnAnswerKeepsItsSlots(t *testing.T) {
	t.Parallel()
	sent := Placement{"head": {Node: "a", Incarnation: "a.1", Addr: "a:5801"}, "chain-0": {Node: "a", Incarnation: "a.1", Addr: "a:5801"}, "chain-1": {Node: "a", Incarnation: "a.1", Addr: "a:5801"}}
	u := unsures{}
	u.note(Begin{JobID: "1", Pipeline: 1, Placement: sent}, state.ErrMoved, 0)
	if len(u) != 0 {
		t.Error("a refused write is open")
	}
	u.note(Begin{JobID: "1", Pipeline: 1, Placement: sent}, state.ErrUnknown, time.Hour-time.Second)
	f := facts().node("a", slots(4)).node("b", slots(9)).job("0", state.Running).job("1", state.Running)
	f.Jobs[1].Unsure = u.of(f.Jobs[1], f.Now)
	f.want(t, "0/1 begins on b:5801\n1/1 begins on a:5801")
	if later := u.of(f.Jobs[1], f.Now+inFlight); later != nil {
		t.Errorf("%v is in flight for ever", later)
	}
}

// TestAJobWhoseRowsCannotBeReadFails, and no master falls over it.
func TestAJobWhoseRowsCannotBeReadFails(t *testing.T) {
	t.Parallel()
	broken := func(j *JobFact) { j.Shape, j.PlanErr = nil, errors.New("the stored shape of the plan: broken") }
	cancel := func(j *JobFact) { j.Job.Desired = state.WantCancel }
	fails := "1 is FAILING within 1m30s the stored shape of the plan: broken"
	for _, s := range []state.Status{state.Initializing, state.Created, state.Pending, state.Scheduled, state.Running, state.DoingSavepoint} {
		facts().node("a").job("1", s, broken).want(t, fails)
	}
	facts().node("a").job("1", state.Running, broken, cancel).want(t, fails) // it cannot finish what it owes
	facts().node("a").job("1", state.Initializing, broken, cancel).want(t, "1 is CANCELING within 2m0s")
	facts().node("a").job("1", state.Failing, broken).want(t, "1 ends FAILED, forced false")
	facts().node("a").job("1", state.Canceling, broken).want(t, "1 ends CANCELED, forced false")
}

// TestAJobStoppedBeforeItRanKeepsItsCheckpoints: a cancelled one's are deleted, a failed one's are not.
func TestAJobStoppedBeforeItRanKeepsItsCheckpoints(t *testing.T) {
	t.Parallel()
	wish := func(d state.Desired, from string) func(*JobFact) {
		return func(j *JobFact) { j.Job.Desired, j.Job.RestoredFrom = d, from }
	}
	for _, d := range []state.Desired{state.WantSavepoint, state.WantStop} {
		facts().node("a").job("1", state.Pending, wish(d, "latest")).want(t, "1 is FAILING within 1m30s stopped before it ran; its checkpoints are kept")
		facts().node("a").job("1", state.Pending, wish(d, "")).want(t, "1 is CANCELING within 2m0s")
	}
	facts().node("a").job("1", state.Pending, wish(state.WantCancel, "latest")).want(t, "1 is CANCELING within 2m0s")
}

// TestNoJobIsRejectedBeforeAWorkerIsThere: after a restart of all nodes the master may be there long before them.
func TestNoJobIsRejectedBeforeAWorkerIsThere(t *testing.T) {
	t.Parallel()
	master := func(n *NodeFact) { n.Info.Role = "master" }
	waits := "1 holds: no worker is there\n2 holds: no worker is there"
	facts().job("1", state.Pending).job("2", state.Pending).want(t, waits)
	facts().node("m", master).node("a", silent(lease+1)).job("1", state.Pending).job("2", state.Pending).want(t, waits)
	facts().node("m", master).node("a", slots(1)).job("1", state.Pending).
		want(t, "1 is FAILING within 1m30s NoEnoughResourceException: no worker has room: 1 without 2 free slots")
}

// TestOnlyAJobThatLacksRoomHoldsUpTheQueue: for tags that nobody has, later jobs would wait in vain.
func TestOnlyAJobThatLacksRoomHoldsUpTheQueue(t *testing.T) {
	t.Parallel()
	red := func(j *JobFact) { j.Shape.Tags = map[string]string{"team": "red"} }
	two := func(nodes *table) *table {
		nodes.Wait = true
		return nodes.job("1", state.Pending, red).job("2", state.Pending)
	}
	team := tags(map[string]string{"team": "red"})
	two(facts().node("a")).want(t, "1 holds: no worker has room: 1 without the tags map[team:red]\n2 is RUNNING within 0s")
	two(facts().node("a").node("b", team, drained(time.Second))).
		want(t, "1 holds: no worker has room: 1 drained, 1 without the tags map[team:red]\n2 is RUNNING within 0s")
	two(facts().node("a").node("b", team, slots(3))).
		want(t, "1 holds: no worker has room: 1 without 1 free slots, 1 without the tags map[team:red]\n2 holds: waits behind an earlier job")
	two(facts().node("a").node("b", team, memory(99))).
		want(t, "1 holds: no worker has room: 1 without 100 bytes of free memory (env memory.bytes), 1 without the tags map[team:red]\n2 holds: waits behind an earlier job")
}

// TestAJobThatLacksSomethingStillMeetsTheDeadlineOfItsSavepoint (P5).
func TestAJobThatLacksSomethingStillMeetsTheDeadlineOfItsSavepoint(t *testing.T) {
	t.Parallel()
	lacks := func(ago time.Duration) func(*JobFact) {
		return func(j *JobFact) { j.Lacks, j.Since = "the key is missing", time.Hour-ago }
	}
	facts().node("a").job("1", state.DoingSavepoint, lacks(time.Minute)).want(t, "1 holds: the key is missing")
	facts().node("a").job("1", state.DoingSavepoint, lacks(savepointWithin+time.Second)).
		want(t, "1 holds: the key is missing\n1 is FAILING within 1m30s the savepoint was not complete within 10m0s; the job can go on from its newest checkpoint (-r)")
	facts().node("a").job("1", state.Running, lacks(time.Hour)).want(t, "1 holds: the key is missing")
}
