package raft

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rqlite/rqlite/v8/command/proto"

	"seikan/db"
	"seikan/db/dbtest"
	"seikan/migrations"
)

func op(id string) db.Statement { return db.S("INSERT INTO op(id, try) VALUES (?, 0)", id) }

func TestReopenKeepsData(t *testing.T) {
	t.Parallel()
	dir, addr, id := t.TempDir(), "127.0.0.1:0", ""
	dbtest.RunReopen(t, func() (db.Store, error) {
		n, err := openNode(t, dir, addr)
		if err != nil {
			return nil, err
		}
		if id == "" {
			addr, id = n.Addr(), n.ID()
			if err := n.Bootstrap(); err != nil {
				return nil, err
			}
		}
		if n.ID() != id {
			t.Errorf("the id was %s and is %s", id, n.ID())
		}
		return closing{n.LeaderStore(), n}, n.WaitReady(soon(t))
	})
}

// closing closes the node with the store.
type closing struct {
	db.Store
	n *testNode
}

func (c closing) Close() error { return c.n.stop() }

func TestOnlyTheLeaderStoreOfTheLeaderWrites(t *testing.T) {
	t.Parallel()
	nodes := three(t)
	res, err := nodes[1].LeaderStore().Write(soon(t), op("a"))
	var not *NotLeaderError
	if res.Outcome != db.Refused || !errors.As(err, &not) || not.ID != nodes[0].ID() || not.Addr != nodes[0].Addr() {
		t.Errorf("write on a follower is %v: %v", res.Outcome, err)
	}
	if _, err := nodes[1].LeaderStore().Query(soon(t), db.S("SELECT 1")); !errors.Is(err, ErrNotLeader) {
		t.Errorf("query on a follower: %v", err)
	}
	write(t, nodes[2].Forwarding(), op("b"))
	for _, n := range nodes {
		if got := number(t, n.Forwarding(), "SELECT count(*) FROM op"); got != 1 {
			t.Errorf("node %s sees %d rows", n.ID(), got)
		}
	}
	until(t, "a follower's own copy has it", func() bool {
		rows, err := nodes[1].LeaderStore().Query(db.Stale(soon(t)), db.S("SELECT count(*) FROM op"))
		return err == nil && rows.Values[0][0] == int64(1)
	})
}

func TestDeposedLeaderCannotWrite(t *testing.T) {
	t.Parallel()
	nodes := three(t)
	changes, cancel := nodes[1].LeaderChanges()
	defer cancel()
	if err := nodes[0].Stepdown(nodes[1].ID()); err != nil {
		t.Fatal(err)
	}
	for !nodes[1].IsLeader() {
		select {
		case <-changes:
		case <-soon(t).Done():
			t.Fatal("the new leader was not told")
		}
	}
	until(t, "the old leader knows", func() bool { return !nodes[0].IsLeader() })
	if res, err := nodes[0].LeaderStore().Write(soon(t), op("a")); res.Outcome != db.Refused || !errors.Is(err, ErrNotLeader) {
		t.Errorf("write is %v: %v", res.Outcome, err)
	}
	nodes[1].ready(t)
	write(t, nodes[1].LeaderStore(), op("a"))
}

// A leader that is cut off refuses or does not know; what it does not know turns out one way.
func TestLeaderWithoutMajorityKnowsNothing(t *testing.T) {
	t.Parallel()
	nodes := three(t)
	nodes[1].kill()
	nodes[2].kill()
	res, err := nodes[0].LeaderStore().Write(soon(t), op("a"))
	if res.Outcome != db.Unknown || err == nil {
		t.Errorf("write without a majority is %v: %v", res.Outcome, err)
	}
	until(t, "the leader gives up", func() bool { return !nodes[0].IsLeader() })
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if res, err := nodes[0].Forwarding().Write(ctx, op("b")); res.Outcome != db.Refused || !errors.Is(err, ErrNotLeader) || !strings.Contains(err.Error(), "majority") {
		t.Errorf("write without a leader is %v: %v", res.Outcome, err)
	}
	for i := range nodes[1:] {
		nodes[i+1] = nodes[i+1].again(t)
	}
	s := leaderOf(t, nodes).Forwarding()
	write(t, s, op("c"))
	if n := number(t, s, "SELECT count(*) FROM op WHERE id = 'b'"); n != 0 {
		t.Error("a refused write is there")
	}
}

