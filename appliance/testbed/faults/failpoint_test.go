//go:build faults

package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"seikan/appliance/testbed"
	"seikan/engine/fault"
)

// death is a named point at which a node dies.
type death struct {
	point    string
	together bool // the master has the tasks too
}

// TestANodeMayDieAtEveryDurableStep lets the node with a job's tasks die at every named point of
// its work, and the master at every point of its own, each once as both in one and once as the
// one alone. The cluster carries on, the node comes back, and every row is there once. (P1, P2)
func TestANodeMayDieAtEveryDurableStep(t *testing.T) {
	t.Parallel()
	var deaths []death
	for _, point := range slices.Concat(fault.Points, fault.MasterPoints) {
		if !slices.ContainsFunc(deaths, func(d death) bool { return d.point == point }) { // a name may be in both
			deaths = append(deaths, death{point, false}, death{point, true})
		}
	}
	const clusters = 4
	for k := range clusters {
		t.Run(fmt.Sprint(k), func(t *testing.T) {
			t.Parallel()
			need(t)
			o := calm()
			o.Programs = []string{testbed.Failpoints(t)}
			c := Start(t, 3, o)
			Ledger{Rows: stepRows}.Write(t, c.Nodes[0].Data)
			for i, d := range deaths {
				if i/2%clusters != k {
					continue
				}
				if !t.Run(fmt.Sprintf("%s/together=%v", d.point, d.together), func(t *testing.T) { d.play(t, c, i) }) {
					return
				}
			}
		})
	}
}

const stepRows = 3000

func (d death) play(t *testing.T, c *Cluster, i int) {
	c.WaitVoters(3)
	ctx := t.Context()
	l := Ledger{Rows: stepRows, Rate: 2000, Target: Files(), Dir: fmt.Sprintf("death-%d", i), Every: 100 * time.Millisecond}
	kind, _, _ := strings.Cut(d.point, ".")
	if d.together && kind != "recover" { // it commits nothing that would have to be finished
		l.Target = SQLite()
	}
	if kind == "recover" || kind == "epoch" { // it still runs then
		l.Rate = 500
	}
	if err := os.Mkdir(filepath.Join(c.Nodes[0].Data, l.Dir), 0o755); err != nil {
		t.Fatal(err)
	}
	master := c.WaitMaster()
	l.Place = master
	if !d.together {
		l.Place = c.Others(master)[i%2]
	}
	id := fmt.Sprint(1000 + i)
	submit := func(at *Node) (answered bool) { return at.SubmitAs(ctx, id, l.Text()) == nil }
	dies := l.Place
	if slices.Contains(fault.MasterPoints, d.point) {
		dies = master
	}
	asked, answered := c.Others(dies)[0], false
	switch {
	case strings.HasPrefix(d.point, "job.submit"): // on the node that is asked
		dies.Arm(d.point)
		if submit(dies) {
			t.Error("it is answered")
		}
	case kind == "epoch": // when it becomes master
		if answered = submit(asked); d.together {
			hand(t, c, asked)
		} else {
			dies = c.Others(master, l.Place)[0]
		}
		dies.Arm(d.point)
		a, err := dies.About(ctx)
		if err != nil {
			t.Fatal(err)
		}
		c.Wait("it becomes master and dies", 30*time.Second, func(ctx context.Context) error {
			select {
			case <-dies.ended:
				return nil
			default:
				return errors.Join(errors.New("it runs"), c.WaitMaster(c.Others(dies)...).Transfer(ctx, a.Node))
			}
		})
	case kind == "recover": // when it goes on
		answered = submit(asked)
		c.Wait("rows are committed", 20*time.Second, func(context.Context) error {
			n, err := l.Committed(c.Nodes[0].Data)
			if err == nil && n == 0 {
				err = fmt.Errorf("none are")
			}
			return err
		})
		dies.Arm(d.point)
		dies.Kill9()
		dies.Start()
	default:
		dies.Arm(d.point)
		answered = submit(asked)
	}
	c.WaitEnded(dies)
	tally.kills.Add(1)
	others := c.Others(dies)
	c.WaitMaster(others...)
	dies.Start()
	var known error
	c.Wait("whether the job is known", 20*time.Second, func(ctx context.Context) error {
		if _, known = others[0].Job(ctx, id); errors.Is(known, errUnknownJob) {
			return nil
		}
		return known
	})
	if known != nil {
		if answered || d.point == "job.submit.after" {
			t.Errorf("a job that was taken is lost: %v", known)
		}
		submit(others[0]) // whoever got no answer asks again, under the same id
	}
	l.Count(t, c.Nodes[0].Data, c.WaitStatus(id, "FINISHED", 30*time.Second, others...))
}
