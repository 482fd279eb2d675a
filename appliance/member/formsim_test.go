package member

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// world is a few machines whose nodes start, ask each other and hear, hear late or do not hear,
// decide, act on decisions that may be old by then, crash, and lose their disks. Some begin with
// the disks of an earlier cluster, or of two; an administrator may force a node to begin without
// those that are silent; a cluster that is formed begins from a backup if there is one.
type world struct {
	rng     *rand.Rand
	mutant  formMutant
	nodes   []*machine
	backup  bool
	loss    float64
	next    int                 // cluster id
	founded map[string]founding // by cluster
	trace   []string
	broken  string // the invariant that does not hold
}

type founding struct {
	by     int // machine
	forced bool
}

type machine struct {
	up      bool
	answer  Answer
	list    []int
	data    bool // its disk holds the state of a cluster from before
	unasked []int
	facts   *Facts // as far as they were heard
	pending *Decision
	forced  bool // an administrator said so; until it starts again
}

// formMutant is a bug that the simulation must find.
type formMutant int

const (
	soundForm         formMutant = iota
	mutantSilentGone             // who does not answer is taken for nobody
	mutantNotLowest              // whoever heard everyone forms a cluster
	mutantOverLive               // what others have on their disks is not looked at
	mutantOwnDisk                // what this node has on its own disk is not looked at
	mutantForeign                // another cluster's name is not looked at
	mutantFirstOfTwo             // of two clusters the first is joined
	mutantForcedBlind            // who is forced listens to nobody
	mutantIncremented            // a node on a later port takes itself for a listed one
	mutantWorkerForms            // a worker forms a cluster
)

// ask lets m hear of the next machine on its list.
func (w *world) ask(m *machine) {
	if m.facts == nil {
		m.facts = &Facts{Self: m.answer, Forced: m.forced, List: make([]Entry, len(m.list))}
		m.unasked = slices.Clone(m.list)
		w.rng.Shuffle(len(m.unasked), func(i, k int) { m.unasked[i], m.unasked[k] = m.unasked[k], m.unasked[i] })
	}
	i := m.unasked[0]
	m.unasked = m.unasked[1:]
	o := w.nodes[i]
	place := Place{Addr: netip.MustParseAddrPort(o.answer.Addr)}
	switch {
	case o == m:
		a := m.answer
		place.Self, place.Answer = true, &a
	case o.up && w.rng.Float64() >= w.loss:
		a := o.answer
		place.Answer = &a
	}
	m.facts.List[slices.Index(m.list, i)] = Entry{Text: o.answer.Addr, Places: []Place{place}}
}

// decide is Form, or one with a bug.
func (w *world) decide(m *machine) Decision {
	f := *m.facts
	f.List = slices.Clone(f.List)
	each := func(do func(*Place)) {
		for i := range f.List {
			f.List[i].Places = slices.Clone(f.List[i].Places)
			for k := range f.List[i].Places {
				if p := &f.List[i].Places[k]; p.Answer != nil {
					a := *p.Answer
					p.Answer = &a
					do(p)
				}
			}
		}
	}
	switch w.mutant {
	case mutantSilentGone:
		f.List = slices.DeleteFunc(f.List, func(e Entry) bool { return e.Places[0].Answer == nil })
	case mutantNotLowest:
		each(func(p *Place) { p.Answer.Incremented = !p.Self })
	case mutantOverLive:
		each(func(p *Place) { p.Answer.ClusterID = "" })
	case mutantOwnDisk:
		f.Self.ClusterID = ""
		each(func(p *Place) {
			if p.Self {
				p.Answer.ClusterID = ""
			}
		})
	case mutantForeign:
		each(func(p *Place) { p.Answer.ClusterName = f.Self.ClusterName })
	case mutantForcedBlind:
		if f.Forced {
			each(func(p *Place) {
				if !p.Self {
					p.Answer = nil
				}
			})
		}
	case mutantIncremented:
		f.Self.Incremented = false
	case mutantWorkerForms:
		f.Self.Role = string(Hybrid)
	}
	d := Form(f)
	if w.mutant == mutantFirstOfTwo && d.Do == Refuse {
		for _, o := range d.Others {
			if o.ClusterID != "" {
				d.Do, d.ClusterID, d.Addrs = Join, o.ClusterID, []string{o.Addr}
			}
		}
	}
	return d
}

