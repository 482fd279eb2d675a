package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// running are the nodes that answered and are in a cluster of this name.
func running(f Facts) []Node {
	return slices.DeleteFunc(slices.Clone(f.Nodes), func(n Node) bool { return n.Err != "" || n.Other })
}

func nodes(f Facts) []Finding {
	l := list{check: "members"}
	up := running(f)
	if len(up) == 0 && f.Down != "" {
		l.add(Unknown, f.Config.ClusterName, "no node answers: "+f.Down, "", "start the cluster, then run seikan doctor again")
	}
	ids, masters, lists := map[string][]string{}, map[string][]string{}, map[string][]string{}
	for _, n := range f.Nodes {
		switch {
		case n.Other:
			l.add(Problem, n.Addr, n.Err, fmt.Sprintf("cluster-name %q", f.Config.ClusterName), "give every node of the cluster the same name")
			continue
		case n.Err != "" && len(up) == 0: // said
			continue
		case n.Err != "":
			l.add(Problem, n.Addr, "it does not answer: "+n.Err, "a node", "start it; is there a firewall between? seikan cluster remove "+n.Addr+" when it never comes back")
			continue
		case n.About.ClusterID == "":
			l.add(Problem, n.Addr, "it is in no cluster yet", "a member", "its log says what it waits for")
			continue
		}
		ids[n.About.ClusterID] = append(ids[n.About.ClusterID], n.Addr)
		masters[n.About.Master] = append(masters[n.About.Master], n.Addr)
		members := slices.Sorted(slices.Values(n.About.Members))
		lists[strings.Join(members, " ")] = append(lists[strings.Join(members, " ")], n.Addr)
	}
	disagree := func(what string, groups map[string][]string, do string) {
		if len(groups) < 2 {
			return
		}
		var parts []string
		for value, who := range groups {
			if value == "" {
				value = "none"
			}
			parts = append(parts, strings.Join(who, ", ")+": "+value)
		}
		slices.Sort(parts)
		l.add(Problem, f.Config.ClusterName, what+": "+strings.Join(parts, "; "), "the same on every node", do)
	}
	disagree("these are clusters of their own", ids, "they refuse each other, and nothing is lost: keep one, stop the nodes of the other, remove their state directories, and start them again to join")
	if len(ids) < 2 {
		disagree("they name different masters", masters, "wait a few seconds and look again; if it stays, the network between them is cut")
		disagree("they know different members", lists, "wait a few seconds and look again; if it stays, the network between them is cut")
	}
	if len(l.all) == 0 && len(up) > 0 {
		l.good(f.Config.ClusterName, fmt.Sprintf("%d nodes answer and agree on who is there and who is master", len(up)))
	}
	return l.all
}

// How far clocks may be apart. Proofs of the cluster key count for five minutes; times in logs and
// of schedules are compared by people long before.
const (
	oddClock   = 2 * time.Second
	wrongClock = time.Minute
)

func clocks(f Facts) []Finding {
	l := list{check: "clock"}
	looked := 0
	for _, n := range running(f) {
		if n.Sure == 0 {
			continue
		}
		looked++
		apart := n.Clock.Abs() - n.Sure
		found := fmt.Sprintf("%v apart from this host's (± %v)", n.Clock.Abs().Round(100*time.Millisecond), n.Sure.Round(100*time.Millisecond))
		const do = "keep the clocks of all hosts by chrony or systemd-timesyncd"
		switch {
		case apart > wrongClock:
			l.add(Problem, n.Addr, found, "at most a minute", do)
		case apart > oddClock:
			l.add(Warning, n.Addr, found, "at most two seconds", do)
		}
	}
	if len(l.all) == 0 && looked > 0 {
		l.good(f.Config.ClusterName, fmt.Sprintf("the clocks of %d nodes are as this host's", looked))
	}
	return l.all
}

func versions(f Facts) []Finding {
	l := list{check: "version"}
	all := map[string][]string{}
	for _, n := range running(f) {
		all[n.About.Version] = append(all[n.About.Version], n.Addr)
	}
	if len(all) == 0 {
		return nil
	}
	var parts []string
	for v, who := range all {
		parts = append(parts, v+" on "+strings.Join(who, ", "))
	}
	slices.Sort(parts)
	switch _, same := all[f.Version]; {
	case len(all) > 1:
		l.add(Warning, f.Config.ClusterName, strings.Join(parts, "; "), "one version, but while an upgrade is under way", "upgrade the others, one after another")
	case !same:
		l.add(Warning, "this program", f.Version+"; the nodes run "+strings.Join(parts, ""), "the version of the nodes", "upgrade this program, or restart the nodes with it")
	default:
		l.good(f.Config.ClusterName, "every node runs "+f.Version)
	}
	return l.all
}

// planned is how many nodes shall have a vote: the largest odd number up to n, to twice the backup
// count plus one, and to seven.
func planned(n, backups int) int {
	v := min(n, 2*backups+1, 7)
	if v > 0 && v%2 == 0 {
		v--
	}
	return v
}

func votes(f Facts) []Finding {
	l := list{check: "votes"}
	name, n, have := f.Config.ClusterName, 0, 0
	if f.Status == nil { // what the files plan
		hosts := map[string]bool{}
		for _, m := range f.Config.Network.Members {
			hosts[m.String()] = true
		}
		n = len(hosts)
	} else {
		for _, s := range f.Status.Nodes {
			if s.Role != "worker" {
				n++
			}
			if s.Voter {
				have++
			}
		}
	}
	want := planned(n, f.Config.BackupCount)
	if n == 2 || f.Status != nil && have == 1 && n > 1 {
		l.add(Warning, name, fmt.Sprintf("one of %d nodes has a vote", n), "three votes", "without that node the cluster stops until seikan cluster recover: add a third node, which may be a small one started with -r master")
	}
	if need := 2*f.Config.BackupCount + 1; n > 2 && n < need {
		l.add(Warning, name, fmt.Sprintf("%d nodes and backup-count %d: %d may fail at once", n, f.Config.BackupCount, (want-1)/2), fmt.Sprintf("%d nodes for backup-count %d", need, f.Config.BackupCount), "add nodes, or lower backup-count to what holds")
	}
	if f.Status != nil && n > 2 && have < want {
		l.add(Warning, name, fmt.Sprintf("%d of %d planned nodes have a vote", have, want), fmt.Sprint(want), "wait a minute and look again; a silent node does not get one: seikan cluster status")
	}
	if len(l.all) == 0 && f.Status != nil {
		l.good(name, fmt.Sprintf("%d of %d nodes have a vote: %d may fail at once", have, n, (have-1)/2))
	}
	return l.all
}
