package rest

import (
	"context"
	"strings"

	"github.com/prometheus/client_golang/prometheus"

	"seikan/db/state"
)

// jobCollector has what SeaTunnel's metrics lack: rows and bytes of running jobs.
type jobCollector struct{ a *API }

// Describe sends nothing: the labels follow the jobs.
func (*jobCollector) Describe(chan<- *prometheus.Desc) {}

var ownNames = map[string]string{
	"SourceReceivedCount": "seikan_job_read_rows_total", "SourceReceivedBytes": "seikan_job_read_bytes_total",
	"SinkWriteCount": "seikan_job_written_rows_total", "SinkWriteBytes": "seikan_job_written_bytes_total",
	"DirtyCount": "seikan_job_dirty_rows_total",
}

// Collect asks for the counters of the jobs that run.
func (k *jobCollector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeWithin)
	defer cancel()
	e := emitter{out: out}
	defer e.keepIn("seikan_ready")
	e.cluster = k.a.b.About().ClusterName
	ready := 1.0
	if k.a.b.Ready(ctx) != nil {
		ready = 0
	}
	e.gauge("seikan_ready", "Whether this node can take work", ready)
	jobs, err := k.a.list(ctx, state.Live())
	if err != nil {
		e.broken("seikan_job_read_rows_total", err)
		return
	}
	for id, counters := range k.a.counters(ctx, jobs) {
		for key, n := range counters {
			name, table, _ := strings.Cut(key, "#")
			if own, ok := ownNames[name]; ok {
				e.send(prometheus.CounterValue, own, "Of a running job, by table", float64(n), "job", id, "table", table)
			}
		}
	}
}
