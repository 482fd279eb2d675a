package cli

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"seikan/appliance/config"
	"seikan/appliance/doctor"
	"seikan/appliance/node"
	"seikan/db/state"
	"seikan/engine/job"
	"seikan/storage/open"
)

// secretsOf are the values of a configuration that must be nowhere in a bundle.
func secretsOf(c *config.Config) (out []string) {
	for _, s := range []config.Storage{c.Checkpoint.Storage, c.MapStore.Storage} {
		for _, k := range open.Keys(s.Kind) {
			for _, name := range append([]string{k.Name}, k.Old...) {
				if k.Sensitive {
					out = append(out, s.Keys[name])
				}
			}
		}
	}
	for _, v := range c.EventReport.Headers {
		out = append(out, v)
	}
	if key, err := os.ReadFile(c.ClusterKeyFile); err == nil {
		out = append(out, string(key))
	}
	for _, s := range c.Explain() { // what is masked there, as the files have it
		if !strings.Contains(s.Value, job.Masked) {
			continue
		}
		path, number, _ := strings.Cut(s.From, ":")
		n, err := strconv.Atoi(number)
		text, rerr := os.ReadFile(path)
		lines := strings.Split(string(text), "\n")
		if err != nil || rerr != nil || n < 1 || n > len(lines) {
			continue
		}
		if _, v, ok := strings.Cut(lines[n-1], ":"); ok && s.Value == job.Masked {
			out = append(out, strings.Trim(strings.TrimSpace(v), `"'`))
		}
	}
	return out
}

// clientView is a configuration as clients of the cluster have it, with the members that its nodes know.
func clientView(c *config.Config) *config.Config {
	view := *c
	view.Role = config.Client
	if len(c.Network.Members) > 0 {
		view.Client.Members = slices.Clone(c.Network.Members)
	}
	return &view
}

// newest makes a client that asks any node that answered.
func newest(c *config.Config, nodes []doctor.Node) (*node.Client, error) {
	view := *c
	view.Client = config.ClientSettings{ClusterName: c.ClusterName}
	for _, n := range nodes {
		if m, err := config.ParseMember(n.Addr); err == nil && n.Err == "" {
			view.Client.Members = append(view.Client.Members, m)
		}
	}
	return node.NewClient(&view, slog.New(slog.DiscardHandler))
}

// jobs adds the newest jobs, and the last failed ones with their text as it may be shown.
func (g gatherer) jobs(ctx context.Context, b book) {
	rows, _, err := b.Jobs(ctx, state.Filter{}, "", recentJobs)
	views := make([]jobView, 0, len(rows))
	failed := 0
	for _, j := range rows {
		v, verr := viewJob(ctx, b, j)
		err = errors.Join(err, verr)
		views = append(views, v)
		if j.Status != state.Failed || failed == failedJobs {
			continue
		}
		failed++
		full, verr := fullView(ctx, b, j.ID)
		g.addJSON("jobs/"+j.ID+".json", "a failed job", full, verr)
		if j, verr := b.Job(ctx, j.ID); verr == nil {
			var text bytes.Buffer
			err := json.Indent(&text, []byte(j.Text), "", "  ")
			g.b.Add("jobs/"+j.ID+".job.json", "its text, without the values of secret options", text.Bytes(), err)
		}
	}
	g.addJSON("cluster/jobs.json", "the newest jobs", views, err)
}

// most is how much of one text is taken, bytes: the end of it, where the news is.
const most = 4 << 20

// node adds the goroutines and the metrics of a node.
func (g gatherer) node(ctx context.Context, n doctor.Node) {
	if n.Err != "" {
		return
	}
	name := strings.NewReplacer(":", "_", "[", "", "]", "").Replace(n.Addr)
	v2 := ""
	if _, port, err := net.SplitHostPort(n.About.HTTP); err == nil {
		host, _, _ := net.SplitHostPort(n.Addr)
		v2 = net.JoinHostPort(host, port) + g.cfg.HTTP.ContextPath
	}
	text, err := g.fetch(ctx, n.Addr+"/metrics")
	g.b.Add("nodes/"+name+"/metrics.txt", "metrics", text, err)
	text, err = g.fetch(ctx, n.Addr+"/hazelcast/rest/maps/thread-dump")
	if err != nil && v2 != "" { // REST V1 may be off
		text, err = g.fetch(ctx, v2+"/thread-dump")
	}
	g.b.Add("nodes/"+name+"/goroutines.json", "what each goroutine does", text, err)
}

