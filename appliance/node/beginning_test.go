package node

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"seikan/appliance/config"
	"seikan/appliance/member"
	"seikan/appliance/port"
	"seikan/db/backup"
	"seikan/db/state"
	"seikan/engine/job"
	"seikan/engine/job/hocon"
	"seikan/engine/rpc"
	"seikan/storage"
	blobs "seikan/storage/local"
)

// loner is a cluster of one node, whose disk may be lost; its configuration and storages are not.
type loner struct {
	t       *testing.T
	dir     string
	port    int
	name    string
	blobs   storage.Store // in place of a local one
	backups storage.Store
	node    *Server
	log     lines
}

type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) { l.mu.Lock(); defer l.mu.Unlock(); return l.b.Write(p) }
func (l *lines) String() string              { l.mu.Lock(); defer l.mu.Unlock(); return l.b.String() }

func newLoner(t *testing.T) *loner {
	l := &loner{t: t, dir: t.TempDir(), port: freePorts(t, 1)[0], name: "test"}
	l.backups = l.store("backups")
	t.Cleanup(func() {
		l.stop()
		if t.Failed() {
			t.Log(l.log.String())
		}
	})
	return l
}

func (l *loner) store(name string) storage.Store {
	l.t.Helper()
	s, err := blobs.Open(filepath.Join(l.dir, name))
	if err != nil {
		l.t.Fatal(err)
	}
	return s
}

func (l *loner) keyFile() string  { return filepath.Join(l.dir, "config", "key") }
func (l *loner) stateDir() string { return filepath.Join(l.dir, "state") }

func (l *loner) start() error {
	l.t.Helper()
	if l.blobs == nil {
		l.blobs = l.store("checkpoints")
	}
	cfg := &config.Config{StateDir: l.stateDir(), Role: config.Hybrid, ClusterName: l.name, BackupCount: 1, Slots: config.Slots{Dynamic: true},
		Network:    config.Network{Port: l.port, PortCount: 1, Members: []config.Member{{Host: "127.0.0.1", Port: l.port}}},
		Checkpoint: config.Checkpoint{Interval: time.Second, Timeout: 30 * time.Second, MaxRetained: 3}, Lease: time.Second,
		MapStore: config.MapStore{Enabled: true, ClusterName: "copied"}, VoterReplace: time.Minute, ClusterKeyFile: l.keyFile()}
	s, err := Start(l.t.Context(), StartOptions{Config: cfg, Blobs: l.blobs, Backups: l.backups, Version: "test", Log: slog.New(slog.NewTextHandler(&l.log, nil)),
		Fatal: func(err error) { l.t.Error(err) }})
	l.node = s
	return err
}

func (l *loner) stop() {
	if l.node != nil {
		l.node.Stop(context.Background())
		l.node = nil
	}
}

func (l *loner) wait(what string, ok func() bool) {
	l.t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !ok(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			l.t.Fatalf("waited in vain until %s\n%s", what, l.log.String())
		}
	}
}

func (l *loner) serve() {
	l.t.Helper()
	if err := l.start(); err != nil {
		l.t.Fatal(err)
	}
	l.wait("the node serves", func() bool { return l.node.Ready(l.t.Context()) })
}

func (l *loner) loseDisk() {
	l.t.Helper()
	l.stop()
	if err := os.RemoveAll(l.stateDir()); err != nil {
		l.t.Fatal(err)
	}
}

// submit records a small job and waits for its end.
func (l *loner) submit(id string) {
	l.t.Helper()
	text := `{"env":{},"source":[{"plugin_name":"FakeSource","row.num":1,"schema":{"fields":{"id":"bigint"}}}],"sink":[{"plugin_name":"Assert","rules":{"row_rules":[{"rule_type":"MIN_ROW","rule_value":1}]}}]}`
	if _, err := l.node.jobs.CreateJob(l.t.Context(), state.Submit{ID: id, Name: "n", Mode: "BATCH", Text: text, TextFormat: "json"}, "op-"+id); err != nil {
		l.t.Fatal(err)
	}
	l.ended(id)
}

func (l *loner) ended(id string) {
	l.t.Helper()
	l.wait("job "+id+" is finished", func() bool {
		j, err := l.node.jobs.Job(l.t.Context(), id)
		return err == nil && j.Status == state.Finished
	})
}

