package member

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func TestSeatsFollowTheBackupCount(t *testing.T) {
	t.Parallel()
	// rows: backup-count 0…5; columns: 0…10 nodes that may vote.
	for b, row := range []string{
		"0 1 1 1 1 1 1 1 1 1 1",
		"0 1 1 3 3 3 3 3 3 3 3",
		"0 1 1 3 3 5 5 5 5 5 5",
		"0 1 1 3 3 5 5 7 7 7 7",
		"0 1 1 3 3 5 5 7 7 7 7",
		"0 1 1 3 3 5 5 7 7 7 7",
	} {
		var got []string
		for n := range 11 {
			got = append(got, fmt.Sprint(Seats(n, b)))
		}
		if s := strings.Join(got, " "); s != row {
			t.Errorf("backup-count %d: %s, want %s", b, s, row)
		}
	}
	if Seats(9, -3) != 1 || Seats(9, 1<<62) != 7 || Seats(-1, 1) != 0 {
		t.Error("odd input")
	}
}

// nodes reads "a:VL" as a node a that is a voter and leads. V voter, L leader, D just died,
// X dead for long, W worker, M master.
func nodes(text string) []Node {
	var out []Node
	for f := range strings.FieldsSeq(text) {
		id, marks, _ := strings.Cut(f, ":")
		n := Node{ID: id, Role: Hybrid, Alive: true}
		for _, m := range marks {
			switch m {
			case 'V':
				n.Voter = true
			case 'L':
				n.Voter, n.Leader = true, true
			case 'D':
				n.Alive, n.Absent = false, ReplaceAfter-1
			case 'X':
				n.Alive, n.Absent = false, ReplaceAfter
			case 'W':
				n.Role = Worker
			case 'M':
				n.Role = Master
			}
		}
		out = append(out, n)
	}
	return out
}

func TestNextStep(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, nodes string
		backups     int
		want        string
	}{
		{"one node", "a:L", 1, ""},
		{"two nodes have one voter", "a:L b", 1, ""},
		{"two voters become one", "a:V b:L", 1, "demote a"},
		{"three nodes grow", "a:L b c", 1, "promote b"},
		{"and go on", "a:L b:V c", 1, "promote c"},
		{"and stop", "a:L b:V c:V", 1, ""},
		{"growth waits until it can be by two", "a:L b c:X", 1, ""},
		{"four nodes have three voters", "a:L b:V c:V d", 1, ""},
		{"backup-count 2 wants five", "a:L b:V c:V d e", 2, "promote d"},
		{"four voters become three", "a:V b:V c:L d:V", 1, "demote d"},
		{"a dead one goes first", "a:V b:VX c:L d:V", 1, "remove b"},
		{"even if it died just now, when it is one too many", "a:V b:VD c:L d:V", 1, "remove b"},
		{"a lost voter is not replaced at once", "a:L b:V c:VD d", 1, ""},
		{"then its replacement is promoted first", "a:L b:V c:VX d", 1, "promote d"},
		{"and then it is removed", "a:L b:V c:VX d:V", 1, "remove c"},
		{"nobody to replace it: nothing changes", "a:L b:V c:VX", 1, ""},
		{"a worker does not replace it", "a:L b:V c:VX d:W", 1, ""},
		{"a dead one does not replace it", "a:L b:V c:VX d:D", 1, ""},
		{"a master does", "a:L b:V c:VX d:M", 1, "promote d"},
		{"two lost, two spares: one by one", "a:L b:V c:V d:VX e:VX f g", 2, "promote f"},
		{"remove before the next", "a:L b:V c:V d:VX e:VX f:V g", 2, "remove d"},
		{"then the next", "a:L b:V c:V e:VX f:V g", 2, "promote g"},
		{"workers never vote", "a:L b:W c:W", 3, ""},
		{"a voter that became a worker is replaced", "a:L b:V c:VW d", 1, "promote d"},
		{"and loses its vote", "a:L b:V c:VW d:V", 1, "demote c"},
		{"a vote is not taken when the rest would have no majority", "a:L c:VX e:VX w:VW x:VW", 1, ""},
		{"backup-count 0", "a:V b:L c:V", 0, "demote a"},
		{"nobody may vote", "a:W b:W", 1, ""},
		{"none", "", 1, ""},
	} {
		s, ok := NextStep(nodes(c.nodes), c.backups, ReplaceAfter)
		got := ""
		if ok {
			got = string(s.Kind) + " " + s.ID
		}
		if got != c.want {
			t.Errorf("%s (%s): %q, want %q", c.name, c.nodes, got, c.want)
		}
		if ok && s.Reason == "" {
			t.Errorf("%s: no reason", c.name)
		}
	}
}

func majority(ns []Node) bool {
	alive, voters := 0, 0
	for _, n := range ns {
		if n.Voter {
			voters++
			if n.Alive {
				alive++
			}
		}
	}
	return 2*alive > voters
}

