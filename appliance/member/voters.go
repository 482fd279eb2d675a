package member

import (
	"cmp"
	"fmt"
	"slices"
	"time"
)

// Node is a member as the choice of voters sees it.
type Node struct {
	ID    string
	Role  Role
	Voter bool
	// Leader cannot lose its vote.
	Leader bool
	// Alive: it answers and, as long as it does not vote, its log is close behind the leader's.
	Alive bool
	// Absent is how long it has not been alive.
	Absent time.Duration
}

// MaxVoters is the most that a cluster has: more only make writing slower.
const MaxVoters = 7

// ReplaceAfter is how long a lost voter keeps its place by default.
const ReplaceAfter = time.Minute

// Seats is how many of n nodes that may vote do, so that backupCount of them may fail: the
// largest odd number ≤ min(n, 2·backupCount + 1), at most MaxVoters; 0 if there are none.
func Seats(n, backupCount int) int {
	want := MaxVoters
	if b := max(backupCount, 0); b < MaxVoters/2 {
		want = 2*b + 1
	}
	if seats := min(n, want); seats > 0 {
		return seats - (seats+1)%2
	}
	return 0
}

// StepKind is a change of one member.
type StepKind string

const (
	Promote StepKind = "promote" // give it a vote
	Demote  StepKind = "demote"  // take its vote; it goes on as a follower
	Remove  StepKind = "remove"  // take it out of the cluster; it joins again when it comes back
)

// Step is the next change to the voters.
type Step struct {
	Kind   StepKind
	ID     string
	Reason string
}

// NextStep is the one change that brings the voters closest to Voters now, and false if there is
// none. The leader carries it out and asks again: a replacement is promoted before the lost voter
// is removed, and there is never more than one too many.
func NextStep(nodes []Node, backupCount int, replaceAfter time.Duration) (Step, bool) {
	want := Voters(nodes, backupCount, replaceAfter)
	if len(want) == 0 {
		return Step{}, false
	}
	nodes = slices.Clone(nodes)
	slices.SortFunc(nodes, func(a, b Node) int { return cmp.Compare(a.ID, b.ID) })
	voters, alive := 0, 0
	var in, out *Node
	for i := range nodes {
		n := &nodes[i]
		wanted := slices.Contains(want, n.ID)
		switch {
		case n.Voter:
			voters++
			if n.Alive {
				alive++
			}
			// The dead first, and the leader never: it would have to step down before.
			if !wanted && !n.Leader && (out == nil || out.Alive && !n.Alive) {
				out = n
			}
		case wanted && in == nil:
			in = n
		}
	}
	if out != nil && out.Alive && 2*(alive-1) <= voters-1 {
		out = nil // the others would have no majority
	}
	switch {
	case out != nil && (voters > len(want) || in == nil):
		if !out.Alive {
			return Step{Remove, out.ID, fmt.Sprintf("it has been away for %v, and %d voters are enough without it", out.Absent.Round(time.Second), len(want))}, true
		}
		reason := fmt.Sprintf("%d voters are enough", len(want))
		if !out.Role.Votes() {
			reason = "its role is " + string(out.Role)
		}
		return Step{Demote, out.ID, reason}, true
	case in != nil:
		return Step{Promote, in.ID, fmt.Sprintf("%d of %d voters are there", voters, len(want))}, true
	}
	return Step{}, false
}

// Voters are the ids that should vote, sorted. Those who vote keep doing so, and a lost one is
// given up only for a live node: with nobody to replace it, a loss changes nothing.
func Voters(nodes []Node, backupCount int, replaceAfter time.Duration) []string {
	// preference of a node; 0: it cannot vote now.
	preference := func(n Node) int {
		switch {
		case !n.Role.Votes():
			return 0
		case n.Voter && n.Leader:
			return 1
		case n.Voter && n.Alive:
			return 2
		case n.Voter && n.Absent < replaceAfter:
			return 3
		case !n.Voter && n.Alive:
			return 4
		case n.Voter:
			return 5
		}
		return 0
	}
	eligible := 0
	var able []Node
	for _, n := range nodes {
		if n.Role.Votes() {
			eligible++
		}
		if preference(n) > 0 {
			able = append(able, n)
		}
	}
	slices.SortFunc(able, func(a, b Node) int {
		return cmp.Or(cmp.Compare(preference(a), preference(b)), cmp.Compare(a.ID, b.ID))
	})
	// An even number would gain nothing; growth waits until it can be by two.
	seats := min(Seats(eligible, backupCount), Seats(len(able), MaxVoters))
	ids := make([]string, seats)
	for i := range ids {
		ids[i] = able[i].ID
	}
	slices.Sort(ids)
	return ids
}

// Advice says what an administrator should know about how many nodes may fail; empty if the
// cluster keeps what backupCount asks for.
func Advice(nodes []Node, backupCount int) string {
	eligible := 0
	for _, n := range nodes {
		if n.Role.Votes() {
			eligible++
		}
	}
	seats := Seats(eligible, backupCount)
	may := max(seats-1, 0) / 2
	switch {
	case backupCount <= may || eligible == 0:
		return ""
	case eligible <= 2 && len(nodes) > 1:
		return "one node alone holds the vote: when it is lost, the cluster stops until `seikan cluster recover`; a third, small node with `-r master` fixes that"
	case eligible == 1:
		return "a single node keeps no copy of its state elsewhere"
	}
	return fmt.Sprintf("backup-count is %d, but with %d nodes that may vote only %d may fail: %d are needed", backupCount, eligible, may, min(2*backupCount+1, MaxVoters))
}
