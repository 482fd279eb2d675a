package state

import (
	"strings"
	"testing"
	"time"
)

// The diagram of the job states: rows go to columns in the order of Statuses.
func TestJobMovesOnlyAlongTheDiagram(t *testing.T) {
	t.Parallel()
	moves := `
		INITIALIZING    . x . . . x . . . x . . .
		CREATED         . . x . . x . . . x . . .
		PENDING         . . . x x x . . . x . . .
		SCHEDULED       . . . . x x . . . x . . .
		RUNNING         . . . . . x . x . x . x .
		FAILING         . . . . . . x . . x . . .
		FAILED          . . . . . . . . . . . . .
		DOING_SAVEPOINT . . . . . x . . x x . . .
		SAVEPOINT_DONE  . . . . . . . . . . . . .
		CANCELING       . . . . . x . . . . x . .
		CANCELED        . . . . . . . . . . . . .
		FINISHED        . . . . . . . . . . . . .
		UNKNOWABLE      . . . . . . . . . . . . .`
	lines := strings.Split(strings.TrimSpace(moves), "\n")
	if len(lines) != len(Statuses) {
		t.Fatalf("%d lines for %d statuses", len(lines), len(Statuses))
	}
	for i, line := range lines {
		fields := strings.Fields(line)
		from := Status(fields[0])
		if from != Statuses[i] {
			t.Fatalf("line %d is of %s, want %s", i, from, Statuses[i])
		}
		for k, to := range Statuses {
			if got := CanMove(from, to); got != (fields[k+1] == "x") {
				t.Errorf("CanMove(%s, %s) is %v", from, to, got)
			}
		}
		if from.Ended() && strings.Contains(line, "x") {
			t.Errorf("a way leads out of the end state %s", from)
		}
	}
	if CanMove("NONSENSE", Failing) || CanMove(Running, "NONSENSE") {
		t.Error("an unknown status can move")
	}
}

func TestCancelHasTheLastWord(t *testing.T) {
	t.Parallel()
	all := []Desired{WantRun, WantSavepoint, WantStop, WantCancel}
	allowed := map[[2]Desired]bool{
		{WantRun, WantSavepoint}: true, {WantRun, WantStop}: true, {WantRun, WantCancel}: true,
		{WantSavepoint, WantCancel}: true, {WantStop, WantCancel}: true,
	}
	for _, a := range all {
		for _, b := range all {
			if CanWant(a, b) != allowed[[2]Desired{a, b}] {
				t.Errorf("CanWant(%s, %s) is %v", a, b, CanWant(a, b))
			}
		}
	}
}

func TestJobIDsAreUniqueGrowingDecimals(t *testing.T) {
	t.Parallel()
	now := start
	ids := NewJobIDs(func() time.Time { return now }, 0xffff)
	seen, last := map[string]bool{}, ""
	for i := range 1000 {
		switch {
		case i == 300:
			now = now.Add(-time.Hour) // the clock is set back
		case i > 600:
			now = now.Add(time.Minute)
		}
		id := ids.Next()
		if seen[id] || len(id) < 18 || len(id) > 19 || id <= last || strings.Trim(id, "0123456789") != "" {
			t.Fatalf("id %d is %q after %q", i, id, last)
		}
		seen[id], last = true, id
	}
	other := NewJobIDs(func() time.Time { return start }, 7)
	for range 1000 {
		if seen[other.Next()] {
			t.Fatal("two nodes made the same id")
		}
	}
	if a, b := RandomID(), RandomID(); a == b || len(a) != 32 {
		t.Errorf("random ids %q and %q", a, b)
	}
}