func TestRestartOfAllNodesKeepsDataAndIDs(t *testing.T) {
	t.Parallel()
	nodes := three(t)
	for i := range 30 {
		write(t, nodes[i%3].Forwarding(), op(fmt.Sprint(i)))
	}
	if err := nodes[0].Snapshot(); err != nil {
		t.Fatal(err)
	}
	write(t, nodes[0].Forwarding(), op("after the snapshot"))
	var ids []string
	for _, n := range nodes {
		ids = append(ids, n.ID())
		if err := n.stop(); err != nil {
			t.Error(err)
		}
	}
	for i, n := range nodes {
		nodes[i] = n.again(t)
		if nodes[i].ID() != ids[i] {
			t.Errorf("id was %s and is %s", ids[i], nodes[i].ID())
		}
	}
	for _, n := range nodes {
		if got := number(t, n.Forwarding(), "SELECT count(*) FROM op"); got != 31 {
			t.Errorf("node %s sees %d rows, want 31", n.ID(), got)
		}
	}
}

func TestReplacedNodeAtTheSameAddressIsTakenIn(t *testing.T) {
	t.Parallel()
	nodes := three(t)
	write(t, nodes[0].LeaderStore(), op("a"))
	old := nodes[2]
	old.kill()
	fresh := mustOpen(t, t.TempDir(), old.Addr())
	if fresh.ID() == old.ID() {
		t.Fatal("the new disk has the old id")
	}
	// By way of a follower, which passes it on.
	if err := fresh.Join(soon(t), []string{nodes[1].Addr()}, true); err != nil {
		t.Fatal(err)
	}
	fresh.ready(t)
	members, err := nodes[0].Members()
	if err != nil || len(members) != 3 {
		t.Fatalf("members are %v (%v)", members, err)
	}
	for _, m := range members {
		if m.ID == old.ID() || !m.Voter {
			t.Errorf("member %v", m)
		}
	}
	if err := fresh.Join(soon(t), []string{nodes[0].Addr()}, true); err != nil {
		t.Errorf("joining twice: %v", err)
	}
	nodes[1].kill() // the new one's vote is needed now
	write(t, fresh.Forwarding(), op("b"))
}

func TestNonVoterFollowsAndCanBePromoted(t *testing.T) {
	t.Parallel()
	first := single(t)
	worker := mustOpen(t, t.TempDir(), "127.0.0.1:0")
	if empty, err := worker.Empty(); err != nil || !empty {
		t.Errorf("new node is empty: %v (%v)", empty, err)
	}
	if err := worker.Join(soon(t), []string{"127.0.0.1:1", first.Addr()}, false); err != nil {
		t.Fatal(err)
	}
	worker.ready(t)
	write(t, worker.Forwarding(), op("a"))
	if err := first.Stepdown(""); err == nil {
		t.Error("the only voter steps down")
	}
	voters := func() (n int) {
		members, _ := first.Members()
		for _, m := range members {
			if m.Voter {
				n++
			}
		}
		return n
	}
	if n := voters(); n != 1 {
		t.Fatalf("%d voters", n)
	}
	if err := worker.SetVoter(soon(t), worker.ID(), true); err != nil { // asked of a follower
		t.Fatal(err)
	}
	if n := voters(); n != 2 {
		t.Errorf("%d voters after promotion", n)
	}
	write(t, worker.Forwarding(), op("b"))
	if err := first.Stepdown(worker.ID()); err != nil {
		t.Fatal(err)
	}
	worker.ready(t)
	until(t, "the promoted node leads", worker.IsLeader)
	if err := worker.SetVoter(soon(t), worker.ID(), false); err == nil {
		t.Error("the leader loses its vote")
	}
	if err := worker.SetVoter(soon(t), first.ID(), false); err != nil {
		t.Fatal(err)
	}
	if err := worker.Remove(soon(t), first.ID()); err != nil {
		t.Fatal(err)
	}
	if members, _ := worker.Members(); len(members) != 1 {
		t.Errorf("members are %v", members)
	}
	write(t, worker.LeaderStore(), op("c"))
}

