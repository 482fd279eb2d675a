package backup

import (
	"slices"
	"testing"
	"time"

	"seikan/storage"
)

func TestRetentionKeepsTheNewestOneAnHourAndOneADay(t *testing.T) {
	t.Parallel()
	now := start
	var all []Info // one every ten minutes for nine days, the newest first; every sixth stands alone
	const count = 9 * 24 * 6
	for n := range count {
		i := Info{Seq: int64(count - n), Taken: now.Add(-time.Duration(n) * 10 * time.Minute), ClusterID: "c1"}
		if base := (i.Seq-1)/6*6 + 1; base != i.Seq {
			i.BaseSeq = base
		}
		i.Name = i.name("seatunnel")
		all = append(all, i)
	}
	gone := map[string]bool{}
	for _, name := range expired(all, now, 20) {
		gone[name] = true
	}
	hours, days := map[int64]int{}, map[int64]int{}
	for n, i := range all {
		if gone[i.Name] {
			if n < 20 {
				t.Errorf("number %d of the newest is deleted", n)
			}
			continue
		}
		if age := now.Sub(i.Taken); age < hourly {
			hours[i.Taken.Unix()/3600]++
		} else if age < daily {
			days[i.Taken.Unix()/86400]++
		} else if i.Taken.Before(now.Add(-daily - time.Hour)) {
			t.Errorf("%s is kept", i.Name)
		}
		if !i.Full() && !slices.ContainsFunc(all, func(b Info) bool { return b.Seq == i.BaseSeq && !gone[b.Name] }) {
			t.Errorf("the base of %s is deleted", i.Name)
		}
	}
	if len(hours) < 24 || len(days) < 6 {
		t.Errorf("kept hours %v, days %v", hours, days)
	}
	for day, n := range days {
		if n > 2 { // one and its base
			t.Errorf("day %d has %d", day, n)
		}
	}
	if len(all)-len(gone) > 20+2*(25+8) {
		t.Errorf("%d are kept", len(all)-len(gone))
	}
}

func TestRetentionDeletesDeltasBeforeTheirBase(t *testing.T) {
	t.Parallel()
	var all []Info
	for n := range 40 {
		i := Info{Seq: int64(40 - n), Taken: start.Add(-30*24*time.Hour - time.Duration(n)*time.Second), ClusterID: "c1"}
		if i.Seq > 1 {
			i.BaseSeq = 1
		}
		if i.Seq > 10 {
			i.BaseSeq = 0
		}
		i.Name = i.name("seatunnel")
		all = append(all, i)
	}
	names := expired(all, start, 20)
	if len(names) != 20 || names[len(names)-1] != all[39].Name {
		t.Errorf("deleted are %v", names)
	}
}

func TestOnlyOurNamesAreBackups(t *testing.T) {
	t.Parallel()
	s := newStore(t)
	const ours = "seatunnel/state/000000000001-1772366400000-c1.snap"
	for _, name := range []string{ours, "seatunnel/state/1-1-c1.snap", "seatunnel/state/000000000001-0001-c1.snap",
		"seatunnel/state/000000000001-1-c1.snap.tmp", "seatunnel/state/deep/000000000001-1-c1.snap",
		"seatunnel/engine_runningJobInfo/wal.txt", "seatunnel2/state/000000000001-1-c1.snap"} {
		put(t, s, name, nil)
	}
	all, err := List(t.Context(), s, "seatunnel")
	if err != nil || len(all) != 1 || all[0].Name != ours {
		t.Errorf("%v (%v)", all, err)
	}
	delta := Info{Seq: 7, Taken: start, ClusterID: "c1", BaseSeq: 3}
	got, ok := parseName("seatunnel", storage.Info{Name: delta.name("seatunnel"), Size: 5})
	if delta.Name, delta.Size = got.Name, 5; !ok || got.Name != delta.name("seatunnel") || got.BaseSeq != 3 || !got.Taken.Equal(start) {
		t.Errorf("%+v", got)
	}
}
