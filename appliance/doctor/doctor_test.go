package doctor

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"seikan/appliance/config"
	"seikan/appliance/node"
	"seikan/engine/job/hocon"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// well is a node of a cluster of three of which nothing bad can be said.
func well() Facts {
	c := &config.Config{ClusterName: "c", Dir: "/etc/seikan", BackupCount: 1, MinFreeBytes: 1 << 30, Role: config.Hybrid}
	f := Facts{Now: now, Version: "1.0", Config: c,
		Files:    []File{{Path: "/etc/seikan/seatunnel.yaml", Exists: true, Readable: true, Mode: 0o640, GID: 99}},
		Key:      File{Path: "/etc/seikan/seikan-cluster.key", Exists: true, Readable: true, Mode: 0o640, GID: 99},
		Owner:    Account{Known: true, UID: 99, Groups: []uint32{99}},
		Ports:    []Port{{Setting: "hazelcast.network.port", Addr: ":5801"}},
		Disks:    []Disk{{What: "state", Dir: "/s", Free: 10 << 30, Total: 20 << 30, Inodes: -1}},
		Sync:     Sync{Dir: "/s", Count: 31, Median: time.Millisecond},
		Storages: []Storage{{What: "checkpoints", Where: "s3://b"}},
		Limits:   []Limits{{Process: "node", OpenFiles: 65536}},
		Certs:    []Certificate{{Path: "c.pem", NotBefore: now.Add(-time.Hour), NotAfter: now.AddDate(1, 0, 0), Names: []string{"a"}}},
		Status:   &node.ClusterStatus{},
	}
	for _, addr := range []string{"10.0.0.1:5801", "10.0.0.2:5801", "10.0.0.3:5801"} {
		f.Nodes = append(f.Nodes, Node{Addr: addr, Sure: time.Second, About: node.About{Node: addr, ClusterID: "id", ClusterName: "c", Master: "10.0.0.1:5801", Version: "1.0",
			Members: []string{"10.0.0.1:5801", "10.0.0.2:5801", "10.0.0.3:5801"}}})
		f.Status.Nodes = append(f.Status.Nodes, node.NodeStatus{Addr: addr, Voter: true})
	}
	return f
}

func TestNothingIsSaidAgainstAWellCluster(t *testing.T) {
	t.Parallel()
	all := Examine(well())
	for _, f := range all {
		if f.Level != Good {
			t.Errorf("%+v", f)
		}
	}
	if Worst(all) != 0 || len(all) < 12 {
		t.Errorf("%d findings, worst %d", len(all), Worst(all))
	}
}

