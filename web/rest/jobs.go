package rest

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

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
// one of the end states. There may be many: they are read and sent in pages. With limit in the
// query the answer is one page, and its Link header leads to the next.
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
	limit, after, err := a.pageOf(c)
	if err != nil {
		return err
	}
	size := pageOfJobs
	if limit > 0 {
		size = limit + 1 // one more tells whether there is another page
	}
	jobs, err := a.b.Jobs().EndedAfter(c.ctx(), filter, after, size)
	if err != nil {
		return err
	}
	if limit > 0 && len(jobs) > limit {
		jobs = jobs[:limit]
		c.Response().Header().Set("Link", fmt.Sprintf("<%s?limit=%d&after=%s>; rel=\"next\"", c.Request().URL.EscapedPath(), limit, jobs[limit-1].ID))
	}
	out := newList(c)
	for {
		for _, j := range jobs {
			v, err := a.finished(j)
			if err == nil {
				err = out.add(v)
			}
			if err != nil {
				return err
			}
		}
		if limit > 0 || len(jobs) < size {
			return out.end()
		}
		if jobs, err = a.b.Jobs().EndedAfter(c.ctx(), filter, jobs[len(jobs)-1], size); err != nil {
			return err
		}
	}
}

// Jobs of one page: at a time, and at most when a client asks for pages.
const (
	pageOfJobs    = 500
	maxPageOfJobs = 1000
)

// pageOf reads limit and after. Without limit, which is 0 then, all is one page.
func (a *API) pageOf(c *Call) (limit int, after state.Job, err error) {
	query, err := c.query()
	if err != nil {
		return 0, after, err
	}
	if text := query.Get("limit"); text != "" {
		if limit, err = strconv.Atoi(text); err != nil || limit < 1 || limit > maxPageOfJobs {
			return 0, after, bad("limit %q: expected a number from 1 to %d", clip(text), maxPageOfJobs)
		}
	}
	if text := query.Get("after"); text != "" {
		id, err := jobID(text)
		if err != nil {
			return 0, after, err
		}
		after, err = a.b.Jobs().Job(c.ctx(), id)
		if errors.Is(err, state.ErrNotFound) || err == nil && !after.Status.Ended() {
			return 0, after, bad("after: job %s is not among those that have ended, or not any more", id)
		}
		if err != nil {
			return 0, after, err
		}
	}
	return limit, after, nil
}

// list is a JSON array that is sent while it is made.
type list struct {
	c    *Call
	out  *bufio.Writer
	some bool
}

func newList(c *Call) *list {
	return &list{c: c, out: bufio.NewWriterSize(&patient{c.Response(), http.NewResponseController(c.Response())}, 64<<10)}
}

func (l *list) add(v any) error {
	text, err := encode(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	if !l.some {
		l.begin()
	} else if err := l.out.WriteByte(','); err != nil {
		return err
	}
	_, err = l.out.Write(text)
	return err
}

func (l *list) begin() {
	l.some = true
	l.c.Response().Header().Set(echo.HeaderContentType, echo.MIMEApplicationJSON)
	l.c.Response().WriteHeader(http.StatusOK)
	_ = l.out.WriteByte('[') // into the buffer: nothing can fail yet
}

func (l *list) end() error {
	if !l.some {
		l.begin()
	}
	if err := l.out.WriteByte(']'); err != nil {
		return err
	}
	return l.out.Flush()
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
