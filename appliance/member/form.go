package member

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"seikan/appliance/port"
)

// Answer is what a node says when it is asked who it is.
type Answer = port.Identity

// Place is one address of an entry of the member list, and what was heard from it.
type Place struct {
	Addr netip.AddrPort
	// Extra: a port after the base port, asked only to find a cluster.
	Extra bool
	// Self: this node is there.
	Self bool
	// Answer is nil if there was none; Problem then says why, if that is known.
	Answer  *Answer
	Problem string
	// Refused: somebody is there, and one of the two does not let the other in.
	Refused bool
}

// Entry is a line of the member list. It counts as one node, or as several if its name has
// several addresses of one family.
type Entry struct {
	Text   string
	Places []Place
	// Problem says why there are no Places.
	Problem string
}

// Facts are what a node knows when it decides how to begin.
type Facts struct {
	Self Answer
	List []Entry
	// Forced: an administrator said `seikan cluster bootstrap` here.
	Forced bool
}

// Action is what to do.
type Action string

const (
	Resume    Action = "resume"    // the disk says which cluster this node is in
	Bootstrap Action = "bootstrap" // form a new cluster, alone
	Join      Action = "join"      // join the cluster that answered
	Wait      Action = "wait"      // ask again later
	Refuse    Action = "refuse"    // there are two clusters; ask again later, it needs a person
)

// Decision is what Form decides.
type Decision struct {
	Do Action
	// ClusterID and Addrs are of the cluster to join.
	ClusterID string
	Addrs     []string
	// Missing are the places that a Wait is for.
	Missing []string
	// Others are the nodes that answered, this one not among them, by address.
	Others []Answer
	// Reason is for people.
	Reason string
	// Conflict, of a Resume, tells of listed nodes that are not of this cluster; empty if there are
	// none.
	Conflict string
}

// Form decides how a node begins:
//   - its disk says which cluster it is in: it goes on in that;
//   - somebody answers with a cluster: it joins that one, or none if there are two;
//   - it does not stand in its own list, its port is not the configured one, or its role does not
//     vote: it can only join, so it waits;
//   - somebody who is listed does not answer: it waits, unless Forced;
//   - all are empty: the lowest address among those that may vote forms the cluster alone.
//
// Since nodes that list each other hear the same addresses from each other, and none is lowest to
// two of them, two cannot both form a cluster.
func Form(f Facts) Decision {
	f.List = withoutStrangers(f)
	others := heard(f)
	d := Decision{Others: others}
	clusters := clustersOf(f.Self, others)
	switch {
	case f.Self.ClusterID != "":
		d.Do, d.ClusterID = Resume, f.Self.ClusterID
		d.Reason = "this node is in cluster " + f.Self.ClusterID
		var conflicts []string
		if len(clusters) > 1 {
			conflicts = append(conflicts, conflict(f.Self.ClusterName, others))
		}
		for _, e := range f.List {
			for _, p := range e.Places {
				if p.Refused {
					conflicts = append(conflicts, p.Problem)
				}
			}
		}
		if d.Conflict = strings.Join(conflicts, "; "); d.Conflict != "" {
			d.Reason += "; " + d.Conflict
		}
		return d
	case len(clusters) > 1:
		d.Do, d.Reason = Refuse, conflict(f.Self.ClusterName, others)
		return d
	case len(clusters) == 1:
		d.Do, d.ClusterID = Join, clusters[0]
		for _, o := range others {
			if o.ClusterID != "" {
				d.Addrs = append(d.Addrs, o.Addr)
			}
		}
		d.Reason = fmt.Sprintf("cluster %s answered at %s", d.ClusterID, strings.Join(d.Addrs, ", "))
		return d
	}
	d.Do = Wait
	d.Missing = missing(f.List)
	silent := ""
	if len(d.Missing) > 0 {
		silent = "; no answer from " + strings.Join(d.Missing, ", ")
	}
	lowest, listed := f.Self, listsItself(f.List)
	for _, o := range candidates(f) {
		if before(o, lowest) || !Role(lowest.Role).Votes() {
			lowest = o
		}
	}
	switch {
	case !Role(f.Self.Role).Votes():
		d.Reason = "a worker does not form a cluster: waiting for a master to do so" + silent
	case f.Forced:
		d.Do, d.Reason = Bootstrap, "told to form a cluster"+silent
	case f.Self.Incremented:
		d.Reason = fmt.Sprintf("the configured port was in use, so this node (%s) does not form a cluster: waiting for one%s", f.Self.Addr, silent)
	case !listed:
		d.Reason = fmt.Sprintf("this node (%s) does not stand in its own member list, so it only joins: waiting for a cluster%s", f.Self.Addr, silent)
	case len(d.Missing) > 0:
		d.Reason = "waiting for every listed node before a cluster is formed" + silent +
			"; start them, or run `seikan cluster bootstrap` on one node to form the cluster without them"
	case lowest.NodeID != f.Self.NodeID:
		d.Reason = "waiting for " + lowest.Addr + ", the lowest address, to form the cluster"
	default:
		d.Do, d.Reason = Bootstrap, "every listed node answered, none is in a cluster, and "+f.Self.Addr+" is the lowest address"
	}
	return d
}

