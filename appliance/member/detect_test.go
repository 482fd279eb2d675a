package member

import (
	"fmt"
	"testing"
	"time"
)

// BenchmarkFailureIsNoticed measures, with the profile that nodes really use, how long it takes
// until all others know of a node that went silent. Run it with -benchtime=3x.
func BenchmarkFailureIsNoticed(b *testing.B) {
	for _, n := range []int{2, 3, 5, 9} {
		b.Run(fmt.Sprint(n, " nodes"), func(b *testing.B) {
			for range b.N {
				b.StopTimer()
				var all []*node
				for i := range n {
					all = append(all, begin(b, setup{id: fmt.Sprint("n", i), key: "k", slow: true}))
				}
				for _, m := range all[1:] {
					if err := m.meet(b, all[0]); err != nil {
						b.Fatal(err)
					}
				}
				var events []<-chan Event
				for _, m := range all[1:] {
					events = append(events, m.Events(b.Context()))
					await(b, events[len(events)-1], is(Joined, "n0"))
				}
				b.StartTimer()
				began := time.Now()
				_ = all[0].List.Close()
				for _, e := range events {
					await(b, e, is(Failed, "n0"))
				}
				b.ReportMetric(time.Since(began).Seconds(), "s/last")
				b.StopTimer()
				for _, m := range all {
					_ = m.List.Close()
					_ = m.port.Close()
				}
			}
		})
	}
}
