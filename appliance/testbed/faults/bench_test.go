//go:build faults

package faults

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// The figures of a cluster, all nodes on this machine: `make bench`. Each run of a benchmark does
// it once; -benchtime 5x gives the mean of five.

// product is a cluster with the product's own lease.
func product() Options { return calm() }

// since reports the mean of times in milliseconds.
func since(b *testing.B, name string, total time.Duration) {
	b.ReportMetric(float64(total.Microseconds())/1000/float64(b.N), name+"-ms")
}

// answers waits until a node's REST API does.
func (n *Node) answers(b *testing.B) {
	b.Helper()
	for deadline := time.Now().Add(30 * time.Second); n.request(b.Context(), http.MethodGet, "8080", "/overview", "", nil) != nil; time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			b.Fatal("the REST API does not answer")
		}
	}
}

// BenchmarkStart is the time from the start of a node with an empty disk until REST answers and
// until it takes work.
func BenchmarkStart(b *testing.B) {
	for name, nodes := range map[string]int{"alone": 1, "joining": 3} {
		b.Run(name, func(b *testing.B) {
			c := Start(b, nodes, product())
			c.WaitVoters(nodes)
			master := c.WaitMaster()
			n := append(c.Others(master), master)[0]
			var rest, ready time.Duration
			for b.Loop() {
				began := time.Now()
				n.Replace()
				n.answers(b)
				rest += time.Since(began)
				c.WaitReady()
				ready += time.Since(began)
			}
			since(b, "rest", rest)
			since(b, "ready", ready)
		})
	}
}

// BenchmarkIdle is what a node that does nothing takes for 30 seconds.
func BenchmarkIdle(b *testing.B) {
	c := Start(b, 3, product())
	c.WaitVoters(3)
	const long = 30
	usage := func(n *Node) (cpu, memory float64) {
		v, err := n.Metrics(b.Context(), "process_cpu_seconds_total", "process_resident_memory_bytes")
		if err != nil {
			b.Fatal(err)
		}
		return v["process_cpu_seconds_total"], v["process_resident_memory_bytes"]
	}
	for b.Loop() {
		var before [3]float64
		for i, n := range c.Nodes {
			before[i], _ = usage(n)
		}
		time.Sleep(long * time.Second)
		master := c.WaitMaster()
		for i, n := range c.Nodes {
			role := "follower"
			if n == master {
				role = "master"
			}
			cpu, memory := usage(n)
			b.ReportMetric((cpu-before[i])*100/long, role+"-%core")
			b.ReportMetric(memory/(1<<20), role+"-MiB")
		}
	}
}

// BenchmarkOneRow is the time from submit to FINISHED of a one-row job.
func BenchmarkOneRow(b *testing.B) {
	for _, nodes := range []int{1, 3} {
		b.Run(fmt.Sprintf("nodes=%d", nodes), func(b *testing.B) {
			c := Start(b, nodes, product())
			c.WaitVoters(nodes)
			var took time.Duration
			once := func() {
				began := time.Now()
				id := c.Submit(c.Nodes[0], oneRow)
				for j := (Job{}); j.Status != "FINISHED"; time.Sleep(2 * time.Millisecond) {
					var err error
					if j, err = c.Nodes[0].Job(b.Context(), id); err != nil || j.Status == "FAILED" {
						b.Fatal(err, j)
					}
				}
				took += time.Since(began)
			}
			for range 5 {
				once()
			}
			took = 0
			for b.Loop() {
				for range 20 {
					once()
				}
			}
			since(b, "job", took/20)
		})
	}
}

