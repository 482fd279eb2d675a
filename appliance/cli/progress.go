package cli

import (
	"fmt"
	"log/slog"
	"sync"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"

	"seikan/engine/master"
	"seikan/engine/task"
)

// progressEvery is SeaTunnel's shipped print-job-metrics-info-interval.
const progressEvery = 60 * time.Second

// showProgress draws one bar per pipeline on a terminal, and prints SeaTunnel's progress box
// every minute elsewhere. The returned function ends it.
func showProgress(t *terminal, run *master.Run, quiet bool, log *slog.Logger) func() {
	done := make(chan struct{})
	var wg sync.WaitGroup
	end := func() { close(done); wg.Wait() }
	switch {
	case quiet:
	case isTerminal(t.err):
		wg.Go(func() { drawBars(t, run, log, done) })
	default:
		wg.Go(func() { printBoxes(run, log, done) })
	}
	return end
}

func printBoxes(run *master.Run, log *slog.Logger, done <-chan struct{}) {
	tick := time.NewTicker(progressEvery)
	defer tick.Stop()
	last := time.Now()
	var lastRead, lastWritten int64
	for {
		select {
		case <-done:
			return
		case now := <-tick.C:
			m := run.Counters()
			read, written := task.Sum(m, "SourceReceivedCount"), task.Sum(m, "SinkWriteCount")
			log.Info("\n" + progressBox(run.JobID(), read, written, lastRead, lastWritten, last, now))
			last, lastRead, lastWritten = now, read, written
		}
	}
}

// bar is what one pipeline's line shows.
type bar struct {
	mu      sync.Mutex
	p       master.PipelineProgress
	rate    float64 // rows a second
	updated time.Time
	line    *mpb.Bar
}

func (b *bar) text() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return fmt.Sprintf("%s rows  %s  %s rows/s", count(b.p.Read), size(b.p.ReadBytes), count(int64(b.rate)))
}

func drawBars(t *terminal, run *master.Run, log *slog.Logger, done <-chan struct{}) {
	ui := mpb.New(mpb.WithOutput(t.err), mpb.WithWidth(30), mpb.WithRefreshRate(150*time.Millisecond))
	if h, ok := log.Handler().(*logHandler); ok {
		h.setAbove(ui)
		defer h.setAbove(nil)
	}
	bars := map[int]*bar{}
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	update := func() {
		for _, p := range run.Progress() {
			b := bars[p.ID]
			if b == nil {
				b = &bar{updated: time.Now()}
				name := fmt.Sprintf("%d %s ", p.ID, p.Source)
				b.line = ui.AddBar(0, mpb.PrependDecorators(decor.Name(name)),
					mpb.AppendDecorators(decor.Percentage(), decor.Any(func(decor.Statistics) string { return "  " + b.text() })))
				bars[p.ID] = b
			}
			b.mu.Lock()
			if s := time.Since(b.updated).Seconds(); s > 0 {
				b.rate = 0.7*b.rate + 0.3*float64(p.Read-b.p.Read)/s
			}
			b.p, b.updated = p, time.Now()
			b.mu.Unlock()
			if total, now := share(p); total > 0 {
				b.line.SetTotal(total, false)
				b.line.SetCurrent(now)
			}
		}
	}
	for {
		select {
		case <-done:
			for _, b := range bars {
				b.line.SetTotal(-1, true)
			}
			ui.Wait()
			return
		case <-tick.C:
			update()
		}
	}
}

// share is how much is to be read and how much is: in bytes where the source knows them, else
// in rows, else in splits.
func share(p master.PipelineProgress) (total, done int64) {
	switch {
	case p.Total.Rows > 0:
		return p.Total.Rows, min(p.Read, p.Total.Rows)
	case p.Total.Bytes > 0:
		return p.Total.Bytes, p.Finished.Bytes
	}
	return int64(p.Total.Splits), int64(p.Finished.Splits)
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
