package member

import (
	"net/netip"
	"strings"
	"testing"
)

func answer(id, addr string, change ...func(*Answer)) *Answer {
	a := &Answer{ClusterName: "seatunnel", NodeID: id, Addr: addr, Role: string(Hybrid)}
	for _, c := range change {
		c(a)
	}
	return a
}

func of(cluster string) func(*Answer) { return func(a *Answer) { a.ClusterID = cluster } }

func incremented(a *Answer) { a.Incremented = true }

func worker(a *Answer) { a.Role = string(Worker) }

func place(addr string, a *Answer) Place {
	return Place{Addr: netip.MustParseAddrPort(addr), Answer: a}
}

func self(addr string, a *Answer) Place {
	p := place(addr, a)
	p.Self = true
	return p
}

func extra(p Place) Place { p.Extra = true; return p }

func TestFirstFormation(t *testing.T) {
	t.Parallel()
	const a1, a2, a3, a10 = "10.0.0.1:5801", "10.0.0.2:5801", "10.0.0.3:5801", "10.0.0.10:5801"
	me := answer("n1", a1)
	entry := func(text string, places ...Place) Entry { return Entry{Text: text, Places: places} }
	mine := entry("10.0.0.1", self(a1, me))
	for _, c := range []struct {
		name   string
		facts  Facts
		want   Action
		addrs  string // to join
		reason []string
	}{
		{"alone", Facts{Self: *me, List: []Entry{mine}}, Bootstrap, "", nil},
		{"all empty, lowest", Facts{Self: *me, List: []Entry{mine, entry(a2, place(a2, answer("n2", a2)))}}, Bootstrap, "", nil},
		{"all empty, not lowest", Facts{Self: *answer("n2", a2), List: []Entry{entry(a1, place(a1, me)), entry(a2, self(a2, answer("n2", a2)))}}, Wait, "", []string{a1}},
		{"addresses are numbers, not text", Facts{Self: *answer("n2", a2), List: []Entry{entry(a2, self(a2, answer("n2", a2))), entry(a10, place(a10, answer("n10", a10)))}}, Bootstrap, "", nil},
		{"names come after addresses", Facts{Self: *answer("n2", "alpha:5801"), List: []Entry{entry("alpha", self(a1, answer("n2", "alpha:5801"))), entry(a2, place(a2, answer("n3", a2)))}}, Wait, "", []string{a2}},
		{"one has a cluster", Facts{Self: *me, List: []Entry{mine, entry(a2, place(a2, answer("n2", a2, of("c")))), entry(a3, place(a3, nil))}}, Join, a2, []string{"cluster c"}},
		{"all who have it are named", Facts{Self: *me, List: []Entry{mine, entry(a3, place(a3, answer("n3", a3, of("c")))), entry(a2, place(a2, answer("n2", a2, of("c"))))}}, Join, a2 + " " + a3, nil},
		{"two clusters", Facts{Self: *me, List: []Entry{mine, entry(a2, place(a2, answer("n2", a2, of("c")))), entry(a3, place(a3, answer("n3", a3, of("d"))))}}, Refuse, "", []string{"c at " + a2, "d at " + a3, "do not merge"}},
		{"two clusters, even when forced", Facts{Forced: true, Self: *me, List: []Entry{mine, entry(a2, place(a2, answer("n2", a2, of("c")))), entry(a3, place(a3, answer("n3", a3, of("d"))))}}, Refuse, "", nil},
		{"one is silent", Facts{Self: *me, List: []Entry{mine, entry("node2", Place{Addr: netip.MustParseAddrPort(a2), Problem: "refused"})}}, Wait, "", []string{"node2 (" + a2 + ") [refused]", "cluster bootstrap"}},
		{"one cannot be resolved", Facts{Self: *me, List: []Entry{mine, {Text: "node2", Problem: "no such host"}}}, Wait, "", []string{"node2 [no such host]"}},
		{"one is silent, forced", Facts{Forced: true, Self: *me, List: []Entry{mine, entry(a2, place(a2, nil))}}, Bootstrap, "", []string{a2}},
		{"forced, but one has a cluster", Facts{Forced: true, Self: *me, List: []Entry{mine, entry(a2, place(a2, answer("n2", a2, of("c"))))}}, Join, a2, nil},
		{"forced, not lowest", Facts{Forced: true, Self: *answer("n2", a2), List: []Entry{entry(a1, place(a1, me)), entry(a2, self(a2, answer("n2", a2)))}}, Bootstrap, "", nil},
		{"forced on a worker", Facts{Forced: true, Self: *answer("n2", a2, worker), List: []Entry{entry(a2, self(a2, answer("n2", a2, worker)))}}, Wait, "", []string{"a worker does not form"}},
		{"not in its own list", Facts{Self: *me, List: []Entry{entry(a2, place(a2, answer("n2", a2)))}}, Wait, "", []string{"its own member list"}},
		{"not in its own list, cluster there", Facts{Self: *me, List: []Entry{entry(a2, place(a2, answer("n2", a2, of("c"))))}}, Join, a2, nil},
		{"no list", Facts{Self: *me}, Wait, "", []string{"its own member list"}},
		{"has a cluster", Facts{Self: *answer("n1", a1, of("c")), List: []Entry{mine, entry(a2, place(a2, nil))}}, Resume, "", nil},
		{"has a cluster, another answers", Facts{Self: *answer("n1", a1, of("c")), List: []Entry{mine, entry(a2, place(a2, answer("n2", a2, of("d"))))}}, Resume, "", []string{"do not merge"}},
		{"has a cluster, another one refuses", Facts{Self: *answer("n1", a1, of("c")), List: []Entry{mine, entry(a2, Place{Addr: netip.MustParseAddrPort(a2), Refused: true, Problem: "other keys"})}}, Resume, "", []string{"other keys"}},
		{"own port was taken", Facts{Self: *answer("n1", "10.0.0.1:5802", incremented), List: []Entry{entry("10.0.0.1",
			place(a1, nil), extra(self("10.0.0.1:5802", answer("n1", "10.0.0.1:5802", incremented))))}}, Wait, "", []string{"configured port was in use", a1}},
		{"an incremented one is no competitor", Facts{Self: *answer("n2", a2), List: []Entry{entry("10.0.0.2", self(a2, answer("n2", a2))),
			entry("10.0.0.1", place(a1, answer("n1", "10.0.0.1:5802", incremented)))}}, Bootstrap, "", nil},
		{"a later port is for discovery only", Facts{Self: *me, List: []Entry{entry("10.0.0.1", self(a1, me), extra(place("10.0.0.1:5802", nil)), extra(place("10.0.0.1:5803", answer("n0", "10.0.0.1:5803"))))}}, Bootstrap, "", nil},
		{"a cluster on a later port", Facts{Self: *me, List: []Entry{entry("10.0.0.1", self(a1, me), extra(place("10.0.0.1:5803", answer("n3", "10.0.0.1:5803", of("c")))))}}, Join, "10.0.0.1:5803", nil},
		{"a worker is no competitor", Facts{Self: *answer("n2", a2), List: []Entry{entry(a1, place(a1, answer("n1", a1, worker))), entry(a2, self(a2, answer("n2", a2)))}}, Bootstrap, "", nil},
		{"but it is waited for", Facts{Self: *answer("n2", a2), List: []Entry{entry(a1, place(a1, nil)), entry(a2, self(a2, answer("n2", a2)))}}, Wait, "", []string{a1}},
		{"a worker joins", Facts{Self: *answer("n2", a2, worker), List: []Entry{entry(a1, place(a1, answer("n1", a1, of("c")))), entry(a2, self(a2, answer("n2", a2, worker)))}}, Join, a1, nil},
		{"a name of two families is one node", Facts{Self: *me, List: []Entry{mine, entry("node2", place(a2, answer("n2", a2)), place("[2001:db8::2]:5801", nil))}}, Bootstrap, "", nil},
		{"a name of several addresses is several nodes", Facts{Self: *me, List: []Entry{entry("nodes", self(a1, me), place(a2, answer("n2", a2)), place(a3, nil))}}, Wait, "", []string{"nodes (" + a3 + ")"}},
		{"another cluster's name does not count", Facts{Self: *me, List: []Entry{mine, entry(a2, place(a2, answer("n2", a2, of("c"), func(a *Answer) { a.ClusterName = "other" })))}}, Wait, "", []string{`"other"`}},
		{"a copied disk", Facts{Self: *me, List: []Entry{mine, entry(a2, self(a2, answer("n1", a2)))}}, Wait, "", []string{"copied"}},
		{"the same node under two names", Facts{Self: *me, List: []Entry{mine, entry("localhost", self("127.0.0.1:5801", me))}}, Bootstrap, "", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			d := Form(c.facts)
			if d.Do != c.want || strings.Join(d.Addrs, " ") != c.addrs {
				t.Errorf("%+v, want %s %s", d, c.want, c.addrs)
			}
			for _, r := range c.reason {
				if !strings.Contains(d.Reason, r) {
					t.Errorf("reason %q lacks %q", d.Reason, r)
				}
			}
		})
	}
}