// act carries a decision out, which is checked.
func (w *world) act(m *machine) string {
	d := m.pending
	m.pending = nil
	switch d.Do {
	case Bootstrap:
		w.check(m)
		w.next++
		m.answer.ClusterID = fmt.Sprint("c", w.next)
		m.data = false
		w.founded[m.answer.ClusterID] = founding{slices.Index(w.nodes, m), m.forced}
		if w.backup {
			return "forms " + m.answer.ClusterID + " from the backup"
		}
		return "forms " + m.answer.ClusterID
	case Join:
		for _, o := range w.nodes {
			if !o.up || o.answer.Addr != d.Addrs[0] || o.answer.ClusterID != d.ClusterID || w.rng.Float64() < w.loss {
				continue
			}
			if o.answer.ClusterName != m.answer.ClusterName {
				w.break_("a node of %q joins a cluster named %q", m.answer.ClusterName, o.answer.ClusterName)
			}
			if w.severalHeard(m) {
				w.break_("%s joins one of two clusters of one name", m.answer.Addr)
			}
			m.answer.ClusterID = d.ClusterID
			return "joins " + d.ClusterID
		}
	}
	return "does not " + string(d.Do)
}

func (w *world) break_(format string, args ...any) {
	if w.broken == "" {
		w.broken = fmt.Sprintf(format, args...)
	}
}

// listed are the others of m's list that it knows by their name.
func (w *world) listed(m *machine) (out []*machine) {
	for _, i := range m.list {
		if o := w.nodes[i]; o != m && o.answer.ClusterName == m.answer.ClusterName {
			out = append(out, o)
		}
	}
	return out
}

func (w *world) severalHeard(m *machine) bool {
	ids := map[string]bool{}
	for _, e := range m.facts.List {
		for _, p := range e.Places {
			if p.Answer != nil && p.Answer.ClusterID != "" && p.Answer.ClusterName == m.answer.ClusterName {
				ids[p.Answer.ClusterID] = true
			}
		}
	}
	return len(ids) > 1
}

// check is for the moment at which m forms a cluster, and restores a backup if there is one.
func (w *world) check(m *machine) {
	if m.answer.ClusterID != "" {
		w.break_("%s forms a cluster over the data of its own disk", m.answer.Addr)
	}
	if !Role(m.answer.Role).Votes() {
		w.break_("a worker forms a cluster")
	}
	if m.answer.Incremented && !m.forced {
		w.break_("a node on a later port forms a cluster")
	}
	for _, o := range w.listed(m) {
		if o.data && !m.forced {
			w.break_("%s forms a cluster over the live data of %s", m.answer.Addr, o.answer.Addr)
		}
	}
	for _, e := range m.facts.List {
		for _, p := range e.Places {
			if p.Answer != nil && !p.Self && p.Answer.ClusterName == m.answer.ClusterName && p.Answer.ClusterID != "" {
				w.break_("%s forms a cluster although %s told it of one", m.answer.Addr, p.Answer.Addr)
			}
		}
	}
}

func (w *world) step() {
	i := w.rng.IntN(len(w.nodes))
	m := w.nodes[i]
	said := ""
	switch r := w.rng.IntN(20 + 4*len(w.nodes)); {
	case !m.up:
		m.up, m.pending, m.facts, m.forced = true, nil, nil, false
		said = "starts"
	case r == 0:
		m.up = false
		said = "crashes"
		if w.rng.IntN(3) == 0 {
			m.answer.ClusterID, m.data = "", false
			said = "crashes and loses its disk"
			for _, o := range w.nodes {
				if o.pending == nil {
					o.facts = nil // a disk is not replaced within the seconds that a look takes
				}
			}
		}
	case r == 1 && m.answer.ClusterID == "" && w.rng.IntN(4) == 0:
		m.forced = true
		said = "is told to form a cluster"
	case m.pending != nil:
		said = w.act(m)
		m.facts = nil
	case m.answer.ClusterID != "" && w.mutant != mutantOwnDisk:
	case m.facts == nil || len(m.unasked) > 0:
		w.ask(m)
	default:
		m.facts.Forced = m.forced
		d := w.decide(m)
		m.pending = &d
		said = fmt.Sprintf("decides to %s: %s", d.Do, d.Reason)
	}
	if said != "" {
		w.trace = append(w.trace, fmt.Sprintf("%s %s", m.answer.Addr, said))
	}
	w.split()
}

