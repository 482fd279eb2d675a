package doctor

import (
	"fmt"
	"time"
)

// gib writes bytes for people.
func gib(n int64) string {
	switch {
	case n >= 10<<30:
		return fmt.Sprintf("%d GiB", n>>30)
	case n >= 1<<30:
		return fmt.Sprintf("%.1f GiB", float64(n)/(1<<30))
	}
	return fmt.Sprintf("%d MiB", n>>20)
}

// fewInodes are too few to go on with.
const fewInodes = 1000

func disks(f Facts) []Finding {
	l := list{check: "free space"}
	need := f.Config.MinFreeBytes
	for _, d := range f.Disks {
		where := d.What + " " + d.Dir
		switch {
		case d.Err != "":
			l.unknown(where, d.Err)
		case d.Free < need:
			l.add(Problem, where, gib(d.Free)+" of "+gib(d.Total), "at least "+gib(need)+" (seatunnel.seikan.min-free-bytes)", "make room; below that no job is accepted, and a full disk stops the node")
		case d.Inodes >= 0 && d.Inodes < fewInodes:
			l.add(Problem, where, fmt.Sprintf("%d inodes", d.Inodes), fmt.Sprintf("at least %d", fewInodes), "remove files")
		case d.Free < 2*need:
			l.add(Warning, where, gib(d.Free)+" of "+gib(d.Total), "at least "+gib(2*need)+", twice what jobs need to be accepted", "make room")
		default:
			l.good(where, gib(d.Free)+" of "+gib(d.Total))
		}
	}
	return l.all
}

// How long making 4 KiB durable may take. Every change of a job's state waits for it on a majority
// of the voters.
const (
	slowSync     = 20 * time.Millisecond
	hopelessSync = 200 * time.Millisecond
)

func diskSpeed(f Facts) []Finding {
	l := list{check: "disk speed"}
	s := f.Sync
	found := fmt.Sprintf("4 KiB durable in %v (median of %d, worst %v)", s.Median.Round(10*time.Microsecond), s.Count, s.Worst.Round(10*time.Microsecond))
	expected := fmt.Sprintf("at most %v", slowSync)
	switch {
	case s.Dir == "":
	case s.Denied:
		l.unknown(s.Dir, "this user may not write there")
	case s.Err != "":
		l.add(Problem, s.Dir, s.Err, "a directory that can be written", "look at the file system; seatunnel.seikan.state-dir names another directory")
	case s.Median > hopelessSync:
		l.add(Problem, s.Dir, found, expected, "put the state on a disk of its own, an SSD; not on a network file system")
	case s.Median > slowSync:
		l.add(Warning, s.Dir, found, expected, "put the state on an SSD, apart from the disk that jobs write to")
	default:
		l.good(s.Dir, found)
	}
	return l.all
}

func storages(f Facts) []Finding {
	l := list{check: "storage"}
	for _, s := range f.Storages {
		where := s.What + " " + s.Where
		switch {
		case s.Denied:
			l.unknown(where, "this user may not write there")
		case s.Missing:
			l.good(where, "not there yet; the node makes it")
		case s.Err != "":
			l.add(Problem, where, s.Err, "an object that can be written, read, listed and deleted", "see the keys of the storage: plugin-config in seatunnel.yaml, or map-store in hazelcast.yaml")
		default:
			l.good(where, fmt.Sprintf("written, read, listed and deleted in %v", s.Took.Round(time.Millisecond)))
		}
	}
	return l.all
}

// What a node needs at least.
const (
	fewFiles   = 4096
	littleRoom = 256 << 20 // bytes
)

func limits(f Facts) []Finding {
	l := list{check: "limits"}
	for _, p := range f.Limits {
		do := "LimitNOFILE= in the unit, or ulimit -n in the shell that starts the node"
		if p.OpenFiles < fewFiles {
			l.add(Warning, p.Process, fmt.Sprintf("%d open files", p.OpenFiles), fmt.Sprintf("at least %d", fewFiles), do)
		} else {
			l.good(p.Process, fmt.Sprintf("%d open files", p.OpenFiles))
		}
		switch {
		case p.Memory == 0:
		case f.Config.MemoryBytes > p.Memory:
			l.add(Problem, p.Process, fmt.Sprintf("its cgroup allows %s and it is told to use %s", gib(p.Memory), gib(f.Config.MemoryBytes)), "less than the cgroup allows", "lower seatunnel.seikan.memory-bytes or -Xmx, or raise MemoryMax= of the unit")
		case p.Memory < littleRoom:
			l.add(Warning, p.Process, "its cgroup allows "+gib(p.Memory), "at least "+gib(littleRoom), "raise MemoryMax= of the unit")
		default:
			l.good(p.Process, "its cgroup allows "+gib(p.Memory))
		}
	}
	return l.all
}
