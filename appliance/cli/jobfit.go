package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"seikan/appliance/node"
	"seikan/db/state"
	"seikan/engine/job"
	"seikan/engine/job/hocon"
)

// allCheckpoints is more than a job has: those given up may stand before the newest that counts.
const allCheckpoints = 100_000

// goingBack says what is lost by going on from checkpoint from, nothing when it is the newest.
func goingBack(ctx context.Context, b book, id string, from int64) (told string, err error) {
	checkpoints, err := b.Checkpoints(ctx, id, allCheckpoints)
	if err != nil {
		return "", fmt.Errorf("look at the checkpoints of job %s: %w", id, err)
	}
	pipelines, err := b.Pipelines(ctx, id)
	if err != nil {
		return "", fmt.Errorf("look at the pipelines of job %s: %w", id, err)
	}
	newer, err := state.Newer(checkpoints, pipelines, from)
	if err != nil {
		return "", fmt.Errorf("job %s cannot be restored: %w", id, err)
	}
	if len(newer) == 0 {
		return "", nil
	}
	const named = 10
	var lost []string
	for _, c := range newer[:min(len(newer), named)] {
		lost = append(lost, fmt.Sprintf("%s %d of pipeline %d", c.Kind, c.ID, c.PipelineID))
	}
	if more := len(newer) - named; more > 0 {
		lost = append(lost, fmt.Sprintf("%d more", more))
	}
	return fmt.Sprintf("job %s goes on from checkpoint %d, which is not its newest, as a new run: rows since then repeat. Given up: %s",
		id, from, strings.Join(lost, ", ")), nil
}

// reviewRestore looks at a job that shall go on: whether it can, from what, and, with a changed
// file, what changed and whether the saved state fits. file is nil when the job goes on as it was,
// from is 0 when it goes on from the newest checkpoint.
// What is worth telling is returned line by line.
func reviewRestore(ctx context.Context, c *node.Client, id string, from int64, file *job.File) (told []string, err error) {
	j, err := findJob(ctx, clusterBook{c}, id)
	switch {
	case err != nil:
		return nil, err
	case j.Status == state.Finished:
		return nil, fmt.Errorf("job %s cannot be restored: it has FINISHED, there is nothing left to go on with; submit it as a new job", id)
	case !j.Status.Ended():
		return nil, fmt.Errorf("job %s cannot be restored: it is %s; seikan job savepoint %s stops it so that it can", id, j.Status, id)
	}
	checkpoints, err := c.Checkpoints(ctx, id, allCheckpoints)
	if err != nil {
		return nil, fmt.Errorf("look at the checkpoints of job %s: %w", id, err)
	}
	newest := slices.IndexFunc(checkpoints, func(c state.Checkpoint) bool { return c.Status == state.CheckpointCompleted })
	named := ""
	switch {
	case from > 0:
		line, err := goingBack(ctx, clusterBook{c}, id, from)
		if err != nil {
			return nil, err
		}
		if line != "" {
			told = append(told, line)
		}
		named = fmt.Sprintf("checkpoint %d", from)
	case newest >= 0:
		named = fmt.Sprintf("%s %d", checkpoints[newest].Kind, checkpoints[newest].ID)
	default:
		told = append(told, fmt.Sprintf("job %s has no checkpoint to go on from: it starts from the beginning", id))
	}
	if file == nil {
		return told, nil
	}
	before, err := job.Parse("job.json", []byte(j.Text), job.Options{Raw: true})
	if err != nil {
		return told, fmt.Errorf("read the text of job %s: %w", id, err)
	}
	lines, err := diffJobs(j.Text, string(hocon.JSON(job.Redact(file.Root, node.Sensitive))))
	if err != nil || len(lines) == 0 {
		return told, err
	}
	told = append(append(told, fmt.Sprintf("job %s goes on with a changed file:", id)), lines...)
	if named == "" {
		return told, nil
	}
	misfits, notes := node.Fit(before, file)
	if len(misfits) > 0 {
		return told, fmt.Errorf("job %s cannot be restored from its %s with this file:\n  %s\n  put back what it had, or submit the file as a new job, which starts from the beginning",
			id, named, strings.Join(misfits, "\n  "))
	}
	return append(told, fmt.Sprintf("its %s fits: %s", named, strings.Join(append([]string{"every source and sink is the same plugin at the same place"}, notes...), "; "))), nil
}
