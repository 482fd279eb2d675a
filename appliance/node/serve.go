package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"hash/fnv"
	"log/slog"
	"time"

	"google.golang.org/grpc"

	"seikan/appliance/config"
	"seikan/appliance/port"
	"seikan/db/state"
	"seikan/engine/job"
	"seikan/engine/job/hocon"
	"seikan/engine/master"
	"seikan/engine/plan"
	"seikan/engine/rpc"
)

// conversations serve what nodes say to each other. (rpc.Handler)
type conversations struct{ s *Server }

func (s *Server) serveRPC() {
	s.grpc = grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage))
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

// Ask answers the small questions of other nodes.
func (c conversations) Ask(ctx context.Context, q *rpc.Question) (*rpc.Reply, error) {
	var answer any
	var err error
	switch q.Method {
	case "wake":
		c.s.master.Wake()
	case "counters":
		var ids []string
		if err = json.Unmarshal(q.Body, &ids); err == nil {
			out := map[string]map[string]int64{}
			for _, id := range ids {
				if out[id], err = c.s.master.Counters(id); err != nil {
					break
				}
			}
			answer = out
		}
	case "nodes":
		answer, err = c.s.master.Nodes()
	case "waiting":
		answer, err = c.s.master.Waiting()
	default:
		err = fmt.Errorf("this node does not know the question %q", q.Method)
	}
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

// Submit records a job: once it returns, the job is not lost while a majority of the voters'
// disks is left. Format is hocon, json or sql.
func (s *Server) Submit(ctx context.Context, text []byte, format, name, id string, restore bool) (state.Job, error) {
	file, err := job.Parse("job."+format, text, job.Options{})
	if err != nil {
		return state.Job{}, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	env, problems := plan.ParseEnv(file.Env)
	if err := problems.Err(); err != nil {
		return state.Job{}, fmt.Errorf("%w: %w", ErrConfig, err)
	}
	root := file.Root
	if s.sealer != nil {
		if root, err = s.sealer.Seal(root, Sensitive); err != nil {
			return state.Job{}, fmt.Errorf("seal the job's secrets: %w", err)
		}
	}
	mode := "BATCH"
	if env.Streaming {
		mode = "STREAMING"
	}
	if id == "" {
		id = s.ids.Next()
	}
	submit := state.Submit{ID: id, Name: JobName(name, env.JobName), Mode: mode, Owner: s.raft.ID(), Text: string(hocon.JSON(root)), TextFormat: "json"}
	var row state.Job
	if restore {
		submit.RestoredFrom = "latest"
		row, err = s.jobs.Restart(ctx, submit, state.RandomID())
		if errors.Is(err, state.ErrNotFound) { // SeaTunnel starts it afresh under this id
			submit.RestoredFrom = ""
			row, err = s.jobs.CreateJob(ctx, submit, state.RandomID())
		}
	} else {
		row, err = s.jobs.CreateJob(ctx, submit, state.RandomID())
	}
	if err == nil {
		s.wakeMaster(ctx)
	}
	return row, err
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
	if s.sealer != nil {
		open, err := s.sealer.Open(file.Root)
		if err != nil {
			return nil, err
		}
		if file, err = job.Parse("job.json", hocon.JSON(open), job.Options{}); err != nil {
			return nil, err
		}
	}
	return plan.Build(ctx, file, row.ID, log)
}

func (s *Server) jobLog(jobID string) *slog.Logger { return s.log.With("job", jobID) }

// drain waits until nothing runs here any more, or ctx ends, and hands leadership over.
func (s *Server) drain(ctx context.Context) {
	if s.raft.IsLeader() {
		if err := s.raft.Stepdown(""); err != nil {
			s.log.Debug("leadership was not handed over", "error", err)
		}
	}
}

// nodeNumber is the part of job ids that is a node's own.
func nodeNumber(id string) uint16 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(id)) // never fails
	sum := h.Sum32()
	return uint16(sum ^ sum>>16)
}

// memoryLimit is what jobs may hold on this node.
func memoryLimit(c *config.Config) int64 {
	if c.MemoryBytes > 0 {
		return c.MemoryBytes
	}
	return 0
}
