package doctor

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Examine judges everything, what concerns this host first.
func Examine(f Facts) []Finding {
	return slices.Concat(configuration(f), permissions(f), key(f), certificates(f), ports(f), names(f), disks(f), diskSpeed(f), storages(f), limits(f),
		nodes(f), clocks(f), versions(f), votes(f))
}

func configuration(f Facts) []Finding {
	l := list{check: "configuration"}
	errors, warnings := 0, 0
	for _, p := range f.Problems {
		if p.Warning {
			warnings++
		} else {
			errors++
		}
	}
	where := f.Config.Dir
	switch {
	case unreadable(f):
		l.unknown(where, "not every file can be read by this user")
	case errors > 0:
		l.add(Problem, where, fmt.Sprintf("%d errors; the first: %s", errors, first(f, false)), "none", "seikan config check shows them all")
	case warnings > 0:
		l.add(Warning, where, fmt.Sprintf("%d warnings; the first: %s", warnings, first(f, true)), "none", "seikan config check shows them all")
	default:
		l.good(where, "the files are valid")
	}
	return l.all
}

func unreadable(f Facts) bool {
	return slices.ContainsFunc(f.Files, func(f File) bool { return f.Exists && !f.Readable })
}

func first(f Facts, warning bool) string {
	for _, p := range f.Problems {
		if p.Warning == warning {
			return p.Error()
		}
	}
	return ""
}

// others says whether everyone may do what bit stands for.
func (f File) others(bit uint32) bool { return uint32(f.Mode.Perm())&bit != 0 }

// readableBy says whether an account may read the file.
func (f File) readableBy(a Account) bool {
	mode := uint32(f.Mode.Perm())
	switch {
	case a.UID == 0:
		return true
	case a.UID == f.UID:
		return mode&0o400 != 0
	case slices.Contains(a.Groups, f.GID):
		return mode&0o040 != 0
	}
	return mode&0o004 != 0
}

func permissions(f Facts) []Finding {
	l := list{check: "permissions"}
	for _, file := range f.Files {
		switch {
		case !file.Exists:
		case file.others(0o002):
			l.add(Problem, file.Path, fmt.Sprintf("everyone may write it (mode %04o)", file.Mode.Perm()), "mode 0640 or 0644", "chmod o-w "+file.Path)
		case file.HasSecrets && file.others(0o004):
			l.add(Warning, file.Path, fmt.Sprintf("it holds secrets and everyone may read it (mode %04o)", file.Mode.Perm()), "mode 0640", "chmod o-r "+file.Path+", or refer to the secrets by ${file:/path}")
		case f.Owner.Known && !file.readableBy(f.Owner):
			l.add(Problem, file.Path, fmt.Sprintf("the node's user (%d) may not read it (mode %04o, owner %d:%d)", f.Owner.UID, file.Mode.Perm(), file.UID, file.GID), "readable for it",
				"chgrp seikan "+file.Path+" && chmod g+r "+file.Path)
		case !file.Readable:
			l.unknown(file.Path, "this user may not read it")
		default:
			l.good(file.Path, fmt.Sprintf("mode %04o, owner %d:%d", file.Mode.Perm(), file.UID, file.GID))
		}
	}
	return l.all
}

func key(f Facts) []Finding {
	l := list{check: "cluster key"}
	k := f.Key
	switch {
	case k.Path == "":
	case k.Err != "":
		l.unknown(k.Path, k.Err)
	case !k.Exists:
		l.add(Warning, k.Path, "it is not there: members are told apart by their addresses alone, and secrets of jobs are not sealed until the node has made or received it",
			"the same key on every node", "seikan setup makes it; the node that forms the cluster does, too, when it may write there")
	case k.others(0o007):
		l.add(Problem, k.Path, fmt.Sprintf("everyone may use it (mode %04o)", k.Mode.Perm()), "mode 0600 or 0640", "chmod 0640 "+k.Path)
	case f.Owner.Known && !k.readableBy(f.Owner):
		l.add(Problem, k.Path, fmt.Sprintf("the node's user (%d) may not read it (mode %04o, owner %d:%d)", f.Owner.UID, k.Mode.Perm(), k.UID, k.GID), "readable for it", "chgrp seikan "+k.Path+" && chmod 0640 "+k.Path)
	case !k.Readable:
		l.unknown(k.Path, "this user may not read it")
	case f.KeyBad != "":
		l.add(Problem, k.Path, f.KeyBad, "the key of the cluster, as it stands on its other nodes", "copy it from another node, or remove it before the node is started for the first time")
	default:
		l.good(k.Path, fmt.Sprintf("mode %04o", k.Mode.Perm()))
	}
	return l.all
}

