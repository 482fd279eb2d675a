package rest

import (
	"encoding/json"
	"errors"
	"fmt"

	"seikan/db/state"
	"seikan/engine/job/hocon"
)

// StopJob cancels a job or ends it with a savepoint. It answers before the job has ended.
func (a *API) StopJob(c *Call) error {
	v, _, err := a.jsonBody(c, hocon.Object)
	if err != nil {
		return err
	}
	id, err := idOf(v)
	if err != nil {
		return err
	}
	if err := a.stop(c, id, withSavepoint(v)); err != nil {
		return err
	}
	return c.json(unknownJob{id})
}

// StopJobs stops several jobs. Here ids are JSON numbers, in the answer too.
func (a *API) StopJobs(c *Call) error {
	list, _, err := a.jsonBody(c, hocon.List)
	if err != nil {
		return err
	}
	type stopped struct {
		JobID json.Number `json:"jobId"`
	}
	out := []stopped{}
	for _, item := range list.Items { // all are understood before the first is stopped
		if err := mustBe(item, hocon.Object); err != nil {
			return err
		}
		id, err := idOf(item)
		if err != nil {
			return err
		}
		if got := item.Get("jobId").Value; got.Kind != hocon.Number {
			return fmt.Errorf("stop-jobs: jobId is %s: expected a number", got.Kind)
		}
		out = append(out, stopped{json.Number(id)})
	}
	for i, item := range list.Items {
		if err := a.stop(c, out[i].JobID.String(), withSavepoint(item)); err != nil {
			return err
		}
	}
	return c.json(out)
}

func idOf(v *hocon.Value) (string, error) {
	f := v.Get("jobId")
	if f == nil || !f.Value.Scalar() || f.Value.Kind == hocon.Null || f.Value.Text == "" {
		return "", bad(noJobID)
	}
	return jobID(f.Value.Text)
}

func withSavepoint(v *hocon.Value) bool {
	f := v.Get("isStopWithSavePoint")
	return f != nil && f.Value.Scalar() && isTrue(f.Value.Text)
}

// stop passes the wish on. Cancelling what does not run is no error; a savepoint that nobody
// will take is.
func (a *API) stop(c *Call, id string, savepoint bool) error {
	err := a.b.Stop(c.ctx(), id, savepoint)
	if !savepoint && (errors.Is(err, state.ErrNotFound) || errors.Is(err, state.ErrMoved)) {
		return nil
	}
	if err != nil && savepoint {
		return fmt.Errorf("stop job %s with a savepoint: %w", id, err)
	}
	return err
}