// split: of two clusters that are there, the nodes that formed them do not list each other, unless
// an administrator forced one of them. (Those from before are there, and stay apart.)
func (w *world) split() {
	here := map[string]founding{}
	for _, m := range w.nodes {
		if f, ok := w.founded[m.answer.ClusterID]; ok {
			here[m.answer.ClusterID] = f
		}
	}
	for x, a := range here {
		for y, b := range here {
			one, other := w.nodes[a.by], w.nodes[b.by]
			if x < y && a.by != b.by && !a.forced && !b.forced && one.answer.ClusterName == other.answer.ClusterName &&
				slices.Contains(one.list, b.by) && slices.Contains(other.list, a.by) {
				w.break_("%s and %s have formed two clusters", one.answer.Addr, other.answer.Addr)
			}
		}
	}
}

// newWorld: most have one list, one name, and empty disks.
func newWorld(seed uint64, mutant formMutant) *world {
	rng := rand.New(rand.NewPCG(seed, 1))
	w := &world{rng: rng, mutant: mutant, founded: map[string]founding{}, backup: rng.IntN(2) == 0, loss: rng.Float64() * rng.Float64()}
	n := 1 + rng.IntN(5)
	all := rng.Perm(n)
	for i := range n {
		m := &machine{list: all, answer: Answer{ClusterName: "seatunnel", NodeID: fmt.Sprint("n", i), Role: string(Hybrid),
			// The order of addresses has nothing to do with that of the list.
			Addr: fmt.Sprintf("10.0.0.%d:5801", 1+(i*7+int(seed%5))%11)}}
		if i > 0 && rng.IntN(5) == 0 {
			m.answer.Role = string(Worker)
		}
		if n > 1 && rng.IntN(12) == 0 { // its list lacks one, maybe itself
			m.list = slices.DeleteFunc(slices.Clone(all), func(k int) bool { return k == all[0] })
		}
		if rng.IntN(15) == 0 {
			m.answer.ClusterName = "other"
		}
		m.answer.Incremented = i > 0 && rng.IntN(15) == 0
		w.nodes = append(w.nodes, m)
	}
	switch rng.IntN(6) {
	case 0, 1: // a cluster from before, some of whose disks are there
		for _, m := range w.nodes {
			if rng.IntN(2) == 0 {
				m.answer.ClusterID, m.data = "old", true
			}
		}
	case 2: // two of them
		for _, m := range w.nodes {
			if k := rng.IntN(3); k > 0 {
				m.answer.ClusterID, m.data = fmt.Sprint("old", k), true
			}
		}
	}
	return w
}

// simulate returns what went wrong, with what led to it, and the clusters there are in the end,
// after a while in which everything works.
func simulate(seed uint64, mutant formMutant) (broken string, trace []string, w *world) {
	w = newWorld(seed, mutant)
	for range 80 * len(w.nodes) {
		if w.step(); w.broken != "" {
			return w.broken, w.trace, w
		}
	}
	w.loss = 0
	for _, m := range w.nodes {
		m.up, m.pending, m.facts, m.forced = true, nil, nil, false
	}
	for range 6 {
		for _, m := range w.nodes {
			for m.answer.ClusterID == "" && (m.facts == nil || len(m.unasked) > 0) {
				w.ask(m)
			}
			if m.answer.ClusterID == "" {
				d := w.decide(m)
				m.pending = &d
				w.trace = append(w.trace, fmt.Sprintf("%s at last %s", m.answer.Addr, w.act(m)))
				m.facts = nil
			}
		}
		w.split()
	}
	return w.broken, w.trace, w
}

