package rest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"seikan/db/state"
	"seikan/engine/job"
	"seikan/engine/job/hocon"
	"seikan/engine/master"
)

type runningJob struct {
	JobID           string             `json:"jobId"`
	JobName         string             `json:"jobName"`
	JobStatus       state.Status       `json:"jobStatus"`
	EnvOptions      *map[string]string `json:"envOptions,omitempty"` // V2 alone
	CreateTime      string             `json:"createTime"`
	JobDag          dag                `json:"jobDag"`
	PluginJarsURLs  []jar              `json:"pluginJarsUrls"`
	IsFromSavePoint bool               `json:"isStartWithSavePoint"`
	Metrics         any                `json:"metrics"`
}

type finishedJob struct {
	JobID          string       `json:"jobId"`
	JobName        string       `json:"jobName"`
	JobStatus      state.Status `json:"jobStatus"`
	ErrorMsg       *string      `json:"errorMsg"`
	CreateTime     string       `json:"createTime"`
	FinishTime     string       `json:"finishTime"`
	JobDag         dag          `json:"jobDag"`
	PluginJarsURLs []jar        `json:"pluginJarsUrls"`
	Metrics        *jobMetrics  `json:"metrics"`
}

// jar is never sent: plugins are compiled in.
type jar struct {
	JarPath string `json:"jarPath"`
}

type dag struct {
	JobID         string                      `json:"jobId"`
	PipelineEdges map[string][]master.DagEdge `json:"pipelineEdges"`
	EnvOptions    map[string]string           `json:"envOptions"`
	VertexInfoMap []master.DagVertex          `json:"vertexInfoMap"`
}

type unknownJob struct {
	JobID string `json:"jobId"`
}

// RunningJobs lists the jobs that have not ended.
func (a *API) RunningJobs(c *Call) error {
	jobs, err := a.list(c.ctx(), state.Live())
	if err != nil {
		return err
	}
	out := make([]runningJob, 0, len(jobs))
	counters := a.counters(c.ctx(), jobs)
	for _, j := range jobs {
		v, err := a.running(j, c.Version, counters)
		if err != nil {
			return err
		}
		out = append(out, v)
	}
	return c.json(out)
}

// FinishedJobs lists the jobs that have ended, in the order of their ends; the argument names
// one of the end states.
func (a *API) FinishedJobs(c *Call) error {
	filter := state.Filter{Statuses: slices.DeleteFunc(slices.Clone(state.Statuses), func(s state.Status) bool { return !s.Ended() })}
	if c.Arg != "" {
		want := state.Status(strings.ToUpper(c.Arg))
		if !slices.Contains(state.Statuses, want) {
			return bad("unknown job state %q: expected FINISHED, CANCELED, FAILED, SAVEPOINT_DONE or UNKNOWABLE", clip(c.Arg))
		}
		if !want.Ended() {
			return c.json([]finishedJob{})
		}
		filter.Statuses = []state.Status{want}
	}
	jobs, err := a.list(c.ctx(), filter)
	if err != nil {
		return err
	}
	slices.SortStableFunc(jobs, func(x, y state.Job) int { return x.Finished.Compare(y.Finished) })
	out := make([]finishedJob, 0, len(jobs))
	for _, j := range jobs {
		v, err := a.finished(j)
		if err != nil {
			return err
		}
		out = append(out, v)
	}
	return c.json(out)
}

// JobInfo shows one job, whether it runs or has ended.
func (a *API) JobInfo(c *Call) error {
	if c.Version == V1 && c.Arg == "" {
		return empty(http.StatusBadRequest)
	}
	if c.Arg == "" {
		return bad("The jobId must not be empty.")
	}
	id, err := jobID(c.Arg)
	if err != nil {
		return err
	}
	j, err := a.b.Jobs().Job(c.ctx(), id)
	switch {
	case errors.Is(err, state.ErrNotFound):
		return c.json(unknownJob{id})
	case err != nil:
		return err
	case j.Status.Ended():
		v, err := a.finished(j)
		if err != nil {
			return err
		}
		return c.json(v)
	}
	v, err := a.running(j, c.Version, a.counters(c.ctx(), []state.Job{j}))
	if err != nil {
		return err
	}
	return c.json(v)
}

// list reads all pages of a listing, the oldest submit first.
func (a *API) list(ctx context.Context, f state.Filter) ([]state.Job, error) {
	var out []state.Job
	for after := ""; ; {
		page, next, err := a.b.Jobs().Jobs(ctx, f, after, 500)
		if err != nil {
			return nil, err
		}
		out = append(out, page...)
		if next == "" {
			slices.Reverse(out)
			return out, nil
		}
		after = next
	}
}

