package raft

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/rqlite/rqlite/v8/command/proto"
	_ "modernc.org/sqlite"

	"seikan/db"
)

func TestOutcomeIsRefusedOnlyWhereNothingCanHappenLater(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]db.Outcome{
		"not leader":                                      db.Refused,
		"node is not the leader":                          db.Refused,
		"store not ready":                                 db.Refused,
		"store not open":                                  db.Refused,
		"timed out enqueuing operation":                   db.Refused,
		"leadership transfer in progress":                 db.Refused,
		"pool get: dial tcp: connection refused":          db.Refused,
		"write length: EOF":                               db.Refused,
		"FOREIGN KEY constraint failed":                   db.Refused,
		ErrDiskLow.Error() + ": /var/lib":                 db.Refused,
		"leadership lost while committing log":            db.Unknown,
		"raft is already shutdown":                        db.Unknown,
		"write protobuf bytes: broken pipe":               db.Unknown,
		"read protobuf length: EOF":                       db.Unknown,
		"read protobuf length: i/o timeout":               db.Unknown,
		"database or disk is full":                        db.Unknown,
		"cannot start a transaction within a transaction": db.Unknown,
		"something new":                                   db.Unknown,
	} {
		if got := outcomeOf(errors.New(text)); got != want {
			t.Errorf("%q: %v, want %v", text, got, want)
		}
	}
}

func TestEveryAnswerIsChecked(t *testing.T) {
	t.Parallel()
	ok := func(n int64) *proto.ExecuteQueryResponse {
		return &proto.ExecuteQueryResponse{Result: &proto.ExecuteQueryResponse_E{E: &proto.ExecuteResult{RowsAffected: n}}}
	}
	bad := func(text string) *proto.ExecuteQueryResponse {
		return &proto.ExecuteQueryResponse{Result: &proto.ExecuteQueryResponse_Error{Error: text}}
	}
	rows := &proto.ExecuteQueryResponse{Result: &proto.ExecuteQueryResponse_Q{Q: &proto.QueryRows{}}}
	two := []db.Statement{db.S("UPDATE a SET b = 1"), db.S("DELETE FROM a")}
	guard := db.Guard("1 = 2")
	type all = []*proto.ExecuteQueryResponse
	for name, c := range map[string]struct {
		statements []db.Statement
		answers    all
		want       db.Outcome
		text       string
	}{
		"all well":           {two, all{ok(1), ok(2)}, db.Done, ""},
		"one is missing":     {two, all{ok(1)}, db.Unknown, "1 answers to 2"},
		"none":               {two, nil, db.Unknown, "0 answers"},
		"one too many":       {two, all{ok(1), ok(1), ok(1)}, db.Unknown, "3 answers"},
		"rows":               {two, all{ok(1), rows}, db.Unknown, "unexpected"},
		"empty answer":       {two, all{ok(1), {}}, db.Unknown, "unexpected"},
		"constraint":         {two, all{ok(1), bad("UNIQUE constraint failed: a.b")}, db.Refused, "statement 2 of 2"},
		"guard":              {guard, all{bad("CHECK constraint failed: ok = 1")}, db.Refused, db.ErrGuard.Error()},
		"no table":           {guard, all{bad("no such table: guard")}, db.Refused, "no such table"},
		"full":               {two, all{ok(1), bad("database or disk is full")}, db.Unknown, "full"},
		"guard on full disk": {guard, all{bad("database or disk is full")}, db.Unknown, "full"},
	} {
		res, err := judge(c.statements, c.answers)
		if res.Outcome != c.want || (err == nil) != (c.want == db.Done) || err != nil && !strings.Contains(err.Error(), c.text) {
			t.Errorf("%s: %v (%v), want %v", name, res.Outcome, err, c.want)
		}
	}
}

func TestForeignLogLinesBecomeRecords(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]struct {
		part, text string
		level      slog.Level
	}{
		"[raft] 2026/11/24 06:03:50 [WARN]  no known peers":                      {"raft", "no known peers", slog.LevelWarn},
		"2026-11-24T06:03:50.003Z [ERROR] raft-net: failed to accept: error=EOF": {"raft", "raft-net: failed to accept: error=EOF", slog.LevelError},
		"2026-11-24T06:03:50.003+0900 [DEBUG] raft-net: accepted connection":     {"raft", "raft-net: accepted connection", slog.LevelDebug},
		"[cluster] 2026/11/24 06:03:50 service listening on 127.0.0.1:1":         {"cluster", "service listening on 127.0.0.1:1", slog.LevelDebug},
		"[store] failed to generate user-requested snapshot: x":                  {"store", "failed to generate user-requested snapshot: x", slog.LevelWarn},
		"[snapshot-store] 2026/11/24 06:03:50 reaped":                            {"snapshot-store", "reaped", slog.LevelDebug},
		"no shape at all": {"raft", "no shape at all", slog.LevelDebug},
	} {
		part, level, text := parseLine(line)
		if part != want.part || text != want.text || level != want.level {
			t.Errorf("%q: %q %v %q", line, part, level, text)
		}
	}
}

