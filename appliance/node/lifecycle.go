package node

import (
	"context"
	"fmt"
	"log/slog"
	"time"

	"seikan/db/state"
	"seikan/engine/rpc"
)

// lifecycle records the beginnings and ends of this node's tasks as events, for event-report-http.
// Tasks do not wait for it: when too many come at once, the rest is not recorded.
type lifecycle struct {
	jobs *state.Jobs
	log  *slog.Logger
	in   chan state.Event
	lost once
}

func newLifecycle(jobs *state.Jobs, log *slog.Logger) *lifecycle {
	return &lifecycle{jobs: jobs, log: log, in: make(chan state.Event, reportKept), lost: once{log: log}}
}

// taskEvents is what the worker tells of its tasks; nil when events are not posted.
func (s *Server) taskEvents() func(rpc.TaskSpec, bool) {
	if s.cfg.EventReport.URL == "" {
		return nil
	}
	s.lifecycle = newLifecycle(s.jobs, s.log)
	return s.lifecycle.take
}

// kindsOf gives SeaTunnel's names. There is none for a writer that is opened.
func kindsOf(role rpc.Role, begun bool) []string {
	switch {
	case role == rpc.Head && begun:
		return []string{"LIFECYCLE_ENUMERATOR_OPEN"}
	case role == rpc.Head:
		return []string{"LIFECYCLE_ENUMERATOR_CLOSE"}
	case role == rpc.Chain && begun:
		return []string{"LIFECYCLE_READER_OPEN"}
	case role == rpc.Chain:
		return []string{"LIFECYCLE_READER_CLOSE", "LIFECYCLE_WRITER_CLOSE"}
	}
	return nil
}

// take is worker.Config.Event.
func (l *lifecycle) take(t rpc.TaskSpec, begun bool) {
	for _, kind := range kindsOf(t.Role, begun) {
		detail := fmt.Sprintf(`{"pipelineId":%d,"subtask":%d,"attempt":%d}`, t.Pipeline, t.Subtask, t.Attempt)
		select {
		case l.in <- state.Event{JobID: t.JobID, Kind: kind, Detail: detail}:
		default:
		}
	}
}

// oneWrite is how many events go into one write.
const oneWrite = 100

func (l *lifecycle) run(ctx context.Context) {
	for {
		var some []state.Event
		select {
		case <-ctx.Done():
			return
		case e := <-l.in:
			some = append(some, e)
		}
		for more := true; more && len(some) < oneWrite; {
			select {
			case e := <-l.in:
				some = append(some, e)
			default:
				more = false
			}
		}
		within, cancel := context.WithTimeout(ctx, 30*time.Second)
		err := l.jobs.AddEvents(within, some)
		cancel()
		if err != nil {
			err = fmt.Errorf("%d events: %w", len(some), err)
		}
		l.lost.tell("events of tasks are lost while the state cannot be written", err, ctx)
	}
}
