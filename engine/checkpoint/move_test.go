package checkpoint

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"seikan/engine/record"
)

// through answers every decision well until the attempt ends, and returns what was decided.
func through(p *Protocol, now time.Duration, e Event) (out []string) {
	for mail := []Event{e}; len(mail) > 0; mail = mail[1:] {
		for _, d := range p.Step(now, mail[0]) {
			out = append(out, fmt.Sprintf("%T", d))
			switch d := d.(type) {
			case Allocate:
				mail = append(mail, Allocated{7})
			case Send:
				out[len(out)-1] += " " + string(d.Barrier.Kind)
				mail = append(mail, Ack{Checkpoint: 7})
			case Enumerate:
				mail = append(mail, Enumerated{Checkpoint: 7})
			case Store:
				out[len(out)-1] += " " + string(d.Manifest.Kind)
				mail = append(mail, Stored{7})
			case Record:
				mail = append(mail, Recorded(d))
			case CommitAll:
				out[len(out)-1] += fmt.Sprint(" ", d.Acknowledge)
				mail = append(mail, Committed{7})
			case Finish:
				out[len(out)-1] += " " + string(d.Kind)
			case Fail:
				out[len(out)-1] += " " + d.Err.Error()
			}
		}
	}
	return out
}

// TestAMoveEndsTheAttemptBehindACheckpoint: readers stop behind its barrier, as behind a
// savepoint's, but no savepoint is left behind.
func TestAMoveEndsTheAttemptBehindACheckpoint(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		before []Event
		want   string
	}{
		"move": {nil, "[checkpoint.Allocate checkpoint.Send savepoint checkpoint.Enumerate checkpoint.Store checkpoint checkpoint.Record " +
			"checkpoint.Complete checkpoint.CommitAll true checkpoint.Finish checkpoint]"},
		"savepoint first": {[]Event{SavepointAsked{}}, "[checkpoint.Send savepoint checkpoint.Enumerate checkpoint.Store savepoint checkpoint.Record " +
			"checkpoint.Complete checkpoint.CommitAll true checkpoint.Finish savepoint]"},
	} {
		p := NewProtocol(Config{Subtasks: 1, Tolerable: 1, Timeout: time.Second}, 0)
		for _, e := range c.before {
			p.Step(0, e)
		}
		var got []string
		if got = through(p, 0, MoveAsked{}); len(c.before) > 0 {
			got = through(p, 0, Allocated{7})
		}
		if fmt.Sprint(got) != c.want {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
	// Readers have stopped: one that cannot be completed ends the attempt.
	p := NewProtocol(Config{Subtasks: 1, Tolerable: 0, Timeout: time.Second}, 0)
	p.Step(0, MoveAsked{})
	p.Step(0, Allocated{7})
	if got := fmt.Sprint(through(p, 0, Failed{7, errors.New("storage is away")})); got != "[checkpoint.Warn checkpoint.Abort checkpoint.Fail 1 checkpoints failed in a row, the last ("+string(record.Checkpoint)+" 7): storage is away]" {
		t.Error(got)
	}
}

// TestAnAcknowledgementRidesWithTheNextCheckpoint: it is no write of its own.
func TestAnAcknowledgementRidesWithTheNextCheckpoint(t *testing.T) {
	t.Parallel()
	p := NewProtocol(Config{Subtasks: 1, Interval: time.Second}, 0)
	got := through(p, time.Second, Tick{})
	if last := got[len(got)-1]; last != "checkpoint.CommitAll false" {
		t.Fatalf("%v", got)
	}
	if next := p.Step(2*time.Second, Tick{}); len(next) != 1 || next[0] != (Allocate{record.Checkpoint, 7}) {
		t.Errorf("%+v", next)
	}
}
