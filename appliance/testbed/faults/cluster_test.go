//go:build faults

package faults

import (
	"testing"
	"time"
)

func TestALedgerIsExactWithoutFaults(t *testing.T) {
	t.Parallel()
	c := Start(t, 3, Options{BackupCount: 1, SharedDir: true})
	l := Ledger{Rows: 20_000, Rate: 20_000, Target: Files()}
	l.Write(t, c.Nodes[0].Data)
	began := time.Now()
	id := c.Submit(c.Nodes[2], l.Text())
	j := c.WaitStatus(id, "FINISHED", 30*time.Second)
	t.Log(time.Since(began))
	l.Count(t, c.Nodes[0].Data, j)
}
