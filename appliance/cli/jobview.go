package cli

import (
	"context"
	"fmt"
	"strings"
	"time"

	"seikan/db/state"
	"seikan/engine/task"
)

// jobView is a job as -o json prints it. Times are null until they are known.
type jobView struct {
	ID          string           `json:"id"`
	Name        string           `json:"name"`
	Mode        string           `json:"mode"`
	Status      state.Status     `json:"status"`
	Submitted   time.Time        `json:"submitted"`
	Started     *time.Time       `json:"started"`
	Finished    *time.Time       `json:"finished"`
	Run         int64            `json:"run"`
	Read        int64            `json:"read"`
	Written     int64            `json:"written"`
	Error       string           `json:"error,omitempty"`
	Waiting     string           `json:"waiting,omitempty"` // why it does not run, or not all of it
	Counters    map[string]int64 `json:"counters,omitempty"`
	Pipelines   []pipelineView   `json:"pipelines,omitempty"`
	Checkpoints []checkpointView `json:"checkpoints,omitempty"`
	Runs        []runView        `json:"runs,omitempty"`
	Events      []eventView      `json:"events,omitempty"`
}

type pipelineView struct {
	ID       int64                `json:"id"`
	Status   state.PipelineStatus `json:"status"`
	Attempt  int64                `json:"attempt"`
	Restores int64                `json:"restores"`
	Error    string               `json:"error,omitempty"`
}

type checkpointView struct {
	ID        int64                  `json:"id"`
	Pipeline  int64                  `json:"pipeline"`
	Kind      state.Kind             `json:"kind"`
	Status    state.CheckpointStatus `json:"status"`
	Triggered time.Time              `json:"triggered"`
	Completed *time.Time             `json:"completed"`
	Bytes     int64                  `json:"bytes"`
	Error     string                 `json:"error,omitempty"`
}

type runView struct {
	Run       int64        `json:"run"`
	Status    state.Status `json:"status"`
	Submitted time.Time    `json:"submitted"`
	Finished  *time.Time   `json:"finished"`
	Error     string       `json:"error,omitempty"`
}

type eventView struct {
	At      time.Time `json:"at"`
	Run     int64     `json:"run"`
	Kind    string    `json:"kind"`
	Message string    `json:"message"`
	Detail  string    `json:"detail,omitempty"`
}

func known(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

func viewJob(ctx context.Context, l book, j state.Job) (jobView, error) {
	m, err := l.Counters(ctx, j)
	return jobView{ID: j.ID, Name: j.Name, Mode: j.Mode, Status: j.Status, Submitted: j.Submitted, Started: known(j.Started),
		Finished: known(j.Finished), Run: j.RunNo, Read: task.Sum(m, "SourceReceivedCount"), Written: task.Sum(m, "SinkWriteCount"), Error: j.Error}, err
}

// preparation is the number that stands for the save modes among a job's pipelines.
const preparation = 0

const (
	shownCheckpoints = 20
	shownEvents      = 500
)

// fullView adds everything that is known of the job.
func fullView(ctx context.Context, l book, id string) (jobView, error) {
	j, err := findJob(ctx, l, id)
	if err != nil {
		return jobView{}, err
	}
	v, err := viewJob(ctx, l, j)
	if err != nil {
		return v, err
	}
	if v.Counters, err = l.Counters(ctx, j); err != nil {
		return v, err
	}
	pipelines, err := l.Pipelines(ctx, id)
	if err != nil {
		return v, err
	}
	if c, ok := l.(clusterBook); ok && !j.Status.Ended() {
		p, err := c.Progress(ctx, id)
		if err != nil {
			return v, err
		}
		v.Waiting = p.Waiting
	}
	for _, p := range pipelines {
		if p.ID == preparation && p.Status == state.PipelineFinished {
			continue
		}
		v.Pipelines = append(v.Pipelines, pipelineView{p.ID, p.Status, p.Attempt, p.Restores, p.Error})
	}
	checkpoints, err := l.Checkpoints(ctx, id, shownCheckpoints)
	if err != nil {
		return v, err
	}
	for _, c := range checkpoints {
		v.Checkpoints = append(v.Checkpoints, checkpointView{c.ID, c.PipelineID, c.Kind, c.Status, c.Triggered, known(c.Completed), c.Manifest.Size, c.Error})
	}
	runs, err := l.Runs(ctx, id)
	if err != nil {
		return v, err
	}
	for _, r := range runs {
		v.Runs = append(v.Runs, runView{r.RunNo, r.Status, r.Submitted, known(r.Finished), r.Error})
	}
	events, err := l.Events(ctx, id, 0, shownEvents)
	if err != nil {
		return v, err
	}
	for _, e := range events {
		v.Events = append(v.Events, eventView{e.At, e.RunNo, e.Kind, e.Message, e.Detail})
	}
	return v, nil
}

func showJob(ctx context.Context, t *terminal, l book, id, output string) error {
	v, err := fullView(ctx, l, id)
	if err != nil {
		return err
	}
	if output == "json" {
		return printJSON(t, v)
	}
	v.print(t)
	return nil
}

func (v *jobView) print(t *terminal) {
	at := func(when time.Time) string { return when.Local().Format(boxTime) }
	orDash := func(when *time.Time) string {
		if when == nil {
			return "-"
		}
		return at(*when)
	}
	fmt.Fprintf(t.out, "%s  %s  %s  %s\n", v.ID, v.Name, v.Mode, v.Status)
	fmt.Fprintf(t.out, "  submitted %s, finished %s, run %d\n", at(v.Submitted), orDash(v.Finished), v.Run)
	fmt.Fprintf(t.out, "  read %d rows, written %d rows\n", v.Read, v.Written)
	if v.Error != "" {
		fmt.Fprintf(t.out, "  error: %s\n", strings.ReplaceAll(v.Error, "\n", "\n         "))
	}
	if v.Waiting != "" {
		fmt.Fprintf(t.out, "  waits: %s\n", v.Waiting)
	}
	for _, p := range v.Pipelines {
		name := fmt.Sprintf("pipeline %d", p.ID)
		if p.ID == preparation {
			name = "preparation"
		}
		fmt.Fprintf(t.out, "  %s: %s, attempt %d, restarted %d times\n", name, p.Status, p.Attempt, p.Restores)
	}
	for _, c := range v.Checkpoints {
		fmt.Fprintln(t.out, strings.TrimRight(fmt.Sprintf("  %s %d of pipeline %d: %s %s, %d bytes %s", c.Kind, c.ID, c.Pipeline, c.Status, orDash(c.Completed), c.Bytes, c.Error), " "))
	}
	for _, r := range v.Runs {
		fmt.Fprintf(t.out, "  run %d: %s, %s to %s\n", r.Run, r.Status, at(r.Submitted), orDash(r.Finished))
	}
	for _, e := range v.Events {
		fmt.Fprintln(t.out, strings.TrimRight(fmt.Sprintf("  %s  %s %s %s", e.At.Local().Format("2006-01-02 15:04:05.000"), e.Kind, e.Message, e.Detail), " "))
	}
}
