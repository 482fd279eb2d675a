package rest

import (
	"errors"
	"net/http"

	"github.com/labstack/echo/v4"

	"seikan/engine/job"
	"seikan/engine/job/hocon"
)

// EncryptConfig gives the job in the body back, its secrets encrypted as its
// env.shade.identifier says.
func (a *API) EncryptConfig(c *Call) error {
	_, text, err := a.jsonBody(c, hocon.Object)
	if err != nil {
		return err
	}
	file, err := job.Parse("job.json", text, job.Options{Raw: true})
	if err != nil {
		return errors.New(problems(err))
	}
	text, err = file.Encrypt(job.Options{})
	if err != nil {
		return errors.New(problems(err))
	}
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, text)
}

// UpdateTags replaces all tags of this node.
func (a *API) UpdateTags(c *Call) error {
	v, _, err := a.jsonBody(c, hocon.Object)
	if err != nil {
		return err
	}
	tags := map[string]string{}
	for _, f := range v.Fields {
		switch {
		case f.Value.Kind == hocon.Null:
			tags[f.Key] = ""
		case f.Value.Scalar():
			tags[f.Key] = f.Value.Text
		default:
			return bad("tag %q is %s: expected text", clip(f.Key), f.Value.Kind)
		}
	}
	if err := a.b.UpdateTags(c.ctx(), tags); err != nil {
		return err
	}
	out := struct {
		Status  string `json:"status"`
		Message string `json:"message,omitempty"`
	}{Status: "success"}
	if c.Version == V1 {
		out.Message = "update node tags done."
	}
	return c.json(out)
}
