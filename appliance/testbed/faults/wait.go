package faults

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"time"
)

// Wait asks until so says yes, or ends the test with what it said last; the logs follow.
func (c *Cluster) Wait(what string, within time.Duration, so func(context.Context) error) {
	c.t.Helper()
	ctx, cancel := context.WithTimeout(c.t.Context(), within)
	defer cancel()
	for {
		err := so(ctx)
		if err == nil {
			return
		}
		select {
		case <-ctx.Done():
			c.t.Fatalf("waited %v in vain for this: %s; last: %v", within, what, err)
		case <-time.After(10 * time.Millisecond):
		}
	}
}

// WaitReady waits until every running node serves.
func (c *Cluster) WaitReady() {
	c.t.Helper()
	for _, n := range c.Nodes {
		select {
		case <-n.ended:
			continue
		default:
		}
		c.Wait(fmt.Sprintf("node %d is ready", n.Index), 30*time.Second, func(ctx context.Context) error {
			a, err := n.About(ctx)
			if err == nil && !a.Ready {
				err = fmt.Errorf("it is not: %+v", a)
			}
			return err
		})
	}
}

// WaitEnded waits until a node's process has ended by itself.
func (c *Cluster) WaitEnded(n *Node) {
	c.t.Helper()
	c.Wait(fmt.Sprintf("node %d ends", n.Index), 30*time.Second, func(context.Context) error {
		select {
		case <-n.ended:
			return nil
		default:
			return errors.New("it runs")
		}
	})
}

// WaitSaid waits until a node has said something to its output.
func (c *Cluster) WaitSaid(n *Node, words string) {
	c.t.Helper()
	c.Wait(fmt.Sprintf("node %d says %q", n.Index, words), 20*time.Second, func(context.Context) error {
		text, err := os.ReadFile(n.log())
		if err == nil && !bytes.Contains(text, []byte(words)) {
			err = errors.New("it does not")
		}
		return err
	})
}

// WaitMore waits until a node's output has so many more rows than now.
func (c *Cluster) WaitMore(n *Node, rows int) {
	c.t.Helper()
	want := n.Said() + rows
	c.Wait(fmt.Sprintf("node %d says row %d", n.Index, want), 20*time.Second, func(context.Context) error {
		if said := n.Said(); said < want {
			return fmt.Errorf("%d are said", said)
		}
		return nil
	})
}

// WaitVoters waits until n nodes have votes.
func (c *Cluster) WaitVoters(n int) {
	c.t.Helper()
	c.Wait(fmt.Sprintf("%d nodes vote", n), 20*time.Second, func(ctx context.Context) error {
		s, err := c.Nodes[0].Status(ctx)
		voters := 0
		for _, m := range s.Nodes {
			if m.Voter {
				voters++
			}
		}
		if err == nil && voters != n {
			err = fmt.Errorf("%d do", voters)
		}
		return err
	})
}

// WaitClock waits until a node tells the time so far ahead of the test's, or near enough.
func (c *Cluster) WaitClock(n *Node, ahead time.Duration) {
	c.t.Helper()
	c.Wait(fmt.Sprintf("the clock of node %d is %v ahead", n.Index, ahead), patience, func(ctx context.Context) error {
		v, err := n.Metrics(ctx, "cluster_time")
		if off := time.Until(time.UnixMilli(int64(v["cluster_time"]))) - ahead; err == nil && off.Abs() > time.Minute {
			err = fmt.Errorf("it is %v off", off)
		}
		return err
	})
}

