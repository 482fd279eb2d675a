package node

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"time"

	"seikan/appliance/config"
	"seikan/db/state"
)

// reporter posts what happens to jobs to event-report-http. Events are rows anyway, so that nothing
// of a job waits for it; the id of the newest one that was posted is a row, too, and a new leader
// goes on from there.
type reporter struct {
	jobs *state.Jobs
	cfg  config.EventReport
	http *http.Client
	log  *slog.Logger
}

const (
	reportEvery = 10 * time.Second
	// reportKept is how many events wait at most; then the oldest are not reported.
	reportKept = 2000
)

func newReporter(jobs *state.Jobs, cfg config.EventReport, log *slog.Logger) *reporter {
	// SeaTunnel's timeouts: 30 s to connect, 10 s to send.
	t := &http.Transport{Proxy: http.ProxyFromEnvironment, DialContext: (&net.Dialer{Timeout: 30 * time.Second}).DialContext, ResponseHeaderTimeout: 10 * time.Second, MaxIdleConns: 1}
	asIs := func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse } // a redirect would turn it into a GET
	return &reporter{jobs: jobs, cfg: cfg, log: log, http: &http.Client{Transport: t, CheckRedirect: asIs, Timeout: time.Minute}}
}

func (r *reporter) run(ctx context.Context) {
	defer r.http.CloseIdleConnections()
	outage := once{log: r.log}
	for {
		outage.tell("events cannot be reported; the newest 2000 wait", r.report(ctx), ctx)
		if !pause(ctx, reportEvery) {
			return
		}
	}
}

// report posts the events that were not posted yet, at once.
func (r *reporter) report(ctx context.Context) error {
	after, known, err := r.jobs.Reported(ctx)
	if err != nil {
		return err
	}
	if !known { // what happened before anybody asked is not reported
		last, err := r.jobs.LastEvent(ctx)
		if err == nil {
			err = r.jobs.SetReported(ctx, last)
		}
		return err
	}
	events, err := r.jobs.EventsAfter(ctx, after, reportKept)
	if err != nil || len(events) == 0 {
		return err
	}
	if lost := events[0].ID - after - 1; lost > 0 {
		r.log.Warn("events are not reported: too many were waiting", "events", lost, "url", r.place())
	}
	if err := r.post(ctx, events); err != nil {
		return err
	}
	return r.jobs.SetReported(ctx, events[len(events)-1].ID)
}

// place is the address without what may be secret in it.
func (r *reporter) place() string {
	q, err := http.NewRequest(http.MethodPost, r.cfg.URL, nil)
	if err != nil {
		return ""
	}
	return q.URL.Scheme + "://" + q.URL.Host + q.URL.Path
}

func (r *reporter) post(ctx context.Context, events []state.Event) error {
	shown := make([]map[string]any, len(events))
	for i, e := range events {
		shown[i] = reported(e)
	}
	body, err := json.Marshal(shown)
	if err != nil {
		return fmt.Errorf("encode events: %w", err)
	}
	q, err := http.NewRequestWithContext(ctx, http.MethodPost, r.cfg.URL, bytes.NewReader(body))
	if err != nil {
		return fmt.Errorf("post events: %w", err)
	}
	q.Header.Set("Content-Type", "application/json")
	for name, value := range r.cfg.Headers {
		q.Header.Set(name, value)
	}
	answer, err := r.http.Do(q)
	var plain *url.Error
	if errors.As(err, &plain) { // its text has the whole address
		err = plain.Err
	}
	if err != nil {
		return fmt.Errorf("post %d events to %s (event-report-http): %w", len(events), r.place(), err)
	}
	said, _ := io.ReadAll(io.LimitReader(answer.Body, 300)) // it only adds to an error
	_ = answer.Body.Close()
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("post %d events to %s: %s: %s", len(events), r.place(), answer.Status, bytes.TrimSpace(said))
	}
	return nil
}

// reported is an event as SeaTunnel's receivers know them: createdTime, jobId, eventType and what
// belongs to the type. The detail of an event is JSON or nothing.
func reported(e state.Event) map[string]any {
	out := map[string]any{}
	if e.Kind != "STATUS" && json.Unmarshal([]byte(e.Detail), &out) != nil || out == nil {
		out = map[string]any{}
	}
	out["createdTime"], out["jobId"] = e.At.UnixMilli(), e.JobID
	switch e.Kind {
	case "STATUS":
		out["eventType"], out["jobStatus"] = "JOB_STATUS", e.Message
		if e.Detail != "" {
			out["message"] = e.Detail
		}
	case "DESIRED":
		out["eventType"], out["desired"] = "JOB_DESIRED", e.Message
	default:
		out["eventType"] = e.Kind
		if e.Message != "" {
			out["message"] = e.Message
		}
	}
	return out
}
