package raft

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"

	"golang.org/x/sys/unix"

	"seikan/appliance/testbed/lacking"
	"seikan/db"
)

func TestRoomHasHysteresis(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		free  uint64
		tight bool
		want  room
	}{
		{1000, false, enough}, {999, false, tight}, {1000, true, tight}, {1099, true, tight}, {1100, true, enough},
		{125, false, tight}, {124, false, none}, {124, true, none}, {0, false, none},
	} {
		if got := roomFor(c.free, 1000, c.tight); got != c.want {
			t.Errorf("%d free of 1000, tight before %v: %v, want %v", c.free, c.tight, got, c.want)
		}
	}
}

// TestACopyOfTheStateDoesNotFillTheDisk: it is refused where two copies would leave too little.
func TestACopyOfTheStateDoesNotFillTheDisk(t *testing.T) {
	t.Parallel()
	var free atomic.Uint64
	free.Store(100 << 20)
	n := single(t, func(c *Config) {
		c.MinFreeBytes = 1 << 20
		c.free = func(string) (uint64, error) { return free.Load(), nil }
	})
	write(t, n.LeaderStore(), op("a"))
	if err := n.Backup(io.Discard); err != nil {
		t.Fatal(err)
	}
	size, err := sizeOf(n.st.Path(), "db.sqlite", "db.sqlite-wal")
	if err != nil || size == 0 {
		t.Fatal(size, err)
	}
	free.Store(1<<20 + 2*size - 1)
	if err := n.Backup(io.Discard); !errors.Is(err, ErrDiskLow) {
		t.Errorf("a copy on a disk that is too small: %v", err)
	}
}

func TestWritesStopEarlyAndGoOnWhenThereIsRoom(t *testing.T) {
	t.Parallel()
	var free atomic.Uint64
	free.Store(100 << 20)
	stopped := make(chan error, 1)
	n := single(t, func(c *Config) {
		c.MinFreeBytes = 16 << 20
		c.free = func(string) (uint64, error) { return free.Load(), nil }
		c.Fatal = func(err error) { stopped <- err }
	})
	write(t, n.LeaderStore(), op("a"))
	free.Store(10 << 20)
	until(t, "it is seen", n.low.Load)
	res, err := n.LeaderStore().Write(soon(t), op("b"))
	if res.Outcome != db.Refused || !errors.Is(err, ErrDiskLow) {
		t.Errorf("write is %v: %v", res.Outcome, err)
	}
	if got := number(t, n.LeaderStore(), "SELECT count(*) FROM op"); got != 1 {
		t.Errorf("%d rows", got)
	}
	free.Store(100 << 20)
	until(t, "it is seen", func() bool { return !n.low.Load() })
	write(t, n.LeaderStore(), op("b"))
	free.Store(1 << 20)
	select {
	case err := <-stopped:
		if !errors.Is(err, ErrDiskLow) {
			t.Errorf("stopped for %v", err)
		}
	case <-soon(t).Done():
		t.Fatal("a node without room goes on")
	}
	if res, err := n.LeaderStore().Write(soon(t), op("c")); res.Outcome != db.Refused || err == nil {
		t.Errorf("write after the stop is %v: %v", res.Outcome, err)
	}
}

func TestFollowerHearsThatTheLeadersDiskIsLow(t *testing.T) {
	t.Parallel()
	first := single(t)
	worker := mustOpen(t, t.TempDir(), "127.0.0.1:0")
	if err := worker.Join(soon(t), []string{first.Addr()}, false); err != nil {
		t.Fatal(err)
	}
	worker.ready(t)
	first.low.Store(true) // until the next look, 100 ms at most
	res, err := worker.Forwarding().Write(soon(t), op("a"))
	if err == nil {
		t.Skip("the disk was looked at in between")
	}
	if res.Outcome != db.Refused || !errors.Is(err, ErrDiskLow) {
		t.Errorf("write is %v: %v", res.Outcome, err)
	}
}

// On a small file system of its own: with the watch blinded, a full disk stops the node, and
// what was in the log comes back when there is room.
func TestFullDiskStopsTheNodeAndLosesNothing(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=24m"); err != nil {
		lacking.Skip(t, "mounting needs root: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	stopped := make(chan error, 1)
	n := mustOpen(t, dir, "127.0.0.1:0", func(c *Config) {
		c.free = func(string) (uint64, error) { return 1 << 40, nil }
		c.Fatal = func(err error) { stopped <- err }
	})
	if err := n.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	n.ready(t)
	write(t, n.LeaderStore(), db.S("CREATE TABLE big (id INTEGER PRIMARY KEY, v BLOB) STRICT"))
	done := int64(0)
	for i := int64(0); ; i++ {
		if i == 10_000 {
			t.Fatal("the disk is never full")
		}
		res, err := n.LeaderStore().Write(soon(t), db.S("INSERT INTO big(id, v) VALUES (?, ?)", i, noise(i)))
		if err == nil {
			done++
			continue
		}
		if res.Outcome == db.Done {
			t.Fatalf("write is %v: %v", res.Outcome, err)
		}
		break
	}
	select {
	case err := <-stopped:
		t.Logf("stopped after %d writes: %v", done, err)
	case <-soon(t).Done():
		t.Fatal("a node with a full disk goes on")
	}
	_ = n.stop()
	if err := unix.Mount("tmpfs", dir, "tmpfs", unix.MS_REMOUNT, "size=96m"); err != nil {
		t.Fatal(err)
	}
	back := n.again(t).ready(t)
	if got := number(t, back.LeaderStore(), "SELECT count(*) FROM big"); got < done {
		t.Errorf("%d writes were done, there are %d rows", done, got)
	}
}

// noise is 16 KiB that do not compress.
func noise(seed int64) []byte {
	out := make([]byte, 16<<10)
	x := uint64(seed)*2862933555777941757 + 3037000493
	for i := range out {
		x ^= x << 13
		x ^= x >> 7
		x ^= x << 17
		out[i] = byte(x)
	}
	return out
}

func TestRealDiskWatchOnASmallFileSystem(t *testing.T) {
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size=32m"); err != nil {
		lacking.Skip(t, "mounting needs root: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(dir, unix.MNT_DETACH) })
	n := mustOpen(t, filepath.Join(dir, "state"), "127.0.0.1:0", func(c *Config) { c.MinFreeBytes = 12 << 20 })
	if err := n.Bootstrap(); err != nil {
		t.Fatal(err)
	}
	n.ready(t)
	filler := filepath.Join(dir, "filler")
	if err := os.WriteFile(filler, make([]byte, 22<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	until(t, "writes are refused", func() bool {
		_, err := n.LeaderStore().Write(soon(t), op(fmt.Sprint("x", n.low.Load())))
		return errors.Is(err, ErrDiskLow)
	})
	if err := os.Remove(filler); err != nil {
		t.Fatal(err)
	}
	until(t, "writes go on", func() bool {
		_, err := n.LeaderStore().Write(soon(t), op("y"))
		return err == nil
	})
}