// lockedBuffer is written by several goroutines.
type lockedBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

func TestWhatRaftSaysReachesTheLog(t *testing.T) {
	t.Parallel()
	var out lockedBuffer
	n := single(t, func(c *Config) {
		c.Log = slog.New(slog.NewTextHandler(&out, &slog.HandlerOptions{Level: slog.LevelDebug}))
		c.Level = "INFO"
	})
	if err := n.stop(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"part=raft", "entering leader state", "part=store", "part=cluster"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in the log:\n%s", want, out.String())
		}
	}
}

func TestBackupStandsAloneAndCanBeRestored(t *testing.T) {
	t.Parallel()
	n := single(t)
	write(t, n.LeaderStore(), op("a"))
	write(t, n.LeaderStore(), op("b"))
	path := filepath.Join(t.TempDir(), "backup.db")
	f, err := os.Create(path)
	if err == nil {
		err = n.Backup(f)
	}
	if err = errors.Join(err, f.Close()); err != nil {
		t.Fatal(err)
	}
	other, err := sql.Open("sqlite", "file:"+path+"?mode=ro")
	if err != nil {
		t.Fatal(err)
	}
	var rows int
	err = errors.Join(other.QueryRow("SELECT count(*) FROM op").Scan(&rows), other.Close())
	if err != nil || rows != 2 {
		t.Errorf("another SQLite sees %d rows (%v)", rows, err)
	}
	write(t, n.LeaderStore(), op("not in the backup"))

	restored := mustOpen(t, t.TempDir(), "127.0.0.1:0")
	if err := restored.BootstrapFrom(soon(t), filepath.Join(n.cfg.Dir, idFile), nil); err == nil {
		t.Error("a file that is no database is restored")
	}
	unsettled := errors.New("not yet")
	err = restored.BootstrapFrom(soon(t), path, func(ctx context.Context, s db.Store) error {
		_, err := s.Write(ctx, op("half settled"))
		return errors.Join(unsettled, err)
	})
	if !errors.Is(err, unsettled) {
		t.Fatal(err)
	}
	if ok, err := restored.Ready(soon(t)); ok || err != nil {
		t.Errorf("a state that is not settled is ready: %v, %v", ok, err)
	}
	if _, err := restored.LeaderStore().Write(soon(t), op("too early")); !errors.Is(err, ErrNotReady) {
		t.Errorf("a state that is not settled takes a write: %v", err)
	}
	if err := restored.BootstrapFrom(soon(t), path, func(ctx context.Context, s db.Store) error {
		_, err := s.Write(ctx, op("settled"))
		return err
	}); err != nil {
		t.Fatal(err)
	}
	restored.ready(t)
	if got := number(t, restored.LeaderStore(), "SELECT count(*) FROM op"); got != 3 {
		t.Errorf("%d rows after the restore", got)
	}
	write(t, restored.LeaderStore(), op("c"))
	if err := restored.BootstrapFrom(soon(t), path, nil); err == nil {
		t.Error("a backup is restored over live data")
	}
	write(t, restored.LeaderStore(), op("d"))
	joined := mustOpen(t, t.TempDir(), "127.0.0.1:0")
	if err := joined.Join(soon(t), []string{restored.Addr()}, true); err != nil {
		t.Fatal(err)
	}
	joined.ready(t)
	until(t, "the restored rows are on the other node", func() bool {
		r, err := joined.LeaderStore().Query(db.Stale(context.Background()), db.S("SELECT count(*) FROM op"))
		return err == nil && r.Values[0][0] == int64(5)
	})
	if err := restored.stop(); err != nil {
		t.Fatal(err)
	}
	again := restored.again(t).ready(t)
	if got := number(t, again.Forwarding(), "SELECT count(*) FROM op"); got != 5 {
		t.Errorf("%d rows after a restart", got)
	}
}

func TestStatsTellTheState(t *testing.T) {
	t.Parallel()
	n := single(t)
	write(t, n.LeaderStore(), op("a"))
	s, err := n.Stats()
	if err != nil || s.State != "Leader" || !s.Voter || !s.Ready || s.ID != n.ID() || s.LeaderID != n.ID() ||
		s.Term == 0 || s.CommitIndex == 0 || s.DirBytes == 0 || s.LogBytes == 0 || s.FreeBytes == 0 {
		t.Errorf("%+v (%v)", s, err)
	}
}
