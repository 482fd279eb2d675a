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

// barsEvery is how often bars are brought up to date.
const barsEvery = 200 * time.Millisecond

// progressing is a job whose progress can be shown.
type progressing interface {
	JobID() string
	Counters() map[string]int64
	Progress() []master.PipelineProgress
}

// showProgress draws one bar per pipeline on a screen, and logs SeaTunnel's progress box every
// minute elsewhere. The returned function ends it, saying whether everything was read.
func showProgress(t *terminal, run progressing, quiet bool, every time.Duration, log *slog.Logger) func(finished bool) {
	if every <= 0 {
		every = progressEvery
	}
	done := make(chan bool, 1)
	var wg sync.WaitGroup
	switch {
	case quiet:
	case t.err.bars():
		wg.Go(func() { drawBars(t, run, done) })
	default:
		wg.Go(func() { printBoxes(run, every, log, done) })
	}
	return func(finished bool) {
		done <- finished
		wg.Wait()
	}
}

func printBoxes(run progressing, every time.Duration, log *slog.Logger, done <-chan bool) {
	tick := time.NewTicker(every)
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

func drawBars(t *terminal, run progressing, done <-chan bool) {
	ui := mpb.New(mpb.WithOutput(t.err.w), mpb.WithRefreshRate(barsEvery))
	t.setAbove(ui)
	defer t.setAbove(nil)
	lines := map[int]*line{}
	update := func() {
		now := time.Now()
		for _, p := range run.Progress() {
			if lines[p.ID] == nil {
				lines[p.ID] = newLine(ui, p)
			}
			lines[p.ID].update(p, now)
		}
	}
	tick := time.NewTicker(barsEvery)
	defer tick.Stop()
	for {
		select {
		case finished := <-done:
			update()
			for _, l := range lines {
				l.end(finished)
			}
			ui.Wait()
			return
		case <-tick.C:
			update()
		}
	}
}

// line is one pipeline's line on the screen.
type line struct {
	bar  *mpb.Bar
	mu   sync.Mutex
	pace pace
}

func newLine(ui *mpb.Progress, p master.PipelineProgress) *line {
	l := &line{}
	name := fmt.Sprintf("pipeline-%d %s ", p.ID, p.Source)
	text := decor.Any(func(decor.Statistics) string {
		l.mu.Lock()
		defer l.mu.Unlock()
		return " " + l.pace.String()
	})
	l.bar = ui.New(0, mpb.BarStyle().Lbound("[").Rbound("]").Tip(">").Filler("=").Padding(" "),
		mpb.BarWidth(22), mpb.PrependDecorators(decor.Name(name, decor.WCSyncSpaceR)), mpb.AppendDecorators(text))
	return l
}

func (l *line) update(p master.PipelineProgress, now time.Time) {
	l.mu.Lock()
	l.pace.add(p, now)
	total, done := l.pace.total, l.pace.done
	l.mu.Unlock()
	if total > 0 {
		l.bar.SetTotal(max(total, 1), false)
		l.bar.SetCurrent(min(done, total-1)) // a full bar is a finished one
	}
}

func (l *line) end(finished bool) {
	l.mu.Lock()
	l.pace.finished = finished
	total := max(l.pace.total, 1)
	l.mu.Unlock()
	if finished {
		l.bar.SetTotal(total, true)
	} else {
		l.bar.Abort(false)
	}
}
