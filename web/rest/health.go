package rest

import (
	"net/http"
	"strconv"

	"github.com/labstack/echo/v4"
)

// Live says that the process answers.
func (a *API) Live(c *Call) error { return c.String(http.StatusOK, "live\n") }

// Readiness says whether the node can take work: 503 with the reason when it cannot.
func (a *API) Readiness(c *Call) error {
	if err := a.b.Ready(c.ctx()); err != nil {
		return c.String(http.StatusServiceUnavailable, "not ready: "+err.Error()+"\n")
	}
	return c.String(http.StatusOK, "ready\n")
}

// Health answers Hazelcast's health check as far as it has a meaning: the whole, or the part that
// the argument names.
func (a *API) Health(c *Call) error {
	members, err := a.b.Members(c.ctx())
	if err != nil {
		return err
	}
	safe := a.b.Ready(c.ctx()) == nil
	status, size := http.StatusOK, strconv.Itoa(len(members))
	parts := map[string]string{"node-state": `"ACTIVE"`, "cluster-state": `"ACTIVE"`, "cluster-safe": strconv.FormatBool(safe),
		"migration-queue-size": "0", "cluster-size": size}
	switch body, known := parts[c.Arg]; {
	case known:
		if c.Arg == "cluster-safe" && !safe {
			status = http.StatusServiceUnavailable
		}
		return c.Blob(status, echo.MIMEApplicationJSON, []byte(body))
	case c.Arg == "ready":
		if !safe {
			status = http.StatusServiceUnavailable
		}
		return c.NoContent(status)
	case c.Arg != "":
		return &Failure{Status: http.StatusNotFound, Message: "unknown health check " + strconv.Quote(clip(c.Arg))}
	}
	return c.Blob(status, echo.MIMEApplicationJSON, []byte(`{"nodeState":"ACTIVE","clusterState":"ACTIVE","clusterSafe":`+
		strconv.FormatBool(safe)+`,"migrationQueueSize":0,"clusterSize":`+size+`}`))
}
