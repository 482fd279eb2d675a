package cli

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"seikan/engine/master"
	"seikan/engine/task"
)

func TestPaceTellsWhatIsLeftWhereTheSourceKnows(t *testing.T) {
	t.Parallel()
	progress := func(read int64, total, finished task.Progress) master.PipelineProgress {
		return master.PipelineProgress{Running: true, Read: read, ReadBytes: read * 1024, Total: total, Finished: finished}
	}
	for name, c := range map[string]struct {
		first, second master.PipelineProgress // one second apart
		want          string
	}{
		"rows":    {progress(0, task.Progress{Rows: 4000}, task.Progress{}), progress(1000, task.Progress{Rows: 4000}, task.Progress{}), " 25%  1000 rows  1000.0 KiB  1000 rows/s  3s left"},
		"bytes":   {progress(0, task.Progress{Bytes: 100}, task.Progress{}), progress(10, task.Progress{Bytes: 100}, task.Progress{Bytes: 50}), " 50%  10 rows  10.0 KiB  10 rows/s  1s left"},
		"splits":  {progress(0, task.Progress{Splits: 4}, task.Progress{}), progress(10, task.Progress{Splits: 4}, task.Progress{Splits: 1}), " 25%  10 rows  10.0 KiB  10 rows/s  3s left"},
		"nothing": {progress(0, task.Progress{}, task.Progress{}), progress(20000, task.Progress{}, task.Progress{}), "20.0 k rows  19.5 MiB  20.0 k rows/s"},
		"stalled": {progress(10, task.Progress{Rows: 40}, task.Progress{}), progress(10, task.Progress{Rows: 40}, task.Progress{}), " 25%  10 rows  10.0 KiB  0 rows/s"},
	} {
		var p pace
		p.add(c.first, began)
		p.add(c.second, began.Add(time.Second))
		if got := p.String(); got != c.want {
			t.Errorf("%s: %q, not %q", name, got, c.want)
		}
	}
}

func TestPaceOfWhatHasEndedIsTheAverage(t *testing.T) {
	t.Parallel()
	p := pace{rows: 5000, total: 5000, done: 5000, unit: "rows", began: began, last: began.Add(2 * time.Second), rate: 1, ended: true, finished: true}
	if got := p.String(); got != "100%  5000 rows  0.0 KiB  2500 rows/s" {
		t.Errorf("%q", got)
	}
}

func TestOutputGoesAboveTheBarsOnlyOnAScreen(t *testing.T) {
	t.Parallel()
	term, out, _ := capture()
	var bars bytes.Buffer
	term.err.screen = true
	term.setAbove(&bars)
	for _, s := range []*stream{term.out, term.err} {
		if _, err := s.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if out.String() != "x" || bars.String() != "x" {
		t.Errorf("redirected stdout got %q, the screen %q", out.String(), bars.String())
	}
}

func TestJobIDsAreNumbers(t *testing.T) {
	t.Parallel()
	for _, id := range []string{"", "1", "871234567890123456", "9223372036854775807"} {
		if err := checkID(id); err != nil {
			t.Errorf("%s: %v", id, err)
		}
	}
	for _, id := range []string{"0", "-1", "+1", "01", "../x", "1.5", "9223372036854775808", " 1"} {
		if checkID(id) == nil {
			t.Errorf("%q is taken for a job id", id)
		}
	}
}

func TestWrapKeepsWordsAndOwnLines(t *testing.T) {
	t.Parallel()
	got := wrap("one two three\n\nfour", "  ", 10)
	if got != "  one two\n  three\n\n  four" {
		t.Errorf("%q", strings.ReplaceAll(got, " ", "."))
	}
}

func TestSampledRowsCannotSteerTheTerminal(t *testing.T) {
	t.Parallel()
	if got := printable("a\x1b[2Jb\nc\xffd"); got != "a·[2Jb·c·d" {
		t.Errorf("%q", got)
	}
	if got := []rune(printable(strings.Repeat("é", 5000))); len(got) != 201 {
		t.Errorf("%d characters", len(got))
	}
}