// counters asks for those of jobs that have started, by job id. It is nil when nobody knows them,
// as while the cluster changes its master, which is no reason to show nothing.
func (a *API) counters(ctx context.Context, jobs []state.Job) map[string]map[string]int64 {
	var ids []string
	for _, j := range jobs {
		if !j.Started.IsZero() {
			ids = append(ids, j.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	out, err := a.b.Metrics(ctx, ids)
	switch {
	case err != nil:
		a.log.Warn("jobs are shown without their counters", "error", err)
		return nil
	case out == nil:
		return map[string]map[string]int64{}
	}
	return out
}

func (a *API) running(j state.Job, v Version, counters map[string]map[string]int64) (runningJob, error) {
	d, err := dagOf(j)
	if err != nil {
		return runningJob{}, err
	}
	out := runningJob{JobID: j.ID, JobName: j.Name, JobStatus: j.Status, CreateTime: a.at(j.Submitted), JobDag: d,
		PluginJarsURLs: []jar{}, IsFromSavePoint: j.RestoredFrom != "", Metrics: struct{}{}}
	if v == V2 {
		out.EnvOptions = &d.EnvOptions
	}
	if counters != nil && !j.Started.IsZero() {
		out.Metrics = metricsOf(counters[j.ID], a.cfg.Clock().Sub(j.Started))
	}
	return out, nil
}

func (a *API) finished(j state.Job) (finishedJob, error) {
	d, err := dagOf(j)
	if err != nil {
		return finishedJob{}, err
	}
	out := finishedJob{JobID: j.ID, JobName: j.Name, JobStatus: j.Status, CreateTime: a.at(j.Submitted), FinishTime: a.at(j.Finished),
		JobDag: d, PluginJarsURLs: []jar{}}
	if j.Error != "" {
		out.ErrorMsg = &j.Error
	}
	var counters map[string]int64
	if j.Metrics != "" {
		if err := json.Unmarshal([]byte(j.Metrics), &counters); err != nil {
			return out, fmt.Errorf("read the counters of job %s: %w", j.ID, err)
		}
	}
	var lasted time.Duration
	if !j.Started.IsZero() {
		lasted = j.Finished.Sub(j.Started)
	}
	out.Metrics = metricsOf(counters, lasted)
	return out, nil
}

func (a *API) at(t time.Time) string { return t.In(a.cfg.Location).Format(time.DateTime) }

// dagOf reads the graph that the master has stored; it is empty before the job is planned.
func dagOf(j state.Job) (dag, error) {
	out := dag{JobID: j.ID, PipelineEdges: map[string][]master.DagEdge{}, EnvOptions: map[string]string{}, VertexInfoMap: []master.DagVertex{}}
	if j.Shape == "" {
		return out, nil
	}
	var shape master.Shape
	if err := json.Unmarshal([]byte(j.Shape), &shape); err != nil {
		return out, fmt.Errorf("read the plan of job %s: %w", j.ID, err)
	}
	for key, text := range shape.EnvOptions {
		out.EnvOptions[key] = masked(key, text)
	}
	if len(shape.Dag) == 0 {
		return out, nil
	}
	var d master.Dag
	if err := json.Unmarshal(shape.Dag, &d); err != nil {
		return out, fmt.Errorf("read the graph of job %s: %w", j.ID, err)
	}
	if d.PipelineEdges != nil {
		out.PipelineEdges = d.PipelineEdges
	}
	for _, v := range d.Vertices {
		if v.TablePaths == nil {
			v.TablePaths = []string{}
		}
		out.VertexInfoMap = append(out.VertexInfoMap, v)
	}
	return out, nil
}

// masked hides what looks like a secret in an option of env, which may be JSON.
func masked(key, text string) string {
	v := hocon.TextAt(hocon.Pos{}, text)
	if strings.HasPrefix(text, "{") || strings.HasPrefix(text, "[") {
		if parsed, err := hocon.ParseJSON(key, []byte(text)); err == nil {
			v = parsed
		}
	}
	env := &hocon.Value{Kind: hocon.Object, Fields: []*hocon.Field{{Key: key, Value: v}}}
	shown := job.Redact(env, nil).Fields[0].Value
	if shown.Scalar() {
		return shown.Text
	}
	return string(hocon.JSON(shown))
}
