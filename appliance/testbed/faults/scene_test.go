//go:build faults

package faults

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"sync"
	"testing"
	"time"
)

// scene is a cluster with a ledger job in the middle of its rows.
type scene struct {
	*Cluster
	t      *testing.T
	ledger Ledger
	id     string
	home   *Node // runs the job's tasks
	master *Node
	random *rand.Rand
}

// chosen is the seed of the faults' moments: SEIKAN_SEED, else the commit's id.
var chosen = sync.OnceValues(func() (uint64, error) {
	text := os.Getenv("SEIKAN_SEED")
	if text == "" {
		out, err := exec.Command("git", "rev-parse", "HEAD").Output()
		if err != nil || len(out) < 16 {
			return rand.Uint64(), nil // there is no repository
		}
		text = string(out[:16])
	}
	n, err := strconv.ParseUint(text, 16, 64)
	if err != nil {
		return 0, fmt.Errorf("SEIKAN_SEED %q is not a hexadecimal number", text)
	}
	return n, nil
})

// soak is how often each scene is played with SEIKAN_SOAK: more than 300 kills, 60 pauses and 60
// cuts in all; TestMain prints how many they were.
const soak = 12

// under runs a ledger job, does something to the cluster when it is somewhere in the middle,
// and checks the ledger when the job is FINISHED. With SEIKAN_SOAK it does so many times.
func under(t *testing.T, n int, o Options, l Ledger, fault func(*scene)) {
	t.Helper()
	t.Parallel()
	rounds := 1
	if os.Getenv("SEIKAN_SOAK") != "" {
		rounds = soak
	}
	s, err := chosen()
	if err != nil {
		t.Fatal(err)
	}
	for round := range rounds {
		t.Run(fmt.Sprintf("SEIKAN_SEED=%x,%d", s, round), func(t *testing.T) {
			play(t, n, o, l, rand.New(rand.NewPCG(s, uint64(round))), fault)
		})
	}
}

func play(t *testing.T, n int, o Options, l Ledger, random *rand.Rand, fault func(*scene)) {
	t.Helper()
	c := Start(t, n, o)
	if n > 1 {
		c.WaitVoters(min(n, 2*o.BackupCount+1))
	}
	for _, n := range c.Nodes {
		l.Write(t, n.Data)
	}
	s := &scene{Cluster: c, t: t, ledger: l, random: random}
	s.id = c.Submit(c.Nodes[random.IntN(n)], l.Text())
	for home := range c.WaitTasks(s.id, 3) {
		s.home = home
	}
	s.master = c.WaitMaster()
	s.waitRows(l.Rows * (5 + random.IntN(30)) / 100)
	fault(s)
	j := c.WaitStatus(s.id, "FINISHED", time.Minute)
	l.Count(t, s.home.Data, j)
}

// waitRows waits until the target holds so many rows.
func (s *scene) waitRows(n int) {
	s.t.Helper()
	s.Wait(fmt.Sprintf("%d rows are committed", n), 30*time.Second, func(context.Context) error {
		rows, err := s.ledger.Committed(s.home.Data)
		if err == nil && rows < n {
			err = fmt.Errorf("%d are", rows)
		}
		return err
	})
}

// more waits until more rows are committed than now, if there are more.
func (s *scene) more() {
	s.t.Helper()
	rows, err := s.ledger.Committed(s.home.Data)
	if err != nil {
		s.t.Fatal(err)
	}
	if rows == s.ledger.Rows {
		s.t.Log("the job was done before the faults were")
		return
	}
	s.waitRows(rows + 1)
}

// measure logs how long something took, for people who measure.
func (s *scene) measure(what string, do func()) {
	s.t.Helper()
	began := time.Now()
	do()
	s.t.Logf("measured: %s: %d ms", what, time.Since(began).Milliseconds())
}

// succeed takes the master away and waits until another is in charge, in the eyes of all but it
// and those that are also away. Rows pass on the node with the tasks while nobody is. (P4)
func (s *scene) succeed(what string, fault func(), away ...*Node) {
	s.t.Helper()
	left := s.Others(append(away, s.master)...)
	enough := watch(s.t, what, s.home.Said)
	fault()
	rows := s.home.Said()
	s.measure(what+", new master", func() { s.master = s.WaitMaster(left...) })
	if s.home.Said() == rows {
		s.t.Errorf("%s: no row passed before there was another", what)
	}
	s.WaitMore(s.home, 1)
	enough()
}

// apart makes sure that the master is not where the tasks are.
func (s *scene) apart() {
	s.t.Helper()
	if s.master == s.home {
		s.lead(s.Others(s.home)[s.random.IntN(len(s.Nodes)-1)])
	}
}

// together makes the node with the tasks master.
func (s *scene) together() {
	s.t.Helper()
	if s.master != s.home {
		s.lead(s.home)
	}
}

func (s *scene) lead(n *Node) {
	s.t.Helper()
	a, err := n.About(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	if err := s.master.Transfer(s.t.Context(), a.Node); err != nil {
		s.t.Fatal(err)
	}
	if s.master = s.WaitMaster(); s.master != n {
		s.t.Fatalf("node %d is master, not node %d", s.master.Index, n.Index)
	}
}

// undisturbed checks that nothing of the job was started a second time. (P4)
func (s *scene) undisturbed() {
	s.t.Helper()
	s.WaitStatus(s.id, "FINISHED", time.Minute)
	for _, n := range s.Nodes {
		attempts, err := n.Attempts(s.t.Context(), s.id)
		if err != nil {
			continue // it may be away
		}
		if len(attempts) != 1 || attempts[0] != 1 {
			s.t.Errorf("the attempts of the pipelines are %v: its tasks were touched", attempts)
		}
		return
	}
	s.t.Error("no node tells the attempts")
}

// watch looks at how a number of rows grows until the function it returns is called, which tells
// and logs the longest time without a row.
func watch(t testing.TB, what string, rows func() int) (enough func() time.Duration) {
	ctx, cancel := context.WithCancel(t.Context())
	longest := make(chan time.Duration, 1)
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		var most time.Duration
		last, at := rows(), time.Now()
		for ctx.Err() == nil {
			<-tick.C
			if n := rows(); n != last {
				last, at = n, time.Now()
			}
			most = max(most, time.Since(at))
		}
		longest <- most
	}()
	return func() time.Duration {
		t.Helper()
		cancel()
		most := <-longest
		t.Logf("measured: %s, longest time without a row: %d ms", what, most.Milliseconds())
		return most
	}
}
