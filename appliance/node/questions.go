package node

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"seikan/db/state"
	"seikan/engine/master"
)

// question is anything that another node, or a command line over HTTP, may ask this one.
type question func(ctx context.Context, body json.RawMessage) (any, error)

// to makes a question of a function of a request and an answer.
func to[Q, A any](f func(context.Context, Q) (A, error)) question {
	return func(ctx context.Context, body json.RawMessage) (any, error) {
		var q Q
		if len(body) > 0 {
			if err := json.Unmarshal(body, &q); err != nil {
				return nil, fmt.Errorf("%w: %w", errQuestion, err)
			}
		}
		return f(ctx, q)
	}
}

var errQuestion = errors.New("the question cannot be read")

// nothing is a question or an answer without content.
type nothing struct{}

// Of is a question about a job.
type Of struct {
	ID    string        `json:"id"`
	After int64         `json:"after,omitempty"`
	Limit int           `json:"limit,omitempty"`
	Want  state.Desired `json:"want,omitempty"`
}

// Page is a question for a page of jobs, and JobPage the answer.
type (
	Page struct {
		Filter state.Filter `json:"filter"`
		After  string       `json:"after,omitempty"`
		Limit  int          `json:"limit"`
	}
	JobPage struct {
		Jobs []state.Job `json:"jobs"`
		Next string      `json:"next,omitempty"`
	}
)

// JobProgress is how a job is doing. Its row has no text.
type JobProgress struct {
	Job       state.Job                 `json:"job"`
	Counters  map[string]int64          `json:"counters,omitempty"`
	Pipelines []master.PipelineProgress `json:"pipelines,omitempty"`
	Waiting   string                    `json:"waiting,omitempty"` // why it does not run yet
}

// questions are all this node answers, by method. Those that only the master can answer fail
// elsewhere with master.ErrNotMaster.
func (s *Server) questions() map[string]question {
	return map[string]question{
		"about": to(func(ctx context.Context, _ nothing) (About, error) { return s.about(ctx), nil }),

		"wake":     to(func(context.Context, nothing) (nothing, error) { s.master.Wake(); return nothing{}, nil }),
		"progress": to(s.progressHere),
		"counters": to(s.countersHere),
		"nodes":    to(func(context.Context, nothing) ([]master.NodeView, error) { return s.master.Nodes() }),
		"backups":  to(s.backupsHere),
		"backup":   to(s.backUpHere),
		"stepdown": to(s.handOver),
		"refuses":  to(func(ctx context.Context, q NodeQuestion) (bool, error) { return refuses(ctx, q.Node), nil }),
		"vitals":   to(s.vitalsHere),
		"draining": to(s.setDraining),
		"tagging":  to(s.setTags),
		"logs":     to(s.logsHere),
		"lognames": to(s.logNames),

		"job.submit":    to(s.Submit),
		"job.restore":   to(s.Submit), // with From, which nodes of older versions would pass over
		"job":           to(s.job),
		"jobs":          to(s.jobPage),
		"job.progress":  to(s.Progress),
		"job.wish":      to(func(ctx context.Context, q Of) (state.Job, error) { return s.Wish(ctx, q.ID, q.Want) }),
		"job.pipelines": to(func(ctx context.Context, q Of) ([]state.Pipeline, error) { return s.jobs.Pipelines(ctx, q.ID) }),
		"job.checkpoints": to(func(ctx context.Context, q Of) ([]state.Checkpoint, error) {
			return s.jobs.Checkpoints(ctx, q.ID, q.Limit)
		}),
		"job.runs": to(func(ctx context.Context, q Of) ([]state.Run, error) { return s.jobs.Runs(ctx, q.ID) }),
		"job.events": to(func(ctx context.Context, q Of) ([]state.Event, error) {
			return s.jobs.Events(ctx, q.ID, q.After, q.Limit)
		}),
		"job.logs": to(s.jobLogs),

		"cluster.status": to(func(ctx context.Context, _ nothing) (ClusterStatus, error) { return s.Status(ctx) }),
		"cluster.backup": to(s.backUpNow),
		"cluster.join":   to(s.joinAt),
		"cluster.remove": to(func(ctx context.Context, q NodeQuestion) (nothing, error) {
			return nothing{}, s.raft.Remove(ctx, q.Node)
		}),
		"cluster.transfer":  to(s.transfer),
		"cluster.bootstrap": to(s.forceBootstrap),
		"node.drain":        to(s.drainNode),
		"node.tags":         to(s.tagNode),
	}
}

// answer answers a question.
func (s *Server) answer(ctx context.Context, method string, body json.RawMessage) (any, error) {
	q := s.asked[method]
	if q == nil {
		return nil, fmt.Errorf("%w: this node, in version %s, does not know %q", errQuestion, s.version, method)
	}
	return q(ctx, body)
}

func (s *Server) job(ctx context.Context, q Of) (state.Job, error) {
	j, err := s.jobs.Job(ctx, q.ID)
	if err == nil {
		j.Text, err = s.shown(j)
	}
	return j, err
}

func (s *Server) jobPage(ctx context.Context, q Page) (JobPage, error) {
	jobs, next, err := s.jobs.Jobs(ctx, q.Filter, q.After, min(max(q.Limit, 1), 1000))
	return JobPage{jobs, next}, err
}

// Progress is how a job is doing, with what the master knows of it while it runs.
func (s *Server) Progress(ctx context.Context, q Of) (JobProgress, error) {
	j, err := s.jobs.Job(ctx, q.ID)
	if err != nil {
		return JobProgress{}, err
	}
	j.Text = ""
	p := JobProgress{Job: j}
	if j.Status.Ended() {
		if j.Metrics != "" {
			if err := json.Unmarshal([]byte(j.Metrics), &p.Counters); err != nil {
				return p, fmt.Errorf("read the counters of job %s: %w", j.ID, err)
			}
		}
		return p, nil
	}
	var live JobProgress
	if err := s.askMaster(ctx, "progress", q, &live); err == nil { // else there is no master for a moment
		p.Counters, p.Pipelines, p.Waiting = live.Counters, live.Pipelines, live.Waiting
	}
	return p, nil
}

func (s *Server) progressHere(_ context.Context, q Of) (JobProgress, error) {
	var p JobProgress
	var err error
	if p.Pipelines, err = s.master.Progress(q.ID); err != nil {
		return p, err
	}
	if p.Counters, err = s.master.Counters(q.ID); err != nil {
		return p, err
	}
	waiting, err := s.master.Waiting()
	p.Waiting = waiting[q.ID]
	return p, err
}

func (s *Server) countersHere(_ context.Context, ids []string) (map[string]map[string]int64, error) {
	out := map[string]map[string]int64{}
	for _, id := range ids {
		counters, err := s.master.Counters(id)
		if err != nil {
			return nil, err
		}
		out[id] = counters
	}
	return out, nil
}