// WaitMaster waits until a node of among is master in the eyes of all of them, and returns it.
func (c *Cluster) WaitMaster(among ...*Node) (master *Node) {
	c.t.Helper()
	if len(among) == 0 {
		among = c.Nodes
	}
	c.Wait("a master", 30*time.Second, func(ctx context.Context) error {
		master = nil
		ctx, cancel := context.WithTimeout(ctx, 300*time.Millisecond) // without a master it takes its time to answer
		defer cancel()
		for _, n := range among {
			a, err := n.About(ctx)
			if err != nil {
				return err
			}
			m := c.at(a.Master)
			if m == nil || master != nil && m != master {
				return fmt.Errorf("node %d sees %q as master", n.Index, a.Master)
			}
			master = m
		}
		for _, n := range among {
			if n == master {
				return nil
			}
		}
		return fmt.Errorf("node %d is master", master.Index)
	})
	return master
}

// at is the node at an address, nil when there is none. A node alone is on loopback.
func (c *Cluster) at(addr string) *Node {
	for _, n := range c.Nodes {
		if addr == address(n.Index)+":5801" || len(c.Nodes) == 1 && addr == "127.0.0.1:5801" {
			return n
		}
	}
	return nil
}

// Others are all nodes but these.
func (c *Cluster) Others(than ...*Node) (out []*Node) {
next:
	for _, n := range c.Nodes {
		for _, t := range than {
			if n == t {
				continue next
			}
		}
		out = append(out, n)
	}
	return out
}

// Submit hands a job in and fails the test if it is refused.
func (c *Cluster) Submit(at *Node, text string) string {
	c.t.Helper()
	id, err := at.Submit(c.t.Context(), text)
	if err != nil {
		c.t.Fatal(err)
	}
	return id
}

// WaitStatus waits until a job is in a status; another end ends the test.
func (c *Cluster) WaitStatus(id, status string, within time.Duration, asked ...*Node) (j Job) {
	c.t.Helper()
	if len(asked) == 0 {
		asked = c.Nodes
	}
	c.Wait("job "+id+" is "+status, within, func(ctx context.Context) (err error) {
		for _, n := range asked {
			if j, err = n.Job(ctx, id); err == nil {
				break
			}
		}
		switch {
		case err != nil:
			return err
		case j.Status == status:
			return nil
		case j.Status == "FINISHED" || j.Status == "FAILED" || j.Status == "CANCELED":
			c.t.Fatalf("job %s is %s: %s", id, j.Status, j.ErrorMsg)
		}
		return fmt.Errorf("it is %s", j.Status)
	})
	return j
}

// WaitTasks waits until the master knows of running tasks of a job, and returns their nodes.
func (c *Cluster) WaitTasks(id string, want int, asked ...*Node) (at map[*Node][]Task) {
	c.t.Helper()
	if len(asked) == 0 {
		asked = c.Nodes
	}
	c.Wait(fmt.Sprintf("%d tasks of job %s run", want, id), 30*time.Second, func(ctx context.Context) error {
		var s Status
		var err error
		for _, n := range asked {
			if s, err = n.Status(ctx); err == nil {
				break
			}
		}
		if err != nil {
			return err
		}
		at = map[*Node][]Task{}
		running := 0
		for _, m := range s.Nodes {
			for _, t := range m.Tasks {
				if t.Job == id && t.Pipeline > 0 && t.State == "RUNNING" {
					running++
					n := c.at(m.Addr)
					at[n] = append(at[n], t)
				}
			}
		}
		if running != want {
			return fmt.Errorf("%d do: %+v", running, s.Nodes)
		}
		return nil
	})
	return at
}

// running asks whether all tasks of a job run, none of them on a node that is away.
func running(c *Cluster, id string, away *Node, asked []*Node) func(context.Context) error {
	return func(ctx context.Context) (err error) {
		var s Status
		for _, n := range asked {
			if s, err = n.Status(ctx); err == nil {
				break
			}
		}
		heads := 0
		for _, m := range s.Nodes {
			for _, t := range m.Tasks {
				if t.Job == id && t.Attempt > 1 && t.State == "RUNNING" && t.Role != "head" && c.at(m.Addr) != away {
					heads++
				}
			}
		}
		if err == nil && heads == 0 {
			err = fmt.Errorf("no task of a later attempt runs: %+v", s.Nodes)
		}
		return err
	}
}
