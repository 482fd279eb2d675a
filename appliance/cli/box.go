package cli

import (
	"fmt"
	"strings"
	"time"

	"seikan/engine/master"
	"seikan/engine/task"
)

// The boxes are SeaTunnel's, to the character: 47 stars, labels 26 wide, values 19.
const boxWidth = 47

const boxTime = "2006-01-02 15:04:05"

type boxLine struct{ label, value string }

func box(title string, lines ...boxLine) string {
	stars := strings.Repeat("*", boxWidth) + "\n"
	var b strings.Builder
	b.WriteString(stars)
	b.WriteString(strings.Repeat(" ", (boxWidth-len(title))/2) + title + "\n")
	b.WriteString(stars)
	for _, l := range lines {
		fmt.Fprintf(&b, "%-26s: %19s\n", l.label, l.value)
	}
	b.WriteString(stars)
	return b.String()
}

func statisticsBox(out master.Outcome, zone *time.Location) string {
	began := out.Job.Started
	if began.IsZero() {
		began = out.Job.Submitted
	}
	read := task.Sum(out.Counters, "SourceReceivedCount")
	written := task.Sum(out.Counters, "SinkWriteCount")
	return box("Job Statistic Information",
		boxLine{"Start Time", began.In(zone).Format(boxTime)},
		boxLine{"End Time", out.Job.Finished.In(zone).Format(boxTime)},
		boxLine{"Total Time(s)", fmt.Sprint(int64(out.Job.Finished.Sub(began).Seconds()))},
		boxLine{"Total Read Count", fmt.Sprint(read)},
		boxLine{"Total Write Count", fmt.Sprint(written)},
		boxLine{"Total Failed Count", fmt.Sprint(out.Dirty)},
	)
}

func progressBox(jobID string, read, written, lastRead, lastWritten int64, last, now time.Time) string {
	seconds := max(int64(now.Sub(last).Seconds()), 1)
	return box("Job Progress Information",
		boxLine{"Job Id", jobID},
		boxLine{"Read Count So Far", fmt.Sprint(read)},
		boxLine{"Write Count So Far", fmt.Sprint(written)},
		boxLine{"Average Read Count", fmt.Sprintf("%d/s", (read-lastRead)/seconds)},
		boxLine{"Average Write Count", fmt.Sprintf("%d/s", (written-lastWritten)/seconds)},
		boxLine{"Last Statistic Time", last.Format(boxTime)},
		boxLine{"Current Statistic Time", now.Format(boxTime)},
	)
}
