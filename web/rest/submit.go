package rest

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"seikan/db/state"
	"seikan/engine/job"
	"seikan/engine/job/hocon"
)

type submitted struct {
	JobID   string `json:"jobId"`
	JobName string `json:"jobName"`
}

// wish are the parameters of a submit.
type wish struct {
	id, name string
	restore  bool
}

const defaultName = "SeaTunnel_Job"

// readWish reads the parameters, wherever they stand.
func readWish(get func(key string) string) (wish, error) {
	w := wish{name: get("jobName"), restore: isTrue(get("isStartWithSavePoint"))}
	id := get("jobId")
	if id == "" {
		if w.restore {
			return w, bad("Please provide jobId when start with save point.")
		}
		return w, nil
	}
	var err error
	w.id, err = jobID(id)
	return w, err
}

// SubmitJob runs the job in the body: JSON, or, if format or the content type says so, HOCON or
// SQL. It answers when the job is planned.
func (a *API) SubmitJob(c *Call) error {
	query, err := c.query()
	if err != nil {
		return err
	}
	format, err := formatOf(query.Get("format"), c.Request().Header.Get("Content-Type"))
	if err != nil {
		return err
	}
	w, err := readWish(query.Get)
	if err != nil {
		return err
	}
	var text []byte
	if format == JSON {
		_, text, err = a.jsonBody(c, hocon.Object)
	} else {
		text, err = a.body(c)
	}
	if err != nil {
		return err
	}
	out, err := a.submit(c.ctx(), text, format, w)
	if err != nil {
		return err
	}
	return c.json(out)
}

// SubmitJobs runs several jobs, one after the other, each with its parameters in "params". The
// first that fails ends it; those before it stay submitted.
func (a *API) SubmitJobs(c *Call) error {
	list, _, err := a.jsonBody(c, hocon.List)
	if err != nil {
		return err
	}
	out := []submitted{}
	for _, item := range list.Items {
		if item.Kind != hocon.Object {
			continue
		}
		params := item.Get("params")
		if params == nil || params.Value.Kind != hocon.Object {
			return &Failure{Status: http.StatusBadRequest, Message: "Invalid Params format in Params.",
				Detail: "each job needs an object params, which may be empty"}
		}
		w, err := readWish(func(key string) string {
			if f := params.Value.Get(key); f != nil && f.Value.Scalar() && f.Value.Kind != hocon.Null {
				return f.Value.Text
			}
			return ""
		})
		if err != nil {
			return err
		}
		plain := &hocon.Value{Kind: hocon.Object}
		for _, f := range item.Fields {
			if f != params {
				plain.Fields = append(plain.Fields, f)
			}
		}
		s, err := a.submit(c.ctx(), hocon.JSON(plain), JSON, w)
		if err != nil {
			return err
		}
		out = append(out, s)
	}
	return c.json(out)
}

func formatOf(query, contentType string) (Format, error) {
	kind, _, _ := strings.Cut(strings.ToLower(contentType), ";")
	_, kind, _ = strings.Cut(strings.TrimSpace(kind), "/")
	switch f := Format(strings.ToLower(query)); f {
	case JSON, HOCON, SQL:
		return f, nil
	case "":
	default:
		return "", bad("unknown format %q: expected json, hocon or sql", clip(query))
	}
	switch f := Format(strings.TrimPrefix(kind, "x-")); f {
	case HOCON, SQL:
		return f, nil
	}
	return JSON, nil // whatever the client calls it: many send JSON as a form
}

// submit checks a job, hands it in and waits until it is planned.
func (a *API) submit(ctx context.Context, text []byte, format Format, w wish) (submitted, error) {
	// As it came over the network, the job gets nothing of this machine: no files, no environment.
	file, err := job.Parse("job."+string(format), text, job.Options{})
	if err != nil {
		status := http.StatusInternalServerError // as SeaTunnel, for JSON
		if format != JSON {
			status = http.StatusBadRequest
		}
		return submitted{}, &Failure{Status: status, Message: problems(err)}
	}
	if w.name == "" {
		w.name = defaultName
		if f := file.Env.Lookup("job.name"); f != nil && f.Value.Scalar() && f.Value.Text != "" {
			w.name = f.Value.Text
		}
	}
	if w.id != "" {
		if found, err := a.taken(ctx, w); found != nil || err != nil {
			return deref(found), err
		}
	}
	id, err := a.b.Submit(ctx, Submission{Text: text, Format: format, Name: w.name, ID: w.id, Restore: w.restore})
	if errors.Is(err, state.ErrExists) { // somebody was faster
		if found, e := a.taken(ctx, w); found != nil || e != nil {
			return deref(found), e
		}
	}
	if err != nil {
		return submitted{}, err
	}
	return submitted{id, w.name}, a.initialised(ctx, id)
}

func deref(s *submitted) submitted {
	if s == nil {
		return submitted{}
	}
	return *s
}

// taken judges an id that may be in use: a job that has not ended is answered as it is, one that
// has ended can only be gone on with.
func (a *API) taken(ctx context.Context, w wish) (*submitted, error) {
	j, err := a.b.Jobs().Job(ctx, w.id)
	switch {
	case errors.Is(err, state.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	case !j.Status.Ended():
		return &submitted{j.ID, j.Name}, nil
	case !w.restore:
		return nil, &Failure{Status: http.StatusInternalServerError,
			Message: fmt.Sprintf("The job id %s has already been submitted and is not starting with a savepoint.", w.id)}
	}
	return nil, nil
}

// initialised waits until the job is planned; an error when it cannot be.
func (a *API) initialised(ctx context.Context, id string) error {
	within, cancel := context.WithTimeout(ctx, a.cfg.InitWithin)
	defer cancel()
	for {
		j, err := a.b.Jobs().Job(within, id)
		switch {
		case within.Err() != nil && ctx.Err() == nil:
			a.log.Warn("a job is submitted but not planned yet", "job", id, "waited", a.cfg.InitWithin)
			return nil
		case err != nil:
			return err
		case unplanned(j) && (j.Status == state.Failing || j.Status == state.Failed):
			return &Failure{Status: http.StatusInternalServerError, Message: j.Error, Detail: "job " + id}
		case j.Status != state.Initializing:
			return nil
		}
		if err := a.cfg.Poll(within); err != nil && ctx.Err() != nil {
			return fmt.Errorf("job %s is submitted; waiting for its plan: %w", id, err)
		}
	}
}

// unplanned says that a run never had a plan, for a job that failed before it started. A job
// that is gone on with may still have the plan of its run before.
func unplanned(j state.Job) bool {
	return j.Started.IsZero() && (j.Shape == "" || j.RestoredFrom != "")
}

// problems is what is wrong with a job, without what is merely odd.
func problems(err error) string {
	var all hocon.Problems
	if !errors.As(err, &all) {
		return err.Error()
	}
	var out []string
	for _, p := range all {
		if p.Warning {
			continue
		}
		text := p.Error()
		if p.Help != "" {
			text += "; " + p.Help
		}
		out = append(out, text)
	}
	return strings.Join(out, "\n")
}
