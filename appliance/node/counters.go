package node

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"seikan/db/state"
)

// countersEvery is how often a running job's counters are written for other processes.
const countersEvery = time.Second

func (l *Local) countersFile(jobID string) string {
	return filepath.Join(l.dir, "run", jobID+".counters")
}

// Publish writes a running job's counters to a file, once a second, so that other processes can
// show them. The returned function ends that and removes the file.
func (l *Local) Publish(jobID string, counters func() map[string]int64) func() {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(countersEvery)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
			}
			if err := l.writeCounters(jobID, counters()); err != nil {
				l.log.Warn("the job's counters cannot be shown to other processes", "error", err)
				return
			}
		}
	})
	return func() {
		close(done)
		wg.Wait()
		_ = os.Remove(l.countersFile(jobID)) // the final counters are in the job's row
	}
}

func (l *Local) writeCounters(jobID string, counters map[string]int64) error {
	text, err := json.Marshal(counters)
	if err != nil {
		return fmt.Errorf("encode the counters of job %s: %w", jobID, err)
	}
	path := l.countersFile(jobID)
	if err := os.WriteFile(path+".new", text, 0o600); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// published is what Publish last wrote, "" when there is nothing.
func (l *Local) published(jobID string) string {
	text, err := os.ReadFile(l.countersFile(jobID))
	if err != nil || !json.Valid(text) {
		return ""
	}
	return string(text)
}

// Counters are those of a job: the final ones, or what its process last published, nil when
// neither is known.
func (l *Local) Counters(j state.Job) (map[string]int64, error) {
	text := j.Metrics
	if text == "" {
		text = l.published(j.ID)
	}
	if text == "" {
		return nil, nil
	}
	var out map[string]int64
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		return nil, fmt.Errorf("read the counters of job %s: %w", j.ID, err)
	}
	return out, nil
}

// dropPublished removes what a process that is gone has published.
func (l *Local) dropPublished(jobID string) error {
	err := os.Remove(l.countersFile(jobID))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
