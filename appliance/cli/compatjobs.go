package cli

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"seikan/db/state"
	"seikan/engine/task"
)

func compatList(ctx context.Context, t *terminal, l book) error {
	jobs, err := allJobs(ctx, l)
	if err != nil {
		return err
	}
	_, err = io.WriteString(t.out, jobTable(jobs))
	return err
}

// jobTable is the answer to -l, the newest submit first.
func jobTable(jobs []state.Job) string {
	rows := [][]string{{"Job ID", "Job Name", "Job Status", "Submit Time", "Finished Time"}}
	for _, j := range jobs {
		rows = append(rows, []string{j.ID, j.Name, string(j.Status), jdbcTime(j.Submitted), jdbcTime(j.Finished)})
	}
	width := make([]int, len(rows[0]))
	for _, r := range rows {
		for i, c := range r {
			width[i] = max(width[i], len(c))
		}
	}
	dashes := make([]string, len(width))
	for i, n := range width {
		dashes[i] = strings.Repeat("-", n)
	}
	var out strings.Builder
	for _, r := range slices.Insert(rows, 1, dashes) {
		var b strings.Builder
		for c, text := range r {
			fmt.Fprintf(&b, "%-*s  ", width[c], text)
		}
		out.WriteString(strings.TrimRight(b.String(), " ") + "\n")
	}
	return out.String()
}

// jdbcTime is how a JDBC timestamp prints: trailing zeros trimmed to one digit.
func jdbcTime(at time.Time) string {
	if at.IsZero() {
		return ""
	}
	s := strings.TrimRight(at.Local().Format("2006-01-02 15:04:05.000"), "0")
	if strings.HasSuffix(s, ".") {
		s += "0"
	}
	return s
}

// compatState is the answer to -j, in SeaTunnel's order.
type compatState struct {
	JobID      json.Number       `json:"jobId"`
	JobName    string            `json:"jobName"`
	JobStatus  state.Status      `json:"jobStatus"`
	SubmitTime int64             `json:"submitTime"` // ms since 1970
	FinishTime *int64            `json:"finishTime"`
	Pipelines  map[string]string `json:"pipelineStateMapperMap"`
	Error      *string           `json:"errorMessage"`
}

func compatStatus(ctx context.Context, t *terminal, l book, id string) error {
	j, err := l.Job(ctx, id)
	if errors.Is(err, state.ErrNotFound) {
		fmt.Fprintf(t.out, "{\"err\":\"jobId : %s not found\"}\n", id)
		return nil
	}
	if err != nil {
		return err
	}
	pipelines, err := l.Pipelines(ctx, id)
	if err != nil {
		return err
	}
	text, err := stateJSON(j, pipelines)
	if err == nil {
		_, err = t.out.Write(text)
	}
	return err
}

// stateJSON is the answer to -j, on one line.
func stateJSON(j state.Job, pipelines []state.Pipeline) ([]byte, error) {
	out := compatState{JobID: json.Number(j.ID), JobName: j.Name, JobStatus: j.Status, SubmitTime: j.Submitted.UnixMilli(), Pipelines: map[string]string{}}
	if !j.Finished.IsZero() {
		ms := j.Finished.UnixMilli()
		out.FinishTime = &ms
	}
	if j.Error != "" {
		out.Error = &j.Error
	}
	for _, p := range pipelines {
		if p.ID == preparation {
			continue
		}
		out.Pipelines[fmt.Sprintf("PipelineLocation(jobId=%s, pipelineId=%d)", j.ID, p.ID)] = string(p.Status)
	}
	var b bytes.Buffer // Encode ends with a newline and, unlike Marshal, can leave < and > as they are
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(out)
	return b.Bytes(), err
}

func compatMetrics(ctx context.Context, t *terminal, l book, id string) error {
	j, err := findJob(ctx, l, id)
	if err != nil {
		return err
	}
	counters, err := l.Counters(ctx, j)
	if err != nil {
		return err
	}
	return printJSON(t, compatMeasures(j, counters, time.Now()))
}

func compatRunning(ctx context.Context, t *terminal, l book) error {
	out := map[string]any{}
	for after := ""; ; {
		jobs, next, err := l.Jobs(ctx, state.Live(), after, 500)
		if err != nil {
			return err
		}
		for _, j := range jobs {
			counters, err := l.Counters(ctx, j)
			if err != nil {
				return err
			}
			out[j.ID] = compatMeasures(j, counters, time.Now())
		}
		if next == "" {
			return printJSON(t, out)
		}
		after = next
	}
}

// measure is one value of SeaTunnel's raw metrics.
type measure struct {
	Tags      map[string]string `json:"tags"`
	Metric    string            `json:"metric"`
	Value     any               `json:"value"`
	Timestamp int64             `json:"timestamp"` // ms since 1970
}

// rateOf are the metrics that are others divided by seconds.
var rateOf = map[string]string{
	"SourceReceivedCount": "SourceReceivedQPS", "SourceReceivedBytes": "SourceReceivedBytesPerSeconds",
	"SinkWriteCount": "SinkWriteQPS", "SinkWriteBytes": "SinkWriteBytesPerSeconds",
}

// compatMeasures are a job's counters in SeaTunnel's raw form: over all tables by their name,
// and for each table with #table behind it.
func compatMeasures(j state.Job, counters map[string]int64, now time.Time) map[string][]measure {
	end := j.Finished
	if end.IsZero() {
		end = now
	}
	seconds := 0.0
	if !j.Started.IsZero() {
		seconds = end.Sub(j.Started).Seconds()
	}
	out := map[string][]measure{}
	add := func(name string, value any) {
		out[name] = []measure{{Tags: map[string]string{"jobId": j.ID}, Metric: name, Value: value, Timestamp: end.UnixMilli()}}
	}
	for name, rate := range rateOf {
		add(name, task.Sum(counters, name))
		if seconds > 0 {
			add(rate, float64(task.Sum(counters, name))/seconds)
		}
		for key, n := range counters {
			if k, table, _ := strings.Cut(key, "#"); k == name && table != "" {
				add(key, n)
				if seconds > 0 {
					add(rate+"#"+table, float64(n)/seconds)
				}
			}
		}
	}
	return out
}