// soon is how long before its end a certificate is worth a word.
const soon = 30 * 24 * time.Hour

func certificates(f Facts) []Finding {
	l := list{check: "certificate"}
	for _, c := range f.Certs {
		left := c.NotAfter.Sub(f.Now)
		switch {
		case c.Err != "":
			l.add(Problem, c.Path, c.Err, "a certificate in PEM form", "see seatunnel.seikan.tls")
		case f.Now.Before(c.NotBefore):
			l.add(Problem, c.Path, "it counts from "+c.NotBefore.Format(time.RFC3339)+" on", "a certificate that counts now", "look at this host's clock, then at the certificate")
		case left <= 0:
			l.add(Problem, c.Path, "it ended at "+c.NotAfter.Format(time.RFC3339), "a certificate that counts now", "renew it on this node, then systemctl restart it")
		case c.Untrusted != "":
			l.add(Problem, c.Path, c.Untrusted, "a certificate that seatunnel.seikan.tls.ca vouches for", "issue it by that CA, or name the one that issued it")
		case len(c.Misses) > 0:
			l.add(Problem, c.Path, fmt.Sprintf("it is for %s, not for %s", strings.Join(c.Names, ", "), strings.Join(c.Misses, ", ")), "every name and address that the member list has for this host", "issue it for these, too")
		case left < soon:
			l.add(Warning, c.Path, fmt.Sprintf("it ends in %d days", int(left.Hours()/24)), "at least 30 days", "renew it")
		default:
			l.good(c.Path, fmt.Sprintf("until %s, for %s", c.NotAfter.Format(time.DateOnly), strings.Join(c.Names, ", ")))
		}
		if k := c.KeyFile; k.Exists && k.others(0o007) {
			l.add(Problem, k.Path, fmt.Sprintf("everyone may use the private key (mode %04o)", k.Mode.Perm()), "mode 0640", "chmod 0640 "+k.Path)
		}
	}
	return l.all
}

func ports(f Facts) []Finding {
	l := list{check: "port"}
	for _, p := range f.Ports {
		switch {
		case p.Node != nil && p.Node.ClusterName != f.Config.ClusterName:
			l.add(Problem, p.Addr, fmt.Sprintf("a node of cluster %q listens there", p.Node.ClusterName), fmt.Sprintf("a node of %q, or nobody", f.Config.ClusterName), "stop it, or choose another "+p.Setting)
		case p.Node != nil && !p.Node.Ready:
			l.add(Problem, p.Addr, "a node listens there and is not ready: it is in no cluster with a master", "a node that is ready", "its log says what it waits for; seikan cluster status --at "+p.Node.Addr)
		case p.Node != nil:
			l.good(p.Addr, "a node of this cluster answers")
		case p.Other:
			l.add(Problem, p.Addr, "something else listens there", "a node, or nobody", "stop it (ss -ltnp shows who it is), or choose another "+p.Setting)
		case p.Err != "":
			l.add(Problem, p.Addr, p.Err, "a port that can be listened at", "choose another "+p.Setting)
		default:
			l.good(p.Addr, "free; no node runs here")
		}
	}
	return l.all
}

func names(f Facts) []Finding {
	l := list{check: "name"}
	for _, p := range f.Names {
		if p.Err != nil {
			l.add(Problem, p.Member.String(), p.Err.Error(), "an address", "add it to the DNS or to /etc/hosts, or list the address")
			continue
		}
		addrs := make([]string, len(p.Addrs))
		for i, a := range p.Addrs {
			addrs[i] = a.String()
		}
		l.good(p.Member.String(), strings.Join(addrs, ", "))
	}
	return l.all
}
