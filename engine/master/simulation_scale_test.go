package master

import (
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"seikan/db/state"
	"seikan/engine/checkpoint"
	"seikan/engine/rpc"
)

// TestAThousandNodesAndTenThousandJobs run at once, without faults but with a change of the master;
// logged is what the store has to write. It takes half a minute of one core.
func TestAThousandNodesAndTenThousandJobs(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("not in short runs")
	}
	const nodes, jobs = 1000, 10_000
	w := &world{random: rand.New(rand.NewPCG(1, 11)), store: newStoreModel(), blobs: map[blobName]*checkpoint.Manifest{}, sinks: map[sinkKey]*sinkModel{},
		calm: true, slow: 40, lease: 8 * time.Second, live: liveModel{running: map[sinkKey][]*simTask{}, started: map[rpc.TaskKey]bool{}}}
	w.raft.leader = -1
	for i := range nodes {
		w.nodes = append(w.nodes, &simNode{w: w, index: i, id: fmt.Sprintf("n%03d", i), rate: 0.95 + 0.1*w.random.Float64()})
	}
	w.begin()
	w.waiting = jobs
	for i := range jobs {
		w.after(time.Second+w.between(0, 10*time.Second), func() { w.submit(i) })
	}
	w.after(15*time.Second, w.transfer)
	began := time.Now()
	if problem := w.run(); problem != "" {
		t.Fatal(problem)
	}
	t.Logf("%d nodes, %d jobs, %v simulated in %v: %+v", nodes, jobs, w.now.Round(time.Second), time.Since(began).Round(time.Second), w.stats)
	t.Logf("store writes: %.0f a second, %.1f a job; %.2f a checkpoint", float64(w.stats.writes)/w.now.Seconds(),
		float64(w.stats.writes)/jobs, float64(w.stats.checkpointWrites)/float64(w.stats.checkpoints))
}

// BenchmarkDecide is one step of the master over 10 000 running jobs on 1 000 nodes.
func BenchmarkDecide(b *testing.B) {
	f := Facts{Now: time.Hour, Lease: 8 * time.Second, Wait: true, Nodes: map[string]NodeFact{}}
	for i := range 1000 {
		id := fmt.Sprintf("n%03d", i)
		f.Nodes[id] = NodeFact{Info: rpc.NodeInfo{ID: id, Incarnation: id}, Heard: f.Now, Tasks: map[rpc.TaskKey]rpc.TaskReport{}}
	}
	shape := &Shape{Pipelines: []PipelineShape{{ID: 1, Parallelism: 4, Committers: 1}}}
	for i := range 10_000 {
		j := JobFact{Job: state.Job{ID: fmt.Sprint("job", i), Status: state.Running, Desired: state.WantRun}, Shape: shape, Pipelines: map[int]PipelineFact{
			0: {Row: state.Pipeline{Status: state.PipelineFinished, Attempt: 1}}}}
		p := PipelineFact{Row: state.Pipeline{ID: 1, Status: state.PipelineRunning, Attempt: 1}, Placement: Placement{}}
		for k, name := range tasksOf(shape.Pipelines[0]) {
			id := fmt.Sprintf("n%03d", (i*5+k)%1000)
			p.Placement[name] = Place{Node: id, Incarnation: id, Addr: id}
			key := taskKey(j, 1, 1, name)
			f.Nodes[id].Tasks[key] = rpc.TaskReport{TaskKey: key, State: rpc.Running}
		}
		j.Pipelines[1] = p
		f.Jobs = append(f.Jobs, j)
	}
	b.Run("Decide", func(b *testing.B) {
		for b.Loop() {
			if n := len(Decide(f)); n != 0 {
				b.Fatalf("%d actions", n)
			}
		}
	})
	b.Run("Orders", func(b *testing.B) {
		for b.Loop() {
			Orders(f)
		}
	})
}