// TestEachIllIsFoundAndSaysWhatToDo breaks one thing at a time.
func TestEachIllIsFoundAndSaysWhatToDo(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		ill   func(*Facts)
		check string
		level Level
		found string
	}{
		"an error in the files":  {func(f *Facts) { f.Problems = hocon.Problems{{Message: "odd port"}} }, "configuration", Problem, "odd port"},
		"a warning in the files": {func(f *Facts) { f.Problems = hocon.Problems{{Message: "in /tmp", Warning: true}} }, "configuration", Warning, "in /tmp"},
		"a file of others":       {func(f *Facts) { f.Files[0].Readable = false }, "permissions", Unknown, "may not read"},
		"secrets for everyone":   {func(f *Facts) { f.Files[0].HasSecrets, f.Files[0].Mode = true, 0o644 }, "permissions", Warning, "0644"},
		"writable for everyone":  {func(f *Facts) { f.Files[0].Mode = 0o666 }, "permissions", Problem, "write"},
		"hidden from the node":   {func(f *Facts) { f.Files[0].GID = 5 }, "permissions", Problem, "user (99)"},
		"no key":                 {func(f *Facts) { f.Key.Exists = false }, "cluster key", Warning, "not there"},
		"a key for everyone":     {func(f *Facts) { f.Key.Mode = 0o644 }, "cluster key", Problem, "0644"},
		"a key the node can't":   {func(f *Facts) { f.Key.Mode = 0o600 }, "cluster key", Problem, "user (99)"},
		"a key too short":        {func(f *Facts) { f.KeyBad = "it holds 3 characters" }, "cluster key", Problem, "3 characters"},
		"a certificate ended":    {func(f *Facts) { f.Certs[0].NotAfter = now.Add(-time.Second) }, "certificate", Problem, "ended"},
		"a certificate ends":     {func(f *Facts) { f.Certs[0].NotAfter = now.AddDate(0, 0, 10) }, "certificate", Warning, "10 days"},
		"a certificate to come":  {func(f *Facts) { f.Certs[0].NotBefore = now.Add(time.Hour) }, "certificate", Problem, "from"},
		"a certificate for b":    {func(f *Facts) { f.Certs[0].Misses = []string{"b"} }, "certificate", Problem, "not for b"},
		"an unknown CA":          {func(f *Facts) { f.Certs[0].Untrusted = "unknown authority" }, "certificate", Problem, "unknown authority"},
		"a private key for all":  {func(f *Facts) { f.Certs[0].KeyFile = File{Path: "k", Exists: true, Mode: 0o644} }, "certificate", Problem, "0644"},
		"a port that is taken":   {func(f *Facts) { f.Ports[0].Other = true }, "port", Problem, "something else"},
		"another cluster's port": {func(f *Facts) { f.Ports[0].Node = &node.About{ClusterName: "d", Ready: true} }, "port", Problem, `"d"`},
		"a node that waits":      {func(f *Facts) { f.Ports[0].Node = &node.About{ClusterName: "c"} }, "port", Problem, "not ready"},
		"a name without address": {func(f *Facts) {
			f.Names = []config.Peer{{Member: config.Member{Host: "b"}, Err: errors.New("no such host")}}
		}, "name", Problem, "no such host"},
		"a disk nearly full":      {func(f *Facts) { f.Disks[0].Free = 1<<30 + 1 }, "free space", Warning, "1.0 GiB"},
		"a full disk":             {func(f *Facts) { f.Disks[0].Free = 1 << 20 }, "free space", Problem, "1 MiB"},
		"no inodes":               {func(f *Facts) { f.Disks[0].Inodes = 3 }, "free space", Problem, "3 inodes"},
		"a slow disk":             {func(f *Facts) { f.Sync.Median = 50 * time.Millisecond }, "disk speed", Warning, "50ms"},
		"a hopeless disk":         {func(f *Facts) { f.Sync.Median = time.Second }, "disk speed", Problem, "1s"},
		"a disk of others":        {func(f *Facts) { f.Sync.Denied = true }, "disk speed", Unknown, "may not"},
		"a storage that refuses":  {func(f *Facts) { f.Storages[0].Err = "403" }, "storage", Problem, "403"},
		"few files":               {func(f *Facts) { f.Limits[0].OpenFiles = 1024 }, "limits", Warning, "1024"},
		"more memory than it has": {func(f *Facts) { f.Limits[0].Memory = 1 << 30; f.Config.MemoryBytes = 2 << 30 }, "limits", Problem, "2.0 GiB"},
		"a silent member":         {func(f *Facts) { f.Nodes[1].Err = "refused" }, "members", Problem, "refused"},
		"a member of another":     {func(f *Facts) { f.Nodes[1].Err, f.Nodes[1].Other = `it is called "d"`, true }, "members", Problem, `"d"`},
		"two clusters":            {func(f *Facts) { f.Nodes[1].About.ClusterID = "other" }, "members", Problem, "clusters of their own"},
		"a member that waits":     {func(f *Facts) { f.Nodes[1].About.ClusterID = "" }, "members", Problem, "no cluster"},
		"two masters":             {func(f *Facts) { f.Nodes[1].About.Master = "10.0.0.2:5801" }, "members", Problem, "masters"},
		"two lists":               {func(f *Facts) { f.Nodes[1].About.Members = []string{"10.0.0.2:5801"} }, "members", Problem, "different members"},
		"a clock ahead":           {func(f *Facts) { f.Nodes[1].Clock = 5 * time.Second }, "clock", Warning, "5s"},
		"a clock far behind":      {func(f *Facts) { f.Nodes[1].Clock = -time.Hour }, "clock", Problem, "1h"},
		"an old node":             {func(f *Facts) { f.Nodes[1].About.Version = "0.9" }, "version", Warning, "0.9 on 10.0.0.2:5801"},
		"an old program":          {func(f *Facts) { f.Version = "0.9" }, "version", Warning, "0.9"},
		"two nodes":               {func(f *Facts) { f.Status.Nodes = f.Status.Nodes[:2]; f.Status.Nodes[1].Voter = false }, "votes", Warning, "one of 2"},
		"too few for the backups": {func(f *Facts) { f.Config.BackupCount = 2 }, "votes", Warning, "1 may fail"},
		"a vote that is missing":  {func(f *Facts) { f.Status.Nodes[2].Voter = false }, "votes", Warning, "2 of 3"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := well()
			c.ill(&f)
			all := Examine(f)
			i := slices.IndexFunc(all, func(f Finding) bool {
				return f.Level == c.level && f.Check == c.check && strings.Contains(f.Found, c.found)
			})
			if i < 0 {
				t.Fatalf("not found: %+v", all)
			}
			if all[i].Do == "" || all[i].Level != Unknown && all[i].Expected == "" || all[i].Where == "" {
				t.Errorf("it does not say what is expected, where, or what to do: %+v", all[i])
			}
			if want := map[Level]int{Unknown: 0, Warning: 1, Problem: 2}[c.level]; Worst(all) != want {
				t.Errorf("exit code %d, not %d: %+v", Worst(all), want, all)
			}
		})
	}
}

func TestWithoutARunningNodeTheClusterIsUnknown(t *testing.T) {
	t.Parallel()
	f := well()
	for i := range f.Nodes {
		f.Nodes[i] = Node{Addr: f.Nodes[i].Addr, Err: "connection refused"}
	}
	f.Status, f.Down = nil, "connection refused"
	for _, one := range Examine(f) {
		if one.Level == Warning || one.Level == Problem {
			t.Errorf("%+v", one)
		}
	}
}