// fetch reads a page of a node.
func (g gatherer) fetch(ctx context.Context, page string) ([]byte, error) {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	scheme, transport := "http://", &http.Transport{DisableKeepAlives: true}
	if g.cfg.TLS.Cert != "" {
		scheme, transport.TLSClientConfig = "https://", &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true} // nothing is told; what comes is read by people
		if pair, err := tls.LoadX509KeyPair(g.cfg.TLS.Cert, g.cfg.TLS.Key); err == nil {
			transport.TLSClientConfig.Certificates = []tls.Certificate{pair}
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+page, nil)
	if err != nil {
		return nil, err
	}
	got, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return nil, err
	}
	defer got.Body.Close()
	text, err := io.ReadAll(io.LimitReader(got.Body, most))
	if err == nil && got.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("HTTP status %d: %s", got.StatusCode, bytes.TrimSpace(text[:min(len(text), 300)]))
	}
	return text, err
}

// mostLogs is how much of all logs is taken, bytes.
const mostLogs = 64 << 20

// logs adds the log files that were written since a time, the newest first.
func (g gatherer) logs(dir string, since time.Time) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		g.b.Add("logs", "", nil, err)
		return
	}
	var files []os.FileInfo
	for _, e := range entries {
		if info, err := e.Info(); err == nil && info.Mode().IsRegular() && info.ModTime().After(since) {
			files = append(files, info)
		}
	}
	slices.SortFunc(files, func(a, b os.FileInfo) int {
		return cmp.Or(b.ModTime().Compare(a.ModTime()), cmp.Compare(a.Name(), b.Name()))
	})
	left := mostLogs
	for i, f := range files {
		if left <= 0 {
			g.b.Add("logs", "", nil, fmt.Errorf("%d older files are left out: the newer ones have %d MiB", len(files)-i, mostLogs>>20))
			return
		}
		text, err := tail(filepath.Join(dir, f.Name()), most)
		left -= len(text)
		g.b.Add("logs/"+f.Name(), "a log, or its end", text, err)
	}
}

// tail is the end of a file, from the beginning of a line on.
func tail(path string, n int64) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	skip := max(info.Size()-n, 0)
	text, err := io.ReadAll(io.NewSectionReader(f, skip, n))
	if skip > 0 {
		_, text, _ = bytes.Cut(text, []byte("\n"))
	}
	return text, err
}

// system adds what the operating system says.
func (g gatherer) system(ctx context.Context) {
	for _, f := range []struct{ path, about string }{{"/proc/meminfo", "memory"}, {"/proc/loadavg", "load"}, {"/proc/self/mountinfo", "mounts"}, {"/etc/os-release", "the system"}} {
		text, err := os.ReadFile(f.path)
		g.b.Add("system/"+filepath.Base(f.path), f.about, text, err)
	}
	for _, c := range []struct {
		name, about string
		argv        []string
	}{
		{"units.txt", "the state of the units", []string{"systemctl", "show", "--no-pager", "--property=Id,LoadState,ActiveState,SubState,UnitFileState,Result,NRestarts,ExecMainPID,ExecMainStatus,ActiveEnterTimestamp,StatusText,MemoryCurrent,MemoryPeak,MemoryMax,LimitNOFILE,DropInPaths", "seikan*"}},
		{"journal.txt", "what the units wrote to the journal", []string{"journalctl", "--no-pager", "-o", "short-iso", "-n", "20000", "-u", "seikan*"}},
		{"sockets.txt", "who listens where", []string{"ss", "-ltnp"}},
	} {
		if _, err := exec.LookPath(c.argv[0]); err != nil {
			g.b.Add("system/"+c.name, "", nil, err)
			continue
		}
		running, cancel := context.WithTimeout(ctx, 20*time.Second)
		text, err := exec.CommandContext(running, c.argv[0], c.argv[1:]...).CombinedOutput()
		cancel()
		g.b.Add("system/"+c.name, c.about, text[max(len(text)-most, 0):], err)
	}
}

func versionText() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "seikan %s (%s) %s %s/%s\n%d processors\n", Version, Commit, runtime.Version(), runtime.GOOS, runtime.GOARCH, runtime.NumCPU())
	if text, err := os.ReadFile("/proc/version"); err == nil {
		b.Write(text)
	}
	if info, ok := debug.ReadBuildInfo(); ok {
		for _, m := range info.Deps {
			fmt.Fprintf(&b, "%s %s\n", m.Path, m.Version)
		}
	}
	return b.Bytes()
}
