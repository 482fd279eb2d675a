package rest

import (
	"strconv"

	"seikan/db/state"
)

type overview struct {
	ProjectVersion  string `json:"projectVersion"`
	GitCommitAbbrev string `json:"gitCommitAbbrev"`
	TotalSlot       string `json:"totalSlot"`
	UnassignedSlot  string `json:"unassignedSlot"`
	Workers         string `json:"workers"`
	RunningJobs     string `json:"runningJobs"`
	FinishedJobs    string `json:"finishedJobs"`
	FailedJobs      string `json:"failedJobs"`
	CancelledJobs   string `json:"cancelledJobs"`
}

// Overview sums up the cluster; the query's tag=value pairs choose the workers that count.
func (a *API) Overview(c *Call) error {
	query, err := c.query()
	if err != nil {
		return err
	}
	members, err := a.b.Members(c.ctx())
	if err != nil {
		return err
	}
	jobs, err := a.b.Jobs().Count(c.ctx())
	if err != nil {
		return err
	}
	var workers, used, free int
	for _, m := range members {
		if !m.Worker || !hasTags(m.Tags, query) {
			continue
		}
		workers++
		used += m.SlotsUsed
		if m.Slots > 0 {
			free += max(0, m.Slots-m.SlotsUsed)
		}
	}
	running := 0
	for s, n := range jobs {
		if !s.Ended() {
			running += n
		}
	}
	about := a.b.About()
	return c.json(overview{ProjectVersion: about.Version, GitCommitAbbrev: about.Commit, TotalSlot: strconv.Itoa(used + free),
		UnassignedSlot: strconv.Itoa(free), Workers: strconv.Itoa(workers), RunningJobs: strconv.Itoa(running),
		FinishedJobs: strconv.Itoa(jobs[state.Finished]), FailedJobs: strconv.Itoa(jobs[state.Failed]), CancelledJobs: strconv.Itoa(jobs[state.Canceled])})
}

func hasTags(tags map[string]string, want map[string][]string) bool {
	for key, values := range want {
		for _, v := range values {
			if got, ok := tags[key]; !ok || got != v {
				return false
			}
		}
	}
	return true
}
