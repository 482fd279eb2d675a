package config

import (
	"time"

	"seikan/engine/option"
)

// History says how long what has ended stays, beside HistoryJobExpire.
type History struct {
	MaxJobs    int64         // ended jobs beyond which the oldest go sooner
	MaxEvents  int64         // events likewise
	Restorable time.Duration // how long a job that failed can be gone on with
	Archive    bool          // to the checkpoint storage, before rows go
	ArchiveAge time.Duration // of files there; 0: for ever
}

// StateSize bounds the state database, in bytes.
type StateSize struct {
	Warn int64 // from here on the log warns
	Max  int64 // from here on no new job is accepted; those that run go on
}

const day = 24 * time.Hour

func (l *loader) history(s *option.Values) {
	h, size := s.Object("history"), s.Object("state")
	l.cfg.History = History{MaxJobs: h.Int("max-jobs"), MaxEvents: h.Int("max-events"), Restorable: time.Duration(h.Int("restorable-days")) * day,
		Archive: h.Bool("archive"), ArchiveAge: time.Duration(h.Int("archive-days")) * day}
	l.cfg.State = StateSize{Warn: l.size(size, "warn-bytes"), Max: l.size(size, "max-bytes")}
	if l.cfg.State.Max > 0 && l.cfg.State.Warn > l.cfg.State.Max {
		l.problems.Add(size.Problem("warn-bytes", "expected at most max-bytes", "the warning comes after jobs are refused: warn-bytes is above max-bytes"))
	}
}

func historySections() []option.Option {
	return []option.Option{
		section("history", "How long what has ended stays, beside `history-job-expire-minutes`. A job with a savepoint stays until the savepoint is deleted.",
			whole("max-jobs", 100_000, 1, 10_000_000, "Ended jobs, and ended runs, that stay at most; the oldest go first."),
			whole("max-events", 1_000_000, 1000, 100_000_000, "Events that stay at most."),
			whole("restorable-days", 30, 0, 36500, "Days for which a job that failed keeps its checkpoints, so that it can be gone on with."),
			toggle("archive", true, "Write ended runs and events to Parquet files, `seikan/history/` on the checkpoint storage, before they leave the state."),
			whole("archive-days", 365, 0, 36500, "Days after which such a file is deleted. 0: never.")),
		section("state", "Size of the state database: what is in use, as the metric `seikan_state_bytes`.",
			text("warn-bytes", "1g", "Size from which on the log warns."),
			text("max-bytes", "4g", "Size from which on no new job is accepted; jobs that run go on. 0: no limit.")),
	}
}