func (l *loner) knows(id string) bool {
	l.t.Helper()
	_, err := l.node.jobs.Job(l.t.Context(), id)
	if err != nil && !errors.Is(err, state.ErrNotFound) {
		l.t.Fatal(err)
	}
	return err == nil
}

// backUp makes a backup and returns its file.
func (l *loner) backUp() string {
	l.t.Helper()
	var b BackupStatus
	l.wait("there is a backup", func() (ok bool) {
		var err error
		b, err = l.node.backUpNow(l.t.Context(), nothing{})
		return err == nil
	})
	return filepath.Join(l.dir, "backups", b.Newest)
}

func (l *loner) incarnation() state.Incarnation {
	l.t.Helper()
	i, err := l.node.jobs.Incarnation(l.t.Context())
	if err != nil {
		l.t.Fatal(err)
	}
	return i
}

// A cluster whose disks are all lost goes on from its newest good backup, in a new incarnation and
// with numbers that were never given out.
func TestAClusterBeginsWithItsNewestGoodBackup(t *testing.T) {
	l := newLoner(t)
	l.serve()
	first := l.incarnation()
	l.submit("1")
	l.backUp()
	l.submit("2")
	l.backUp()
	l.submit("3")
	epoch, err := l.node.jobs.Epoch(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	l.stop() // with disks intact nothing is restored
	l.serve()
	if i := l.incarnation(); i != first || !l.knows("3") {
		t.Fatalf("a backup was restored over live data: %+v", i)
	}
	newest := l.backUp()
	l.loseDisk()
	data, err := os.ReadFile(newest)
	if err == nil {
		err = os.WriteFile(newest, data[:len(data)-3], 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	l.serve()
	second := l.incarnation()
	if second.ID == first.ID || second.ID != l.node.disk.cluster() || second.RestoredFrom == "" || strings.HasSuffix(newest, second.RestoredFrom) || !second.Settled {
		t.Errorf("the new incarnation is %+v after %+v", second, first)
	}
	if !l.knows("1") || !l.knows("2") {
		t.Error("jobs that were backed up are gone")
	}
	if now, err := l.node.jobs.Epoch(t.Context()); err != nil || now < epoch+1_000_000 {
		t.Errorf("the epoch is %d after %d (%v)", now, epoch, err)
	}
	if !strings.Contains(l.log.String(), "A BACKUP IS DAMAGED") {
		t.Error("nothing is said of the damaged backup")
	}
	l.submit("4")
	l.backUp()
	l.loseDisk()
	l.serve()
	if !l.knows("4") {
		t.Error("the second life was not backed up")
	}
}

// awayStore is a storage that cannot be listed while it is away.
type awayStore struct {
	storage.Store
	away atomic.Bool
}

func (s *awayStore) List(ctx context.Context, prefix, after string, limit int) (storage.Page, error) {
	if s.away.Load() {
		return storage.Page{}, &storage.Error{Op: "list", Path: "away", Err: syscall.ECONNREFUSED}
	}
	return s.Store.List(ctx, prefix, after, limit)
}

// A restored state is used when checkpoints newer than it are adopted, and not before; a node that
// is killed meanwhile begins anew.
func TestAFormationThatWasCutOffIsBegunAnew(t *testing.T) {
	l := newLoner(t)
	l.serve()
	l.submit("1")
	l.backUp()
	l.loseDisk()
	away := &awayStore{Store: l.store("checkpoints")}
	away.away.Store(true)
	l.blobs = away
	if err := l.start(); err != nil {
		t.Fatal(err)
	}
	l.wait("the restored state cannot be settled", func() bool { return strings.Contains(l.log.String(), "connection refused") && l.node.raft.IsLeader() })
	if l.node.Ready(t.Context()) || l.node.disk.cluster() != "" {
		t.Error("a cluster is formed though its state is not settled")
	}
	if _, err := l.node.Submit(t.Context(), ClusterJob{Format: "hocon", Text: "env {}"}); err == nil {
		t.Error("a job is accepted before the state is settled")
	}
	l.stop()
	if text, err := os.ReadFile(filepath.Join(l.stateDir(), "cluster.json")); err != nil || !strings.Contains(string(text), `"forming":true`) {
		t.Fatalf("nothing says that the node was forming a cluster: %s %v", text, err)
	}
	away.away.Store(false)
	l.serve()
	if i := l.incarnation(); i.RestoredFrom == "" || !i.Settled || !l.knows("1") {
		t.Errorf("after the second try: %+v, job known: %v", i, l.knows("1"))
	}
}

func TestOnlyAClusterThatWasNotFormedToTheEndIsThrownAway(t *testing.T) {
	t.Parallel()
	for note, kept := range map[string]bool{
		`{"cluster_id":"","forming":true}`:   false,
		`{"cluster_id":"c1"}`:                true,
		`{"cluster_id":"c1","forming":true}`: true,
		`{"cluster_id":""}`:                  true, // it has joined one and not noted it yet
	} {
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "cluster.json"), []byte(note), 0o600); err != nil {
			t.Fatal(err)
		}
		leave(t, dir, byNode)
		raftDir := filepath.Join(dir, "raft")
		for _, name := range []string{"lock", "node-id", "members.json", "store/raft.db"} {
			path := filepath.Join(raftDir, name)
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		m, err := readMembership(dir)
		if err == nil {
			err = dropUnfinished(m, raftDir)
		}
		if err != nil {
			t.Fatal(err)
		}
		for name, want := range map[string]bool{"lock": true, "node-id": true, "members.json": kept, "store": kept} {
			if _, err := os.Stat(filepath.Join(raftDir, name)); (err == nil) != want {
				t.Errorf("%s: %s is there: %v", note, name, err == nil)
			}
		}
		// In a cluster nobody begins with a backup: a copy of the whole state would stay for ever.
		if _, err := os.Stat(filepath.Join(dir, pastDir)); (err == nil) != (m.cluster() == "") {
			t.Errorf("%s: the copy of a backup is there: %v", note, err == nil)
		}
	}
}

// leave puts a backup's copy below a state directory, as a crash leaves it.
func leave(t *testing.T, stateDir, by string) {
	t.Helper()
	dir := filepath.Join(stateDir, pastDir)
	err := os.MkdirAll(dir, 0o700)
	for name, text := range map[string]string{pastFile: "a database", pastNote: `{"from":"b","by":"` + by + `"}`} {
		err = errors.Join(err, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// What a node has copied by itself is not an administrator's word: it forces no second cluster,
// and a cluster that lives is joined.
func TestOnlyARestoreThatWasOrderedForcesAClusterOrBlocksAJoin(t *testing.T) {
	t.Parallel()
	for by, ordered := range map[string]bool{byCommand: true, byNode: false, "": true} { // "": by a version that did not note it
		dir := t.TempDir()
		leave(t, dir, by)
		disk, err := readMembership(dir)
		if err != nil {
			t.Fatal(err)
		}
		s := &Server{cfg: &config.Config{StateDir: dir}, disk: disk, guard: &port.Guard{}}
		if s.staged() != ordered {
			t.Errorf("by %q: it forces a cluster: %v", by, !ordered)
		}
		err = s.follow(t.Context(), member.Decision{Do: member.Join}) // there is nobody to ask
		if refused := err != nil && strings.Contains(err.Error(), "`seikan restore` has prepared"); refused != ordered {
			t.Errorf("by %q: %v", by, err)
		}
		if _, err := os.Stat(filepath.Join(dir, pastDir)); (err == nil) != ordered {
			t.Errorf("by %q: the copy is there: %v", by, err == nil)
		}
	}
}

// The newest backup is looked for again: another one may have been made, or put back, meanwhile.
func TestACopyThatANodeMadeByItselfIsMadeAnew(t *testing.T) {
	l := newLoner(t)
	l.serve()
	l.submit("1")
	l.backUp()
	l.submit("2")
	newest := l.backUp()
	l.loseDisk()
	if err := os.Rename(newest, l.dir+"/hidden"); err != nil {
		t.Fatal(err)
	}
	away := &awayStore{Store: l.store("checkpoints")}
	away.away.Store(true)
	l.blobs = away
	if err := l.start(); err != nil {
		t.Fatal(err)
	}
	l.wait("the restored state cannot be settled", func() bool {
		return strings.Contains(l.log.String(), "not in a cluster yet") && l.node.raft.IsLeader()
	})
	if l.node.staged() {
		t.Error("a node's own copy is taken for an ordered restore")
	}
	l.stop()
	if _, err := os.Stat(filepath.Join(l.stateDir(), pastDir, pastNote)); err != nil {
		t.Fatalf("nothing was copied: %v", err)
	}
	if err := os.Rename(l.dir+"/hidden", newest); err != nil {
		t.Fatal(err)
	}
	away.away.Store(false)
	l.serve()
	if i := l.incarnation(); !strings.HasSuffix(newest, i.RestoredFrom) || !l.knows("2") {
		t.Errorf("it goes on from %s, not from %s", i.RestoredFrom, newest)
	}
}

// Two clusters that were configured from one example do not run each other's jobs.
func TestTheBackupOfAnotherClusterIsRefused(t *testing.T) {
	l := newLoner(t)
	l.serve()
	l.submit("1")
	l.backUp()
	l.loseDisk()
	l.name = "another"
	if err := l.start(); err != nil {
		t.Fatal(err)
	}
	l.wait("the other cluster's backup is refused", func() bool {
		return l.node.waits.Load() != nil && strings.Contains(*l.node.waits.Load(), "clusterName")
	})
	if why := *l.node.waits.Load(); !strings.Contains(why, `"test"`) || !strings.Contains(why, `"another"`) || l.node.disk.cluster() != "" {
		t.Errorf("it says %q and is in cluster %q", why, l.node.disk.cluster())
	}
}

// A backup that the cluster key encrypts waits for the key, by the name of its file, and no other
// key is made meanwhile.
func TestARestoreWaitsForTheKey(t *testing.T) {
	l := newLoner(t)
	l.serve()
	l.submit("1")
	l.backUp()
	l.loseDisk()
	hidden := l.keyFile() + ".hidden"
	if err := os.Rename(l.keyFile(), hidden); err != nil {
		t.Fatal(err)
	}
	if err := l.start(); err != nil {
		t.Fatal(err)
	}
	l.wait("it names the key file", func() bool { return l.node.waits.Load() != nil && strings.Contains(*l.node.waits.Load(), l.keyFile()) })
	if _, err := os.Stat(l.keyFile()); !errors.Is(err, fs.ErrNotExist) {
		t.Fatalf("another key was made (%v)", err)
	}
	if err := os.Rename(hidden, l.keyFile()); err != nil {
		t.Fatal(err)
	}
	l.wait("the cluster is restored", func() bool { return l.node.Ready(t.Context()) })
	if !l.knows("1") {
		t.Error("the job is gone")
	}
}

// A job whose secrets the missing cluster key seals waits for it, also in a cluster that was
// restored from a backup that was not encrypted.
func TestSealedJobsWaitForTheKey(t *testing.T) {
	l := newLoner(t)
	l.serve()
	text := `{"env":{"job.name":"hush","job.mode":"STREAMING","read_limit.rows_per_second":10},"source":[{"plugin_name":"FakeSource","row.num":100000000,"split.num":10000,"schema":{"fields":{"id":"bigint"}}}],
		"sink":[{"plugin_name":"Assert","rules":{"row_rules":[{"rule_type":"MIN_ROW","rule_value":1}]}}]}`
	root, err := hocon.Parse("job.json", []byte(text), hocon.Options{})
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := l.node.sealer.Load().Seal(root, func(_, key string) bool { return key == "job.name" })
	if err != nil {
		t.Fatal(err)
	}
	stored := string(hocon.JSON(sealed))
	if !strings.Contains(stored, job.Sealed) {
		t.Fatalf("nothing is sealed in %s", stored)
	}
	if _, err := l.node.jobs.CreateJob(t.Context(), state.Submit{ID: "1", Name: "n", Mode: "STREAMING", Text: stored, TextFormat: "json"}, "op"); err != nil {
		t.Fatal(err)
	}
	runs := func() bool {
		for _, task := range l.node.worker.Tasks() {
			if task.Role == rpc.Head && task.State == rpc.Running {
				return true
			}
		}
		return false
	}
	hidden := l.keyFile() + ".hidden"
	waits := func(name string) {
		t.Helper()
		if err := os.Rename(l.keyFile(), hidden); err != nil {
			t.Fatal(err)
		}
		l.serve()
		l.wait(name+": the job says what it waits for", func() bool {
			p, err := l.node.Progress(t.Context(), Of{ID: "1"})
			return err == nil && strings.Contains(p.Waiting, l.keyFile())
		})
		if j, err := l.node.jobs.Job(t.Context(), "1"); err != nil || j.Status != state.Running || runs() {
			t.Errorf("%s: the job is %s and runs: %v (%v)", name, j.Status, runs(), err)
		}
		if _, err := os.Stat(l.keyFile()); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("%s: another key was made (%v)", name, err)
		}
		if b, err := l.node.backupsHere(t.Context(), nothing{}); l.backups != nil && (err != nil || b == nil || !strings.Contains(b.warning(), l.keyFile())) {
			t.Errorf("%s: nothing says that the state is not backed up: %+v, %v", name, b, err)
		}
		secret := `{"env":{},"source":[{"plugin_name":"Vault","api.key":"geheim"}],"sink":[{"plugin_name":"Assert"}]}`
		if _, err := l.node.Submit(t.Context(), ClusterJob{Format: "json", Text: secret}); err == nil || !strings.Contains(err.Error(), l.keyFile()) {
			t.Errorf("%s: a secret is stored in clear: %v", name, err)
		}
		if err := os.Rename(hidden, l.keyFile()); err != nil {
			t.Fatal(err)
		}
		l.wait(name+": the job runs", runs)
	}
	l.wait("the job runs", runs)
	l.stop()
	waits("disk kept")

	l.stop()
	backups := l.backups
	l.backups = nil
	l.serve()
	u := &backup.Uploader{Store: backups, Folder: "copied", Cluster: l.name, ClusterID: l.node.disk.cluster(), Source: l.node.raft.Backup,
		Version: l.node.master.Jobs.Changes, Log: slog.New(slog.DiscardHandler)}
	if _, err := u.Now(t.Context()); err != nil {
		t.Fatal(err)
	}
	l.loseDisk()
	l.backups = backups
	waits("restored")
}

// brokenStore refuses to be written.
type brokenStore struct {
	storage.Store
	err error
}

func (s brokenStore) Put(context.Context, string, io.Reader) (storage.Info, error) {
	return storage.Info{}, &storage.Error{Op: "put", Path: "s3://b/x", Hint: "change fs.s3a.secret.key", Err: s.err}
}

func TestANodeStartsWithAStorageThatIsDownAndNotWithOneThatRefuses(t *testing.T) {
	l := newLoner(t)
	good := l.store("checkpoints")
	for what, set := range map[string]func(error){
		"checkpoint.storage": func(err error) { l.blobs, l.backups = brokenStore{good, err}, nil },
		"map-store":          func(err error) { l.blobs, l.backups = good, brokenStore{good, err} },
	} {
		set(errors.New("SignatureDoesNotMatch"))
		if err := l.start(); err == nil || !strings.Contains(err.Error(), what) || !strings.Contains(err.Error(), "fs.s3a.secret.key") {
			t.Errorf("%s that refuses: %v", what, err)
			l.stop()
		}
		set(syscall.ECONNREFUSED)
		l.node = nil
		l.serve()
		if !strings.Contains(l.log.String(), "does not serve now") {
			t.Errorf("nothing is said of the %s that is down", what)
		}
		l.stop()
	}
}

// `seikan restore` prepares a node of a cluster of any size, and never one that has data.
func TestARestoreIsPreparedForANodeWithoutACluster(t *testing.T) {
	l := newLoner(t)
	l.serve()
	l.submit("1")
	cfg, key := l.node.cfg, l.node.guard.Key()
	l.backUp()
	l.stop()
	i, err := backup.Newest(t.Context(), l.backups, key, backup.Want{Folder: "copied"})
	if err != nil {
		t.Fatal(err)
	}
	if err := PrepareRestore(t.Context(), cfg, l.backups, i, key); err == nil || !strings.Contains(err.Error(), "never restored over live data") {
		t.Errorf("over live data: %v", err)
	}
	other := newLoner(t) // another cluster, without backups of its own
	other.name, other.backups = "larger", nil
	cfg2 := *cfg
	cfg2.StateDir = other.stateDir()
	if err := os.MkdirAll(other.stateDir(), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := PrepareRestore(t.Context(), &cfg2, l.backups, i, key); err != nil {
		t.Fatal(err)
	}
	if disk, err := readMembership(other.stateDir()); err != nil || !(&Server{cfg: &cfg2, disk: disk}).staged() {
		t.Errorf("the node does not know that a restore was ordered (%v)", err)
	}
	other.serve()
	if got := other.incarnation(); !other.knows("1") || got.RestoredFrom != i.Name {
		t.Errorf("the prepared cluster is %+v, job known: %v", got, other.knows("1"))
	}
	if _, err := os.Stat(filepath.Join(other.stateDir(), pastDir)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what was prepared is still there (%v)", err)
	}
	other.stop()
	other.serve()
	if !other.knows("1") {
		t.Error("the job is gone after a restart")
	}
}