// BenchmarkMasterGone is the longest time without a row of a job that has no task on the master,
// and the time until another is master.
func BenchmarkMasterGone(b *testing.B) {
	for name, fault := range map[string]func(*Cluster, *Node){
		"killed":      func(_ *Cluster, n *Node) { n.Kill9() },
		"paused":      func(_ *Cluster, n *Node) { n.Pause() },
		"cut off":     func(c *Cluster, n *Node) { c.Partition(n) },
		"transferred": func(c *Cluster, n *Node) { hand(b, c, c.Others(n)[0]) },
	} {
		b.Run(name, func(b *testing.B) {
			var gap, usual, next time.Duration
			for b.Loop() {
				c := Start(b, 3, product())
				c.WaitVoters(3)
				free, reader := roles(c, c.WaitTasks(c.Submit(c.Nodes[0], Spread(60_000, 2000, 1)), 2))
				hand(b, c, free)
				enough := watch(b, "nothing is wrong", reader.Said)
				c.WaitMore(reader, 4000)
				usual += enough()
				enough = watch(b, "master "+name, reader.Said)
				began := time.Now()
				fault(c, free)
				if name != "transferred" {
					c.WaitMaster(c.Others(free)...)
				}
				next += time.Since(began)
				c.WaitMore(reader, 4000)
				gap += enough()
				c.Close()
			}
			since(b, "usual-gap", usual)
			since(b, "gap", gap)
			since(b, "new-master", next)
		})
	}
}

// movable is a job that may run on any node and takes a checkpoint every two seconds.
const movable = `
env { job.name = "movable", parallelism = 1, checkpoint.interval = 2000, read_limit.rows_per_second = 1000, job.retry.times = 1000, job.retry.interval.seconds = 0 }
source { FakeSource { row.num = 1000000, split.num = 1000, split.read-interval = 0, schema { fields { id = bigint, name = string } } } }
sink { Assert { rules { row_rules = [ { rule_type = MIN_ROW, rule_value = 1 } ] } } }
`

// one reads a number with SQL from a SQLite file.
func one(path, query string) (n int, err error) {
	db, err := sql.Open("sqlite", "file:"+path+"?mode=ro&_pragma=busy_timeout(5000)")
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, db.Close()) }()
	return n, db.QueryRow(query).Scan(&n)
}

// BenchmarkNodeGone is the time from the loss of a node with the tasks until a checkpoint is
// completed elsewhere, which commits new rows, and how many writes of the state store each takes.
func BenchmarkNodeGone(b *testing.B) {
	for name, fault := range map[string]func(*Cluster, *Node){
		"killed":  func(_ *Cluster, n *Node) { n.Kill9() },
		"paused":  func(_ *Cluster, n *Node) { n.Pause() },
		"cut off": func(c *Cluster, n *Node) { c.Partition(n) },
	} {
		b.Run(name, func(b *testing.B) {
			var took time.Duration
			var writes, checkpoints int
			for b.Loop() {
				c := Start(b, 3, product())
				c.WaitVoters(3)
				id := c.Submit(c.Nodes[0], movable)
				free, reader := roles(c, c.WaitTasks(id, 2))
				hand(b, c, free)
				stored := func(query string) int {
					n, err := one(free.store(b), query)
					if err != nil {
						b.Fatal(err)
					}
					return n
				}
				begun := func() int { return stored("SELECT last_checkpoint FROM pipeline WHERE id = 1 AND job_id = " + id) }
				reach := func(n int) {
					c.Wait(fmt.Sprintf("checkpoint %d", n), time.Minute, func(context.Context) error {
						if k := begun(); k < n {
							return fmt.Errorf("it is %d", k)
						}
						return nil
					})
				}
				reach(1)
				const steady = 4
				before := stored("SELECT max(seq) FROM op")
				reach(1 + steady)
				writes, checkpoints = writes+stored("SELECT max(seq) FROM op")-before, checkpoints+steady
				began := time.Now()
				fault(c, reader)
				c.Wait("a checkpoint of another attempt", time.Minute, func(context.Context) error {
					if stored("SELECT count(*) FROM checkpoint WHERE status = 'COMPLETED' AND attempt > 1 AND job_id = "+id) == 0 {
						return errors.New("there is none")
					}
					return nil
				})
				took += time.Since(began)
				c.Close()
			}
			since(b, "new-rows", took)
			b.ReportMetric(float64(writes)/float64(checkpoints), "writes/checkpoint")
		})
	}
}

// store is the path of a node's replica of the state store.
func (n *Node) store(b *testing.B) (path string) {
	b.Helper()
	err := filepath.WalkDir(filepath.Join(n.dir, "state"), func(p string, e os.DirEntry, err error) error {
		if err == nil && e.Name() == "db.sqlite" {
			path = p
		}
		return err
	})
	if err != nil {
		b.Fatal(err)
	}
	return path
}
