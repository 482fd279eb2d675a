// Package fault names the places where a test may stop the process: before and after every
// durable step. Without the build tag failpoints a Point costs nothing.
package fault

// Points are all names, in the order in which a checkpoint meets them.
var Points = []string{
	"checkpoint.begin.before", "checkpoint.begin.after", "barrier.sent", "writer.prepared", "ack.received",
	"manifest.put.before", "manifest.put.after", "row.complete.before", "row.complete.after",
	"commit.before", "commit.after", "commit.acknowledged", "recover.before", "recover.after",
	"savemode.before", "savemode.after", "job.finish.before",
}
