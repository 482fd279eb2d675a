package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"math"
	"runtime/debug"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/keepalive"

	"seikan/appliance/config"
	"seikan/appliance/port"
	"seikan/appliance/unit"
	"seikan/db/state"
	"seikan/engine/checkpoint"
	"seikan/engine/fault"
	"seikan/engine/job"
	"seikan/engine/job/hocon"
	"seikan/engine/master"
	"seikan/engine/plan"
	"seikan/engine/rpc"
	"seikan/engine/worker"
)

// conversations serve what nodes say to each other. (rpc.Handler)
type conversations struct{ s *Server }

func (s *Server) serveRPC() {
	s.grpc = grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: alive.Time / 2}))
	rpc.Register(s.grpc, conversations{s})
	listener := s.port.Listener(port.RPC)
	s.serving.Go(func() {
		if err := s.grpc.Serve(listener); err != nil && !errors.Is(err, grpc.ErrServerStopped) {
			s.log.Debug("rpc ended", "error", err)
		}
	})
}

func (c conversations) Session(stream rpc.Stream[rpc.Order, rpc.Report]) error {
	return c.s.master.Session(stream)
}

func (c conversations) Link(stream rpc.Stream[rpc.Down, rpc.Up]) error {
	return c.s.worker.Link(stream)
}

// Ask answers the questions of other nodes.
func (c conversations) Ask(ctx context.Context, q *rpc.Question) (*rpc.Reply, error) {
	if q.Method == "cluster-key" { // never over HTTP: who asks here has proved by key or address that it is a member
		body, err := json.Marshal(c.s.guard.Key())
		return &rpc.Reply{Body: body}, err
	}
	answer, err := c.s.answer(ctx, q.Method, q.Body)
	if err != nil {
		return nil, err
	}
	body, err := json.Marshal(answer)
	return &rpc.Reply{Body: body}, err
}

// askMaster asks the master, which may be this node.
func (s *Server) askMaster(ctx context.Context, method string, question, answer any) error {
	conn, err := s.peers.dial(s.masterAddr())
	if err != nil {
		return fmt.Errorf("there is no master now: %w", err)
	}
	return rpc.Ask(ctx, conn, method, question, answer)
}

// ErrConfig marks what is wrong with a job itself.
var ErrConfig = errors.New("the job is not valid")

// ClusterJob is a job to run on the cluster.
type ClusterJob struct {
	Text    string `json:"text"`
	Format  string `json:"format"` // hocon, json or sql
	Name    string `json:"name,omitempty"`
	ID      string `json:"id,omitempty"` // empty for a new one
	Restore bool   `json:"restore,omitempty"`
	From    int64  `json:"from,omitempty"` // of Restore: number of the checkpoint to go on from; 0: the newest
	// Op names the request, so that sending it twice makes one job. It needs an ID.
	Op string `json:"op,omitempty"`
}

