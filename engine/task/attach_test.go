package task

import (
	"testing"

	"seikan/engine/plan"
	"seikan/engine/record"
)

type barrierEar struct {
	Subtask
	heard []int64
	on    func()
}

func (e *barrierEar) Barrier(b record.Barrier) {
	e.heard = append(e.heard, b.Checkpoint)
	if on := e.on; on != nil {
		e.on = nil
		on()
	}
}

// TestAChainThatComesLateHearsOfTheBarrierUnderWay: else a savepoint that begins before the last
// chain is connected waits for it in vain.
func TestAChainThatComesLateHearsOfTheBarrierUnderWay(t *testing.T) {
	t.Parallel()
	h := NewHead(HeadConfig{Pipeline: &plan.Pipeline{Parallelism: 2}})
	early, late := &barrierEar{}, &barrierEar{}
	h.Attach(0, early)
	h.Barrier(record.Barrier{Checkpoint: 7, Kind: record.Savepoint})
	// While it is being told, the next barrier is sent: that one must come last.
	late.on = func() { h.Barrier(record.Barrier{Checkpoint: 8, Kind: record.Savepoint}) }
	h.Attach(1, late)
	if n := len(early.heard); n != 2 || early.heard[0] != 7 {
		t.Errorf("the early one heard %v", early.heard)
	}
	if n := len(late.heard); n < 2 || late.heard[0] != 7 || late.heard[n-1] != 8 {
		t.Errorf("the late one heard %v", late.heard)
	}
}
