// Package fault names the places where a test may stop the process: before and after every
// durable step. Without the build tag failpoints a Point costs nothing.
package fault

// Points are those of a job in one process, in the order in which a checkpoint meets them.
var Points = []string{
	"checkpoint.begin.before", "checkpoint.begin.after", "barrier.sent", "writer.prepared", "ack.received",
	"manifest.put.before", "manifest.put.after", "row.complete.before", "row.complete.after",
	"commit.before", "commit.after", "commit.acknowledged", "recover.before", "recover.after",
	"savemode.before", "savemode.after", "job.finish.before",
}

// MasterPoints are those of a cluster's master, in the order in which a job meets them.
var MasterPoints = []string{
	"job.submit.before", "job.submit.after", // on the node that was asked
	"epoch.before", "epoch.after",
	"job.move.before", "job.move.after", "pipeline.place.before", "pipeline.place.after",
	"pipeline.save.before", "pipeline.save.after", "job.finish.before", "job.finish.after",
}