// A voter that nobody reaches would take the majority of a cluster of one away.
func TestUnreachableJoinerIsNotTakenIn(t *testing.T) {
	t.Parallel()
	first := single(t)
	for _, wrong := range []string{"127.0.0.1:1", first.Addr()} {
		n := mustOpen(t, t.TempDir(), "127.0.0.1:0", func(c *Config) { c.Advertise = wrong })
		if err := n.Join(soon(t), []string{first.Addr()}, true); err == nil || !strings.Contains(err.Error(), "address") {
			t.Errorf("joining as %s: %v", wrong, err)
		}
	}
	write(t, first.LeaderStore(), op("a"))
	if members, _ := first.Members(); len(members) != 1 {
		t.Errorf("members are %v", members)
	}
}

func TestNodesTellWhoIsThere(t *testing.T) {
	t.Parallel()
	nodes := three(t)
	nodes[2].kill()
	peers, err := nodes[1].Nodes(soon(t), 2*time.Second)
	if err != nil || len(peers) != 3 {
		t.Fatalf("nodes are %v (%v)", peers, err)
	}
	leader, _ := nodes[1].Leader()
	for _, p := range peers {
		if p.Reachable != (p.ID != nodes[2].ID()) || p.Leader != (p.ID == leader) || p.Reachable && p.CommitIndex == 0 {
			t.Errorf("%+v", p)
		}
	}
}

func TestFollowersTakeOverWhenTheLeaderIsKilled(t *testing.T) {
	t.Parallel()
	nodes := three(t)
	write(t, nodes[0].LeaderStore(), op("a"))
	nodes[0].kill()
	write(t, nodes[1].Forwarding(), op("b"))
	// Back at its old address: pooled connections to it are dead, and nobody notices.
	back := nodes[0].again(t).ready(t)
	write(t, back.Forwarding(), op("c"))
	if got := number(t, nodes[2].Forwarding(), "SELECT count(*) FROM op"); got != 3 {
		t.Errorf("%d rows", got)
	}
}

func TestStaleConnectionsDoNotMakeWritesUnknown(t *testing.T) {
	t.Parallel()
	nodes := three(t)
	var wg sync.WaitGroup
	for i := range 16 { // leaves pooled connections to the leader, more than the rest of this test uses up
		wg.Go(func() { write(t, nodes[1].Forwarding(), op(fmt.Sprint(i))) })
	}
	wg.Wait()
	nodes[0].kill()
	nodes[0] = nodes[0].again(t)
	var leader *testNode // found without a word from nodes[1]
	until(t, "there is a leader", func() bool {
		for _, n := range nodes {
			if n.IsLeader() && n.schemaReady() {
				leader = n
			}
		}
		return leader != nil
	})
	if leader != nodes[0] {
		until(t, "the old leader takes over", func() bool { return leader.Stepdown(nodes[0].ID()) == nil })
	}
	until(t, "the old leader leads again", func() bool { id, _ := nodes[1].Leader(); return id == nodes[0].ID() && nodes[0].IsLeader() })
	if res, err := nodes[1].Forwarding().Write(soon(t), op("b")); err != nil {
		t.Errorf("write is %v: %v", res.Outcome, err)
	}
}

// A program that cannot work on the cluster's schema is not taken in; a member that is started
// with one says so, and does not go on as leader.
func TestNewerSchemaIsSaid(t *testing.T) {
	t.Parallel()
	all := migrations.All()
	next := append(all[:len(all):len(all)], migrations.Migration{Version: len(all) + 1, Name: "later", SQL: []string{"CREATE TABLE later (a INTEGER) STRICT"}})
	newer := func(c *Config) { c.Migrations = next }
	first := single(t, newer)
	old := mustOpen(t, t.TempDir(), "127.0.0.1:0")
	if err := old.Join(soon(t), []string{first.Addr()}, false); err == nil || !strings.Contains(err.Error(), fmt.Sprintf("knows schema %d", len(all))) {
		t.Errorf("an older program joins: %v", err)
	}
	member := mustOpen(t, t.TempDir(), "127.0.0.1:0", newer)
	if err := member.Join(soon(t), []string{first.Addr()}, true); err != nil {
		t.Fatal(err)
	}
	member.ready(t)
	if err := member.stop(); err != nil {
		t.Fatal(err)
	}
	member = member.again(t)
	if err := member.WaitReady(soon(t)); !errors.Is(err, db.ErrNewer) {
		t.Errorf("an older follower says %v", err)
	}
	_ = first.Stepdown(member.ID())
	until(t, "the newer program leads again", func() bool { return first.IsLeader() && !member.IsLeader() })
	first.ready(t)
	write(t, first.LeaderStore(), op("a"))

	alone := single(t, newer)
	if err := alone.stop(); err != nil {
		t.Fatal(err)
	}
	if err := alone.again(t).WaitReady(soon(t)); !errors.Is(err, db.ErrNewer) {
		t.Errorf("an older leader says %v", err)
	}
}

