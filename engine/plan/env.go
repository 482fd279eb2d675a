// Package plan turns a job file into what will run: a checked graph, cut into pipelines, with
// the schema of every edge and the delivery guarantee each pair can keep.
package plan

import (
	"time"

	"seikan/engine/job/hocon"
	"seikan/engine/option"
)

// EnvSpec describes the env block.
var EnvSpec = &option.Spec{
	Name: "env", Kind: "env", Summary: "What applies to the whole job",
	Options: []option.Option{
		{Key: "job.name", Type: option.String, Default: "SeaTunnel_Job", Doc: "Name shown in lists; -n on the command line wins."},
		{Key: "job.mode", Type: option.Enum, Choices: []string{"BATCH", "STREAMING"}, Default: "BATCH", Doc: "BATCH ends when its sources are drained; STREAMING may run for ever."},
		{Key: "parallelism", Type: option.Int, Default: 1, Doc: "Subtasks of each source that does not say otherwise; values below 1 count as 1."},
		{Key: "checkpoint.interval", Type: option.Long, Min: 10, Max: 1 << 53, Doc: "Milliseconds between checkpoints. A BATCH job without it takes none; a STREAMING job uses the engine's default."},
		{Key: "checkpoint.timeout", Type: option.Long, Min: 10, Max: 1 << 53, Doc: "Milliseconds after which a checkpoint counts as failed."},
		{Key: "checkpoint.tolerable-failures", Type: option.Int, Default: 3, Min: 0, Max: 1 << 30, Doc: "Failed checkpoints in a row that are tolerated; one more stops the attempt."},
		{Key: "job.retry.times", Type: option.Int, Default: 3, Min: 0, Max: 1 << 30, Doc: "Restarts of a pipeline before the job fails; 0 means none."},
		{Key: "job.retry.interval.seconds", Type: option.Int, Default: 3, Min: 0, Max: 1 << 30, Doc: "Wait before each restart."},
		{Key: "read_limit.rows_per_second", Type: option.Int, Min: 1, Max: 1 << 31, Doc: "Most rows a source subtask reads in a second."},
		{Key: "read_limit.bytes_per_second", Type: option.Long, Min: 1, Max: 1 << 53, Doc: "Most bytes (of rows in memory) a source subtask reads in a second."},
		{Key: "savemode.execute.location", Type: option.Enum, Choices: []string{"CLUSTER", "CLIENT"}, Default: "CLUSTER", Doc: "Accepted; save modes always run as a task of the job."},
		{Key: "jars", Type: option.String, Doc: "Accepted and ignored: every connector is compiled in."},
		{Key: "tag_filter", Type: option.Map, Doc: "Tags a worker must have to run this job."},
		{Key: "custom_parameters", Type: option.Map, Doc: "Free map, kept with the job."},
		{Key: "shade.identifier", Type: option.String, Default: "default", Doc: "How secrets in this file are encrypted."},
		{Key: "shade.key-file", Type: option.String, Doc: "File with the key for shade.identifier = aes."},
		{Key: "guarantee", Type: option.Enum, Choices: []string{"strict", "best-effort"}, Default: "strict", Doc: "best-effort runs a job whose options ask for exactly-once where source and sink cannot keep it, with a warning."},
		{Key: "memory.bytes", Type: option.Long, Default: 16 << 20, Min: 1 << 20, Max: 1 << 40, Doc: "Bytes of rows a job may hold in its queues."},
		{Key: "dirty.max-count", Type: option.Long, Default: 0, Min: 0, Max: 1 << 53, Doc: "Bad rows the job may skip; the next one fails it."},
		{Key: "dirty.max-ratio", Type: option.Double, Default: 0.0, Min: 0, Max: 1, Doc: "Share of bad rows the job may skip, judged at checkpoints and at the end."},
		{Key: "dirty.sink", Type: option.Map, Doc: "A sink block { plugin_name = … } that keeps bad rows: raw bytes, error, table, split, position."},
	},
	Rules: []option.Rule{},
}

// Env is the env block, checked.
type Env struct {
	JobName            string
	Streaming          bool
	Parallelism        int
	CheckpointInterval time.Duration // 0: none
	CheckpointTimeout  time.Duration // 0: the engine's
	TolerableFailures  int
	RetryTimes         int
	RetryInterval      time.Duration
	RowsPerSecond      int64 // 0: no limit
	BytesPerSecond     int64 // 0: no limit
	BestEffort         bool
	MemoryBytes        int64
	Dirty              Dirty
	Raw                *hocon.Value
}

// Dirty is the job's budget for bad rows.
type Dirty struct {
	MaxCount int64
	MaxRatio float64
	Sink     *hocon.Value // nil: bad rows are only counted and logged
}

// ParseEnv reads the env block. Keys it does not know are passed through, as SeaTunnel does.
func ParseEnv(v *hocon.Value) (Env, hocon.Problems) {
	o, problems := EnvSpec.Parse(v)
	kept := problems[:0]
	for _, p := range problems {
		if p.Code != "CFG-012" || p.Label != "it is ignored" { // a near miss is worth a word
			kept = append(kept, p)
		}
	}
	ms := func(key string) time.Duration { return time.Duration(o.Int(key)) * time.Millisecond }
	return Env{
		JobName:            o.String("job.name"),
		Streaming:          o.String("job.mode") == "STREAMING",
		Parallelism:        max(1, int(o.Int("parallelism"))),
		CheckpointInterval: ms("checkpoint.interval"),
		CheckpointTimeout:  ms("checkpoint.timeout"),
		TolerableFailures:  int(o.Int("checkpoint.tolerable-failures")),
		RetryTimes:         int(o.Int("job.retry.times")),
		RetryInterval:      time.Duration(o.Int("job.retry.interval.seconds")) * time.Second,
		RowsPerSecond:      o.Int("read_limit.rows_per_second"),
		BytesPerSecond:     o.Int("read_limit.bytes_per_second"),
		BestEffort:         o.String("guarantee") == "best-effort",
		MemoryBytes:        o.Int("memory.bytes"),
		Dirty:              Dirty{MaxCount: o.Int("dirty.max-count"), MaxRatio: o.Double("dirty.max-ratio"), Sink: o.Tree("dirty.sink")},
		Raw:                v,
	}, kept
}

// Tags are the tags a worker must have.
func (e Env) Tags() map[string]string {
	o, _ := EnvSpec.Parse(e.Raw) // its problems were reported by ParseEnv
	out := map[string]string{}
	for _, p := range o.Map("tag_filter") {
		out[p.Key] = p.Value
	}
	return out
}

// Options are the env block's entries as text.
func (e Env) Options() map[string]string {
	out := map[string]string{}
	for _, f := range e.Raw.Fields {
		if f.Value.Scalar() {
			out[f.Key] = f.Value.Text
		} else {
			out[f.Key] = string(hocon.JSON(f.Value))
		}
	}
	return out
}
