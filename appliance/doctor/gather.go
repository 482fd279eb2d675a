package doctor

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"seikan/appliance/config"
	"seikan/engine/job"
	"seikan/engine/job/hocon"
)

// Look says where to look.
type Look struct {
	Config   *config.Config // of a node; with the role of a client only the cluster is looked at
	Files    []config.File
	Problems hocon.Problems
	Version  string // of this program
}

// patience is how long one thing is waited for.
const patience = 5 * time.Second

// Gather finds out the facts. It changes nothing but small files that it removes again.
func Gather(ctx context.Context, o Look) Facts {
	f := Facts{Now: time.Now(), Version: o.Version, Config: o.Config, Problems: o.Problems}
	c := o.Config
	for _, cf := range o.Files {
		if cf.Found || exists(cf.Path) {
			f.Files = append(f.Files, file(cf.Path))
		}
	}
	f.Nodes, f.Status, f.Down = clusterFacts(ctx, c)
	if c.Role == config.Client {
		return f
	}
	secrets(f.Files, c)
	f.Owner = owner(c.StateDir)
	f.Key, f.KeyBad = keyFacts(c.ClusterKeyFile)
	f.Names = resolved(ctx, c.Network.Members)
	f.Certs = certificateFacts(c, f.Names)
	f.Disks, f.Sync = diskFacts(c)
	f.Storages = storageFacts(ctx, c)
	f.Limits = limitFacts()
	f.Ports = portFacts(ctx, c)
	return f
}

// shortKey is fewer characters than a key that was made has.
const shortKey = 32

func keyFacts(path string) (File, string) {
	if path == "" {
		return File{}, ""
	}
	text, err := os.ReadFile(path)
	if n := len(strings.TrimSpace(string(text))); err == nil && n < shortKey {
		return file(path), fmt.Sprintf("it holds %d characters", n)
	}
	return file(path), ""
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return path != "" && err == nil
}

func file(path string) File {
	f := File{Path: path}
	info, err := os.Stat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return f
	case err != nil:
		f.Err = err.Error()
		return f
	}
	f.Exists, f.Mode = true, info.Mode()
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		f.UID, f.GID = s.Uid, s.Gid
	}
	if r, err := os.Open(path); err == nil {
		f.Readable = true
		_ = r.Close()
	}
	return f
}

// secrets marks the files that give a value which is a secret itself, not a reference to one.
func secrets(files []File, c *config.Config) {
	for _, s := range c.Explain() {
		if s.Value != job.Masked {
			continue
		}
		path, line, ok := strings.Cut(s.From, ":")
		n, err := strconv.Atoi(line)
		if !ok || err != nil {
			continue
		}
		for i := range files {
			if files[i].Path == path && !reference(path, n) {
				files[i].HasSecrets = true
			}
		}
	}
}

// reference says whether a line of a file holds ${…}.
func reference(path string, line int) bool {
	text, err := os.ReadFile(path)
	lines := strings.Split(string(text), "\n")
	return err == nil && line >= 1 && line <= len(lines) && strings.Contains(lines[line-1], "${")
}

// owner is who the state belongs to; before the first start, the user of the packages.
func owner(dir string) Account {
	var uid uint32
	if info, err := os.Stat(dir); err == nil {
		if s, ok := info.Sys().(*syscall.Stat_t); ok {
			uid = s.Uid
		}
	} else {
		return Account{}
	}
	a := Account{Known: true, UID: uid}
	u, err := user.LookupId(strconv.Itoa(int(uid)))
	if err != nil {
		return a
	}
	groups, err := u.GroupIds()
	if err != nil {
		groups = []string{u.Gid}
	}
	for _, g := range groups {
		if n, err := strconv.ParseUint(g, 10, 32); err == nil {
			a.Groups = append(a.Groups, uint32(n))
		}
	}
	return a
}

func resolved(ctx context.Context, members []config.Member) []config.Peer {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return config.Resolve(ctx, net.DefaultResolver, members)
}

// diskFacts look at the disks of the state, the checkpoints and the logs.
func diskFacts(c *config.Config) ([]Disk, Sync) {
	var out []Disk
	seen := map[string]bool{}
	for _, d := range []Disk{{What: "state", Dir: c.StateDir}, {What: "checkpoints", Dir: localFolder(c.Checkpoint.Storage)}, {What: "logs", Dir: c.Logs.Dir}} {
		if d.Dir == "" || seen[d.Dir] {
			continue
		}
		seen[d.Dir] = true
		d.Missing = !exists(d.Dir)
		var s unix.Statfs_t
		if err := unix.Statfs(existing(d.Dir), &s); err != nil {
			d.Err = err.Error()
		} else {
			d.Free, d.Total, d.Inodes = int64(s.Bavail)*s.Bsize, int64(s.Blocks)*s.Bsize, int64(s.Ffree)
			if s.Files == 0 {
				d.Inodes = -1
			}
		}
		out = append(out, d)
	}
	return out, syncSpeed(c.StateDir)
}

// existing is the nearest directory above that is there.
func existing(dir string) string {
	for !exists(dir) && dir != filepath.Dir(dir) {
		dir = filepath.Dir(dir)
	}
	return dir
}

// limitFacts are those of the nodes that run here, or else of this program.
func limitFacts() []Limits {
	var out []Limits
	entries, err := os.ReadDir("/proc")
	if err != nil {
		return nil
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		line, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		argv := strings.Split(string(line), "\x00")
		if err != nil || len(argv) < 2 || !isNode(argv) {
			continue
		}
		if l, ok := processLimits(e.Name()); ok {
			l.Process, l.Node = fmt.Sprintf("node, pid %d", pid), true
			out = append(out, l)
		}
	}
	if len(out) == 0 {
		if l, ok := processLimits("self"); ok {
			l.Process = "this shell"
			out = append(out, l)
		}
	}
	return out
}

func isNode(argv []string) bool {
	switch strings.TrimSuffix(filepath.Base(argv[0]), ".sh") {
	case "seatunnel-cluster":
		return true
	case "seikan":
		return argv[1] == "server"
	}
	return false
}

func processLimits(pid string) (Limits, bool) {
	text, err := os.ReadFile(filepath.Join("/proc", pid, "limits"))
	if err != nil {
		return Limits{}, false
	}
	var l Limits
	for line := range strings.SplitSeq(string(text), "\n") {
		if rest, ok := strings.CutPrefix(line, "Max open files"); ok {
			words := strings.Fields(rest)
			if len(words) > 0 && words[0] == "unlimited" {
				l.OpenFiles = 1 << 62
			} else if len(words) > 0 {
				l.OpenFiles, err = strconv.ParseUint(words[0], 10, 64)
			}
		}
	}
	l.Memory = cgroupMemory(pid)
	return l, err == nil && l.OpenFiles > 0
}

// cgroupMemory is the smallest memory.max of a process's cgroup and those above it (cgroup v2); 0: none.
func cgroupMemory(pid string) int64 {
	const root = "/sys/fs/cgroup"
	text, err := os.ReadFile(filepath.Join("/proc", pid, "cgroup"))
	if err != nil {
		return 0
	}
	_, dir, ok := strings.Cut(strings.TrimSpace(string(text)), "0::")
	if !ok {
		return 0
	}
	var least int64
	for dir = filepath.Join("/", dir); ; dir = filepath.Dir(dir) {
		max, err := os.ReadFile(filepath.Join(root, dir, "memory.max"))
		if n, perr := strconv.ParseInt(strings.TrimSpace(string(max)), 10, 64); err == nil && perr == nil && (least == 0 || n < least) {
			least = n
		}
		if dir == "/" {
			return least
		}
	}
}
