package raft

import (
	"context"
	"fmt"
	"sync/atomic"
	"testing"

	"seikan/db"
)

var benchRow atomic.Int64

func benchWrites(b *testing.B, s db.Store) {
	b.Run("sequential", func(b *testing.B) {
		for b.Loop() {
			write(b, s, op(fmt.Sprint(benchRow.Add(1))))
		}
	})
	b.Run("concurrent", func(b *testing.B) {
		b.SetParallelism(32)
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				if res, err := s.Write(context.Background(), op(fmt.Sprint(benchRow.Add(1)))); err != nil {
					b.Errorf("write is %v: %v", res.Outcome, err)
				}
			}
		})
	})
	b.Run("batch100", func(b *testing.B) {
		for b.Loop() {
			batch := make([]db.Statement, 100)
			for i := range batch {
				batch[i] = op(fmt.Sprint(benchRow.Add(1)))
			}
			write(b, s, batch...)
		}
	})
	b.Run("read", func(b *testing.B) {
		for b.Loop() {
			number(b, s, "SELECT 1")
		}
	})
}

func BenchmarkOneNode(b *testing.B) { benchWrites(b, single(b).LeaderStore()) }

func BenchmarkThreeNodes(b *testing.B) { benchWrites(b, three(b)[0].LeaderStore()) }

func BenchmarkThreeNodesFromAFollower(b *testing.B) { benchWrites(b, three(b)[1].Forwarding()) }

// The default timeouts, as a program has them.
func defaults(c *Config) { c.Heartbeat, c.Election, c.Lease = 0, 0, 0 }

func BenchmarkBootstrapToReady(b *testing.B) {
	for b.Loop() {
		n := single(b, defaults)
		b.StopTimer()
		_ = n.stop()
		b.StartTimer()
	}
}

func BenchmarkRestartToReady(b *testing.B) {
	n := single(b, defaults)
	for b.Loop() {
		b.StopTimer()
		n.kill()
		b.StartTimer()
		n = n.again(b, defaults).ready(b)
	}
}

// From the death of a leader to the first write that a new one has taken.
func BenchmarkFailover(b *testing.B) {
	nodes := []*testNode{single(b, defaults)}
	for range 2 {
		n := mustOpen(b, b.TempDir(), "127.0.0.1:0", defaults)
		if err := n.Join(soon(b), []string{nodes[0].Addr()}, true); err != nil {
			b.Fatal(err)
		}
		nodes = append(nodes, n.ready(b))
	}
	for b.Loop() {
		leader := leaderOf(b, nodes)
		for i, n := range nodes {
			if n != leader {
				continue
			}
			other := nodes[(i+1)%3]
			n.kill()
			write(b, other.Forwarding(), op(fmt.Sprint(benchRow.Add(1))))
			b.StopTimer()
			nodes[i] = n.again(b, defaults).ready(b)
			b.StartTimer()
			break
		}
	}
}