func TestSecondProcessIsKeptOut(t *testing.T) {
	t.Parallel()
	n := single(t)
	if _, err := openNode(t, n.cfg.Dir, "127.0.0.1:0"); err == nil || !strings.Contains(err.Error(), "another process") {
		t.Errorf("error is %v", err)
	}
}

func TestClosedNodeRefuses(t *testing.T) {
	t.Parallel()
	n := single(t)
	if err := errors.Join(n.Close(), n.Close()); err != nil {
		t.Fatal(err)
	}
	if res, err := n.LeaderStore().Write(soon(t), op("a")); res.Outcome != db.Refused || err == nil {
		t.Errorf("write is %v: %v", res.Outcome, err)
	}
	if _, err := n.Forwarding().Query(soon(t), db.S("SELECT 1")); err == nil {
		t.Error("query works")
	}
	if err := n.WaitReady(soon(t)); !errors.Is(err, ErrClosed) {
		t.Errorf("waiting gives %v", err)
	}
}

// The other process is this test binary; it prints the number of each row that is Done.
func TestWhatWasDoneSurvivesKill(t *testing.T) {
	if dir := os.Getenv("SEIKAN_TEST_RAFT_DIR"); dir != "" {
		n := mustOpen(t, dir, "127.0.0.1:"+os.Getenv("SEIKAN_TEST_RAFT_PORT"), func(c *Config) { c.SnapshotEntries = 50 })
		if empty, _ := n.Empty(); empty {
			if err := n.Bootstrap(); err != nil {
				t.Fatal(err)
			}
		}
		n.ready(t)
		for i := number(t, n.LeaderStore(), "SELECT count(*) FROM op"); ; i++ {
			write(t, n.LeaderStore(), op(fmt.Sprint(i)))
			fmt.Println("done", i+1)
		}
	}
	t.Parallel()
	dir := t.TempDir()
	free := listen(t, "127.0.0.1:0")
	_, port, _ := strings.Cut(free.Addr().String(), ":")
	_ = free.Close()
	last := int64(0)
	for round := range 4 {
		cmd := exec.Command(os.Args[0], "-test.run=^TestWhatWasDoneSurvivesKill$")
		cmd.Env = append(os.Environ(), "SEIKAN_TEST_RAFT_DIR="+dir, "SEIKAN_TEST_RAFT_PORT="+port)
		out, err := cmd.StdoutPipe()
		if err == nil {
			err = cmd.Start()
		}
		if err != nil {
			t.Fatal(err)
		}
		lines := bufio.NewScanner(out)
		for n := 0; lines.Scan(); n++ {
			if n == 40+23*round {
				_ = cmd.Process.Kill()
			}
			var id int64
			if _, err := fmt.Sscanf(lines.Text(), "done %d", &id); err == nil {
				if id <= last {
					t.Fatalf("round %d: row %d is done, but row %d was", round, id, last)
				}
				last = id
			}
		}
		_ = cmd.Wait()
	}
	n := mustOpen(t, dir, "127.0.0.1:"+port).ready(t)
	if got := number(t, n.LeaderStore(), "SELECT count(*) FROM op"); got < last || last == 0 {
		t.Errorf("%d writes were done, there are %d rows", last, got)
	}
}

// rqlite's linearizable read waits in vain then; see query.
func TestReadsGoOnAfterMembersChange(t *testing.T) {
	t.Parallel()
	first := single(t)
	number(t, first.LeaderStore(), "SELECT count(*) FROM op") // makes this term's reads linearizable
	if err := first.st.Join(&proto.JoinRequest{Id: "nobody", Address: "127.0.0.1:1", Voter: false}); err != nil {
		t.Fatal(err)
	}
	if got := number(t, first.LeaderStore(), "SELECT count(*) FROM op"); got != 0 {
		t.Errorf("%d rows", got)
	}
}