func TestStepsKeepTheMajorityAndEnd(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		backups := rapid.IntRange(0, 4).Draw(t, "backups")
		var ns []Node
		for i := range rapid.IntRange(1, 12).Draw(t, "n") {
			n := Node{ID: fmt.Sprintf("n%02d", i), Role: rapid.SampledFrom([]Role{Hybrid, Hybrid, Master, Worker}).Draw(t, "role"),
				Voter: rapid.Bool().Draw(t, "voter"), Alive: rapid.IntRange(0, 3).Draw(t, "alive") > 0}
			if !n.Alive {
				n.Absent = rapid.SampledFrom([]time.Duration{0, ReplaceAfter, time.Hour}).Draw(t, "absent")
			}
			ns = append(ns, n)
		}
		leader := slices.IndexFunc(ns, func(n Node) bool { return n.Voter && n.Alive && n.Role.Votes() })
		if leader < 0 || !majority(ns) {
			t.Skip("no leader, no steps")
		}
		ns[leader].Leader = true
		eligible := 0
		for _, n := range ns {
			if n.Role.Votes() {
				eligible++
			}
		}
		before := slices.Clone(ns)
		for steps := 0; ; steps++ {
			if steps > 40 {
				t.Fatalf("it does not end")
			}
			shuffled := rapid.Permutation(ns).Draw(t, "order")
			s, ok := NextStep(shuffled, backups, ReplaceAfter)
			if s2, ok2 := NextStep(ns, backups, ReplaceAfter); s != s2 || ok != ok2 {
				t.Fatalf("the order of nodes matters: %v, %v", s, s2)
			}
			if !ok {
				break
			}
			i := slices.IndexFunc(ns, func(n Node) bool { return n.ID == s.ID })
			n := &ns[i]
			switch s.Kind {
			case Promote:
				if n.Voter || !n.Alive || !n.Role.Votes() {
					t.Fatalf("%v of %+v", s, *n)
				}
				n.Voter = true
			case Demote:
				if !n.Voter || n.Leader || !n.Alive {
					t.Fatalf("%v of %+v", s, *n)
				}
				n.Voter = false
			case Remove:
				if !n.Voter || n.Leader || n.Alive {
					t.Fatalf("%v of %+v", s, *n)
				}
				ns = slices.Delete(ns, i, i+1)
			}
			if !majority(ns) {
				t.Fatalf("%v costs the majority: %+v", s, ns)
			}
		}
		voters := 0
		for _, n := range ns {
			if n.Voter {
				voters++
				if n.Role == Worker && n.Alive && majorityWithout(ns, n.ID) {
					t.Fatalf("a worker votes: %+v", ns)
				}
			}
		}
		want := Voters(ns, backups, ReplaceAfter)
		if len(want)%2 == 0 || len(want) > MaxVoters || len(want) > Seats(eligible, backups) {
			t.Fatalf("%d voters are wanted", len(want))
		}
		// A loss that nobody can make up for costs no vote.
		if spare := slices.ContainsFunc(before, func(n Node) bool { return !n.Voter && n.Alive && n.Role.Votes() }); !spare {
			for _, n := range ns {
				if !n.Voter && n.Role.Votes() && n.Alive && voters < len(want) {
					t.Fatalf("%+v lost its vote", n)
				}
			}
		}
	})
}

func majorityWithout(ns []Node, id string) bool {
	return majority(slices.DeleteFunc(slices.Clone(ns), func(n Node) bool { return n.ID == id }))
}

func TestAllAliveEndsWithTheSeatsTaken(t *testing.T) {
	t.Parallel()
	for n := 1; n <= 12; n++ {
		for b := range 5 {
			ns := make([]Node, n)
			for i := range ns {
				ns[i] = Node{ID: fmt.Sprintf("n%02d", i), Role: Hybrid, Alive: true, Voter: i == n-1, Leader: i == n-1}
			}
			for {
				s, ok := NextStep(ns, b, ReplaceAfter)
				if !ok {
					break
				}
				if s.Kind != Promote {
					t.Fatalf("n=%d b=%d: %v", n, b, s)
				}
				ns[slices.IndexFunc(ns, func(m Node) bool { return m.ID == s.ID })].Voter = true
			}
			voters := 0
			for _, m := range ns {
				if m.Voter {
					voters++
				}
			}
			if voters != Seats(n, b) {
				t.Errorf("n=%d b=%d: %d voters, want %d", n, b, voters, Seats(n, b))
			}
		}
	}
}

func TestAdviceNamesWhatIsMissing(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		nodes   string
		backups int
		want    string
	}{
		{"a b c", 1, ""}, {"a b c d e", 2, ""}, {"a b", 0, ""}, {"a", 0, ""},
		{"a b", 1, "-r master"}, {"a b:W", 1, "-r master"}, {"a", 1, "single node"}, {"a b c", 2, "5 are needed"}, {"a b c d", 2, "5 are needed"},
		{"a b c d e f g h i", 4, "7 are needed"},
	} {
		got := Advice(nodes(c.nodes), c.backups)
		if (c.want == "") != (got == "") || !strings.Contains(got, c.want) {
			t.Errorf("%s, backup-count %d: %q, want %q", c.nodes, c.backups, got, c.want)
		}
	}
}