// Submit records a job: once it returns, the job is not lost while a majority of the voters'
// disks is left.
func (s *Server) Submit(ctx context.Context, c ClusterJob) (state.Job, error) {
	if err := s.figures.size.refuses(); err != nil {
		s.figures.pool.reject()
		return state.Job{}, err
	}
	options := job.Options{}
	if c.Restore && c.Text == "" { // as it was
		row, err := s.jobs.Job(ctx, c.ID)
		if err != nil {
			return row, err
		}
		c.Text, c.Format, c.Name, options.Raw = row.Text, row.TextFormat, row.Name, true
	}
	file, err := job.Parse("job."+c.Format, []byte(c.Text), options)
	if err != nil {
		return state.Job{}, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	env, problems := plan.ParseEnv(file.Env)
	if err := problems.Err(); err != nil {
		return state.Job{}, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	if c.Restore && !options.Raw {
		if err := s.fits(ctx, c.ID, file); err != nil {
			return state.Job{}, err
		}
	}
	root := file.Root
	if root, err = s.seal(root); err != nil {
		return state.Job{}, fmt.Errorf("seal the job's secrets: %w", err)
	}
	mode := "BATCH"
	if env.Streaming {
		mode = "STREAMING"
	}
	if c.ID == "" {
		c.ID = s.ids.Next()
	}
	if c.Op == "" {
		c.Op = state.RandomID()
	}
	submit := state.Submit{ID: c.ID, Name: JobName(c.Name, env.JobName), Mode: mode, Owner: s.raft.ID(), Text: string(hocon.JSON(root)), TextFormat: "json"}
	var row state.Job
	fault.Point("job.submit.before")
	if c.Restore {
		if c.From > 0 {
			if err := checkpoint.Readable(ctx, s.jobs, s.blobs, c.ID, c.From); err != nil {
				return row, err
			}
		}
		submit.RestoredFrom, submit.From = "latest", c.From
		row, err = s.jobs.Restart(ctx, submit, c.Op)
		if errors.Is(err, state.ErrNotFound) && c.From == 0 { // SeaTunnel starts it afresh under this id
			submit.RestoredFrom = ""
			row, err = s.jobs.CreateJob(ctx, submit, c.Op)
		}
	} else {
		row, err = s.jobs.CreateJob(ctx, submit, c.Op)
	}
	fault.Point("job.submit.after")
	if err == nil {
		row.Text = ""
		s.wakeMaster(ctx)
	}
	return row, err
}

// shown is a job's text without its secrets.
func (s *Server) shown(j state.Job) (string, error) {
	file, err := job.Parse("job."+j.TextFormat, []byte(j.Text), job.Options{Raw: true})
	if err != nil {
		return "", fmt.Errorf("read the stored text of job %s: %w", j.ID, err)
	}
	return string(hocon.JSON(job.Redact(file.Root, Sensitive))), nil
}

// wakeMaster saves a job the wait for the master's next look; without an answer it is found then.
func (s *Server) wakeMaster(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, 500*time.Millisecond)
	defer cancel()
	if err := s.askMaster(ctx, "wake", nil, nil); err != nil {
		s.log.Debug("the master was not woken", "error", err)
	}
}

// Wish records what a user wants of a job.
func (s *Server) Wish(ctx context.Context, id string, want state.Desired) (state.Job, error) {
	row, err := s.jobs.SetDesired(ctx, id, want)
	row.Text = ""
	if err == nil {
		s.wakeMaster(ctx)
	}
	return row, err
}

// Jobs reads and writes job rows through the leader.
func (s *Server) Jobs() *state.Jobs { return s.jobs }

// Counters are the running sums of jobs, from the master.
func (s *Server) Counters(ctx context.Context, ids []string) (map[string]map[string]int64, error) {
	out := map[string]map[string]int64{}
	return out, s.askMaster(ctx, "counters", ids, &out)
}

// Nodes are the workers as the master sees them.
func (s *Server) Nodes(ctx context.Context) ([]master.NodeView, error) {
	var out []master.NodeView
	return out, s.askMaster(ctx, "nodes", nil, &out)
}

// plan builds a job's plan from its row on this node.
func (s *Server) plan(ctx context.Context, row state.Job, log *slog.Logger) (*plan.Plan, error) {
	file, err := job.Parse("job."+row.TextFormat, []byte(row.Text), job.Options{Raw: true})
	if err != nil {
		return nil, err
	}
	if sealer := s.sealer.Load(); sealer == nil && strings.Contains(row.Text, job.Sealed) {
		return nil, s.keyMissing()
	} else if sealer != nil {
		open, err := sealer.Open(file.Root)
		if err != nil {
			return nil, err
		}
		if file, err = job.Parse("job.json", hocon.JSON(open), job.Options{}); err != nil {
			return nil, err
		}
	}
	p, err := plan.Build(ctx, file, row.ID, log)
	return p, unit.Explain(err)
}

func (s *Server) jobLog(jobID string) *slog.Logger { return s.log.With("job", jobID) }

// drain lets the master, which may be this node, move what runs here from a checkpoint, and then
// hands leadership over.
func (s *Server) drain(ctx context.Context) {
	s.draining.set(true)
	patience := drainPatience
	if end, ok := ctx.Deadline(); ok { // what is stopped by force takes time too
		patience = time.Until(end) * 2 / 3
	}
	switch err := s.worker.Drain(ctx, patience); {
	case errors.Is(err, worker.ErrResumed):
		return
	case err != nil:
		s.log.Warn("the master has not heard that the tasks of this node are stopped", "error", err)
	}
	if members, err := s.raft.Members(); s.raft.IsLeader() && (err != nil || len(members) > 1) {
		if _, err := s.handOver(ctx, NodeQuestion{}); err != nil {
			s.log.Info("leadership was not handed over", "error", err)
		}
	}
}

const (
	// drainPatience is how long the tasks of a node that is drained may take to end by a
	// checkpoint, unless drain-seconds says otherwise: somewhat longer than the master waits for one.
	drainPatience = 20 * time.Second
	// drainWithin is how long all of it may take where drain-seconds is not set.
	drainWithin = 30 * time.Second
)

// nodeNumber is the part of job ids that is a node's own.
func nodeNumber(id string) uint16 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // never fails
	sum := h.Sum32()
	return uint16(sum ^ sum>>16)
}

// memoryLimit is what jobs may hold on this node.
func memoryLimit(c *config.Config) int64 {
	limit := debug.SetMemoryLimit(-1) // what was asked for, or what the cgroup gives
	if c.MemoryBytes > 0 {
		return min(c.MemoryBytes, limit)
	}
	if limit < math.MaxInt64 {
		return limit
	}
	return 0
}
