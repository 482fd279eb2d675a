package backup

import "time"

// Kept are the newest ones, one an hour for a day, and one a day for a week.
const (
	hourly = 24 * time.Hour
	daily  = 7 * 24 * time.Hour
)

// expired are the backups that are no longer kept, deltas before their bases. all must be in
// the order newestFirst.
func expired(all []Info, now time.Time, newest int) (names []string) {
	type slot struct {
		every time.Duration
		at    int64
	}
	taken := map[slot]bool{}
	first := func(every time.Duration, at time.Time) bool {
		s := slot{every, at.UnixMilli() / every.Milliseconds()}
		was := taken[s]
		taken[s] = true
		return !was
	}
	type base struct {
		cluster string
		seq     int64
	}
	needed := map[base]bool{}
	keep := make([]bool, len(all))
	for n, i := range all {
		age := now.Sub(i.Taken)
		hour := age < hourly && first(time.Hour, i.Taken)
		day := age < daily && first(24*time.Hour, i.Taken)
		if keep[n] = n < max(newest, 1) || hour || day; keep[n] && !i.Full() {
			needed[base{i.ClusterID, i.BaseSeq}] = true
		}
	}
	for _, full := range []bool{false, true} {
		for n, i := range all {
			if i.Full() == full && !keep[n] && !(full && needed[base{i.ClusterID, i.Seq}]) {
				names = append(names, i.Name)
			}
		}
	}
	return names
}
