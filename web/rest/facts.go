package rest

import (
	"context"
	"strconv"

	"github.com/prometheus/client_golang/prometheus"
)

// factCollector has the figures that an administrator sets alarms on.
type factCollector struct{ a *API }

// Describe sends nothing: what there is differs between nodes.
func (*factCollector) Describe(chan<- *prometheus.Desc) {}

// Collect asks the node.
func (k *factCollector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeWithin)
	defer cancel()
	e := emitter{out: out, cluster: k.a.b.About().ClusterName}
	defer e.keepIn("seikan_state_bytes")
	f := k.a.b.Facts(ctx)
	e.gauge("seikan_state_bytes", "State database in use on this node", float64(f.StateBytes))
	e.gauge("seikan_state_warn_bytes", "Size from which on the log warns, 0 never", float64(f.StateWarn))
	e.gauge("seikan_state_max_bytes", "Size from which on no job is accepted, 0 never", float64(f.StateMax))
	e.send(prometheus.CounterValue, "seikan_master_changes_total", "Masters there have been", float64(f.Reigns))
	e.send(prometheus.CounterValue, "seikan_lease_renewals_total", "Renewals of this node's lease", float64(f.Renewals))
	if !f.Master {
		return
	}
	if f.BackupAge != nil {
		e.gauge("seikan_backup_age_seconds", "Age of the newest backup of the state", f.BackupAge.Seconds())
	}
	if f.Unknown != nil {
		e.gauge("seikan_storage_unknown_objects", "Objects on the checkpoint storage that belong to nobody, as of the last sweep", float64(*f.Unknown))
	}
	for _, c := range f.Checkpoints {
		labels := []string{"job", c.JobID, "pipeline", strconv.FormatInt(c.Pipeline, 10)}
		e.gauge("seikan_checkpoint_age_seconds", "Time since the newest checkpoint of a running pipeline was completed", c.Age.Seconds(), labels...)
		e.gauge("seikan_checkpoint_duration_seconds", "From trigger to completion of that checkpoint", c.Took.Seconds(), labels...)
		e.gauge("seikan_checkpoint_manifest_bytes", "Size of its manifest", float64(c.Bytes), labels...)
		e.gauge("seikan_checkpoint_failures", "Checkpoints given up since", float64(c.Failed), labels...)
	}
}