// withoutStrangers takes out answers that do not count: of nodes of another cluster name, and of
// one with this node's id, which may be a copy of its disk.
func withoutStrangers(f Facts) []Entry {
	list := slices.Clone(f.List)
	for i, e := range list {
		e.Places = slices.Clone(e.Places)
		for k := range e.Places {
			p := &e.Places[k]
			switch {
			case p.Answer == nil:
			case p.Answer.ClusterName != f.Self.ClusterName:
				p.Problem = fmt.Sprintf("it belongs to cluster %q", p.Answer.ClusterName)
				p.Answer, p.Self, p.Refused = nil, false, true
			case p.Answer.NodeID == f.Self.NodeID && p.Answer.Addr != f.Self.Addr:
				p.Problem = "it has this node's id, " + f.Self.NodeID + ": was a state directory copied? Empty it on one of the two"
				p.Answer, p.Self, p.Refused = nil, false, true
			}
		}
		list[i] = e
	}
	return list
}

// heard are the other nodes that answered, each once, by address.
func heard(f Facts) []Answer {
	var out []Answer
	for _, e := range f.List {
		for _, p := range e.Places {
			if p.Answer == nil || p.Self || p.Answer.NodeID == f.Self.NodeID {
				continue
			}
			if !slices.ContainsFunc(out, func(a Answer) bool { return a.NodeID == p.Answer.NodeID }) {
				out = append(out, *p.Answer)
			}
		}
	}
	slices.SortFunc(out, order)
	return out
}

// candidates are the listed nodes that may form a cluster: voters at the listed address itself.
func candidates(f Facts) []Answer {
	var out []Answer
	for _, e := range f.List {
		for _, p := range e.Places {
			if p.Answer != nil && !p.Extra && !p.Answer.Incremented && Role(p.Answer.Role).Votes() && p.Answer.NodeID != f.Self.NodeID {
				out = append(out, *p.Answer)
			}
		}
	}
	return out
}

func clustersOf(self Answer, others []Answer) []string {
	var ids []string
	for _, a := range append([]Answer{self}, others...) {
		if a.ClusterID != "" && !slices.Contains(ids, a.ClusterID) {
			ids = append(ids, a.ClusterID)
		}
	}
	return ids
}

func conflict(name string, others []Answer) string {
	var at []string
	for _, o := range others {
		if o.ClusterID != "" {
			at = append(at, o.ClusterID+" at "+o.Addr)
		}
	}
	return fmt.Sprintf("more than one cluster is named %q (%s), and they do not merge: empty the state directory of the nodes that shall join the other, "+
		"or give one cluster another name", name, strings.Join(at, ", "))
}

func listsItself(list []Entry) bool {
	return slices.ContainsFunc(list, func(e Entry) bool {
		return slices.ContainsFunc(e.Places, func(p Place) bool { return p.Self && !p.Extra })
	})
}

// missing names the places that have to answer and have not. A name with an IPv4 and an IPv6
// address is one node: all addresses of one family suffice.
func missing(list []Entry) []string {
	var out []string
	for _, e := range list {
		if len(e.Places) == 0 {
			out = append(out, with(e.Text, e.Problem))
			continue
		}
		four, six := silentPlaces(e, netip.Addr.Is4), silentPlaces(e, netip.Addr.Is6)
		if four != nil && len(four) == 0 || six != nil && len(six) == 0 {
			continue
		}
		out = append(append(out, four...), six...)
	}
	return out
}

// silentPlaces is nil if the entry has no address of the family.
func silentPlaces(e Entry, family func(netip.Addr) bool) []string {
	var out []string
	for _, p := range e.Places {
		if p.Extra || !family(p.Addr.Addr()) {
			continue
		}
		if out == nil {
			out = []string{}
		}
		if p.Answer == nil && !p.Self {
			name := p.Addr.String()
			if !strings.HasPrefix(name, e.Text) {
				name = e.Text + " (" + name + ")"
			}
			out = append(out, with(name, p.Problem))
		}
	}
	return out
}

func with(name, problem string) string {
	if problem == "" {
		return name
	}
	return name + " [" + problem + "]"
}

// before orders nodes by what they call their address: IP addresses by value, before names.
func before(a, b Answer) bool { return order(a, b) < 0 }

func order(a, b Answer) int {
	x, errX := netip.ParseAddrPort(a.Addr)
	y, errY := netip.ParseAddrPort(b.Addr)
	switch {
	case errX == nil && errY == nil:
		if c := x.Compare(y); c != 0 {
			return c
		}
	case errX == nil:
		return -1
	case errY == nil:
		return 1
	}
	return cmp.Or(strings.Compare(a.Addr, b.Addr), strings.Compare(a.NodeID, b.NodeID))
}
