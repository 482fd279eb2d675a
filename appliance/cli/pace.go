package cli

import (
	"fmt"
	"strings"
	"time"

	"seikan/engine/master"
)

// pace is how far a pipeline is and how fast it goes.
type pace struct {
	rows, bytes     int64 // read so far
	total, done     int64 // of rows, bytes or splits; total 0: unknown
	unit            string
	began           time.Time
	last            time.Time
	rate            float64 // rows a second, of the last seconds
	advance         float64 // of done, a second
	ended, finished bool    // ended: nothing moves now; finished: everything was read
}

// smooth is the weight of the newest measurement: with five a second, the last two seconds
// count for most.
const smooth = 0.15

func (p *pace) add(now master.PipelineProgress, at time.Time) {
	if p.began.IsZero() {
		p.began = at
	}
	if p.ended = !now.Running; p.ended {
		p.rows, p.bytes = now.Read, now.ReadBytes
		return
	}
	total, done, unit := share(now)
	if s := at.Sub(p.last).Seconds(); !p.last.IsZero() && s > 0 {
		p.rate = follow(p.rate, float64(now.Read-p.rows)/s)
		if unit == p.unit {
			p.advance = follow(p.advance, float64(done-p.done)/s)
		}
	}
	p.rows, p.bytes, p.last = now.Read, now.ReadBytes, at
	p.total, p.done, p.unit = total, done, unit
}

func follow(average, value float64) float64 {
	switch {
	case value < 0: // a restart went back to a checkpoint
		return average
	case average == 0:
		return value
	}
	return average + smooth*(value-average)
}

// left is the time until everything is read; ok is false when that cannot be told.
func (p *pace) left() (d time.Duration, ok bool) {
	if p.total <= 0 || p.done <= 0 {
		return 0, false
	}
	elapsed := p.last.Sub(p.began).Seconds()
	advance := p.advance
	if p.unit != "rows" && elapsed > 0 { // it moves in leaps, split by split
		advance = float64(p.done) / elapsed
	}
	if advance <= 0 {
		return 0, false
	}
	return time.Duration(float64(p.total-p.done) / advance * float64(time.Second)), true
}

func (p *pace) String() string {
	var parts []string
	if p.total > 0 && (!p.ended || !p.finished) {
		parts = append(parts, fmt.Sprintf("%3d%%", min(100*p.done/p.total, 100)))
	} else if p.finished {
		parts = append(parts, "100%")
	}
	parts = append(parts, count(p.rows)+" rows", size(p.bytes))
	switch left, ok := p.left(); {
	case p.ended:
		if s := p.last.Sub(p.began).Seconds(); s > 0 {
			parts = append(parts, count(int64(float64(p.rows)/s))+" rows/s")
		}
	default:
		parts = append(parts, count(int64(p.rate))+" rows/s")
		if ok {
			parts = append(parts, left.Round(time.Second).String()+" left")
		}
	}
	return strings.Join(parts, "  ")
}

// share is how much is to be read and how much is: in rows where the source knows them, else
// in bytes, else in splits.
func share(p master.PipelineProgress) (total, done int64, unit string) {
	switch {
	case p.Total.Rows > 0:
		return p.Total.Rows, min(p.Read, p.Total.Rows), "rows"
	case p.Total.Bytes > 0:
		return p.Total.Bytes, min(p.Finished.Bytes, p.Total.Bytes), "bytes"
	}
	return int64(p.Total.Splits), int64(p.Finished.Splits), "splits"
}

func count(n int64) string {
	switch {
	case n >= 10_000_000:
		return fmt.Sprintf("%.1f M", float64(n)/1e6)
	case n >= 10_000:
		return fmt.Sprintf("%.1f k", float64(n)/1e3)
	}
	return fmt.Sprint(n)
}

func size(n int64) string {
	switch {
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	case n >= 1<<20:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
	return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
}