// usual says whether all have one list, one name and one past, and somebody may form a cluster:
// then they must all be in one in the end.
func (w *world) usual() bool {
	clusters := map[string]bool{}
	forms := false
	for _, m := range w.nodes {
		if len(m.list) != len(w.nodes) || m.answer.ClusterName != "seatunnel" {
			return false
		}
		forms = forms || Role(m.answer.Role).Votes() && !m.answer.Incremented || m.answer.ClusterID != ""
		if m.answer.ClusterID != "" {
			clusters[m.answer.ClusterID] = true
		}
	}
	return forms && len(clusters) < 2
}

func (w *world) formed() bool {
	return !slices.ContainsFunc(w.nodes, func(m *machine) bool {
		return m.answer.ClusterID == "" || m.answer.ClusterID != w.nodes[0].answer.ClusterID
	})
}

// SEIKAN_FORM_SEED runs one seed alone.
func formSeeds(t *testing.T, n uint64) (from, to uint64) {
	t.Helper()
	text := os.Getenv("SEIKAN_FORM_SEED")
	if text == "" {
		return 0, n
	}
	seed, err := strconv.ParseUint(text, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return seed, seed + 1
}

// Answers are lost and late in any direction, decisions are carried out late, nodes crash and lose
// their disks, disks of one or two clusters are there, lists and names differ, administrators force
// what they should not: no two nodes that list each other form a cluster each, no backup is
// restored over live data, names are kept apart; and where nothing is in the way they do form one.
func TestFormationKeepsClustersAndDataApart(t *testing.T) {
	t.Parallel()
	from, to := formSeeds(t, 10000)
	ended := 0
	for seed := from; seed < to; seed++ {
		broken, trace, w := simulate(seed, soundForm)
		if broken != "" {
			t.Fatalf("seed %d (SEIKAN_FORM_SEED=%d): %s\n%s", seed, seed, broken, strings.Join(trace, "\n"))
		}
		if w.usual() {
			if ended++; !w.formed() {
				t.Fatalf("seed %d: not all are in one cluster in the end\n%s", seed, strings.Join(trace, "\n"))
			}
		}
	}
	if to-from > 1 && ended < 2500 {
		t.Errorf("only %d of %d seeds were to end with one cluster", ended, to-from)
	}
}

func TestASeedReplaysIdentically(t *testing.T) {
	t.Parallel()
	for seed := range uint64(50) {
		a, first, _ := simulate(seed, soundForm)
		b, second, _ := simulate(seed, soundForm)
		if a != b || !slices.Equal(first, second) {
			t.Fatalf("seed %d differs", seed)
		}
	}
}

// Each bug is found by the seed that is kept with it.
func TestTheSimulationFindsBugsInTheFormation(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		mutant formMutant
		what   string
		seed   uint64
		broken string
	}{
		{mutantSilentGone, "who does not answer is taken for nobody: two bootstraps", 1, "formed two clusters"},
		{mutantNotLowest, "whoever heard everyone forms a cluster: two bootstraps", 20, "formed two clusters"},
		{mutantOverLive, "others' disks are not looked at: a restore over live data", 3, "live data"},
		{mutantOwnDisk, "its own disk is not looked at: a restore over live data", 0, "own disk"},
		{mutantForeign, "another name is not looked at", 5, "named"},
		{mutantFirstOfTwo, "of two clusters one is joined", 4, "one of two"},
		{mutantForcedBlind, "who is forced listens to nobody", 4, "told it of one"},
		{mutantIncremented, "a node on a later port forms a cluster", 63, "later port"},
		{mutantWorkerForms, "a worker forms a cluster", 12, "worker"},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			if broken, _, _ := simulate(c.seed, c.mutant); broken != "" && strings.Contains(broken, c.broken) {
				return
			}
			for seed := range uint64(20000) {
				if broken, _, _ := simulate(seed, c.mutant); broken != "" && strings.Contains(broken, c.broken) {
					t.Errorf("seed %d does not find it any more; %d does: %s", c.seed, seed, broken)
					return
				}
			}
			t.Errorf("no seed finds it")
		})
	}
}
