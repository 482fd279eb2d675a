// Package backup copies the state database to a blob storage again and again, and brings it
// back when every disk of the cluster is gone.
//
// Each backup is one object, <cluster>/state/<number>-<unix ms>-<cluster id>[-<base number>].snap.
// One with a base holds only the pages that differ from that base, which stands alone. There is
// no list of them anywhere: the good one with the highest number is the newest, so nothing can be
// half recorded. Numbers go on over all lives of the cluster.
package backup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"slices"
	"sync"
	"time"

	"seikan/migrations"
	"seikan/storage"
)

const (
	// maxEvery is the longest time between two looks: the promise is a backup that is at most
	// 10 s behind.
	maxEvery = 10 * time.Second
	// maxDeltas are made on one base before the next one that stands alone.
	maxDeltas = 99
	// keptNewest backups are kept whatever their age.
	keptNewest = 20
)

// ErrBehind: another node has backed up a newer state of this cluster, so this node's must not
// become the newest backup.
var ErrBehind = errors.New("another node has backed up a newer state")

// Uploader makes the backups of one node while it leads its cluster. Fill in the first block.
type Uploader struct {
	Store     storage.Store // begins at the map-store's namespace
	Folder    string        // clusterName of the map-store; empty means Cluster
	Cluster   string        // name of the cluster
	ClusterID string        // its incarnation: letters, digits, "_" and "."
	Schema    int           // version of the state's schema; 0 means this program's
	Key       []byte        // cluster key; nil: backups are not encrypted
	// Source writes a consistent copy of the state, which holds at least what Version has seen.
	Source func(w io.Writer) error
	// Version is a number that grows with each change of the state, on whichever node.
	Version func(ctx context.Context) (int64, error)

	Every   time.Duration // between two looks, at most 10 s; 0 means 5 s
	Timeout time.Duration // of one backup; 0 means five minutes
	Dir     string        // for one copy of the state at a time; empty: the system's temporary folder
	Log     *slog.Logger
	Clock   func() time.Time // nil means time.Now

	working sync.Mutex // held by the one backup at a time
	last    Info       // newest of ours that is whole
	done    int64      // Version of last
	base    Info       // what deltas stand on
	image   image      // of base
	deltas  int        // on base

	mu     sync.Mutex
	status Status
	since  time.Time // when Age began to count before the first backup
}

// Status is what is known of the backups of this node.
type Status struct {
	Newest   Info      // zero before the first
	AsOf     time.Time // the newest backup holds all that was there then; zero before the first
	Backups  int64     // made since the start
	Bytes    int64     // stored since the start
	Failures int64     // in a row
	Err      error     // the last of these
}

// Status says how the backups go.
func (u *Uploader) Status() Status {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.status
}

// Age is how far the newest backup is behind: what was acknowledged longer ago than this is in
// it. Before the first one it counts from the start.
func (u *Uploader) Age() time.Duration {
	u.mu.Lock()
	defer u.mu.Unlock()
	from := u.status.AsOf
	if from.IsZero() {
		from = u.since
	}
	if from.IsZero() {
		return 0
	}
	return max(0, u.now().Sub(from))
}

func (u *Uploader) now() time.Time {
	if u.Clock == nil {
		return time.Now()
	}
	return u.Clock()
}

// Run makes backups until ctx ends. A failure is logged when it begins, each minute, and when it
// is over; the next look tries again.
func (u *Uploader) Run(ctx context.Context) error {
	every := u.Every
	if every <= 0 {
		every = maxEvery / 2
	}
	every = min(every, maxEvery)
	u.mu.Lock()
	u.since = u.now()
	u.mu.Unlock()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		before := u.Status().Failures
		_, _, err := u.Step(ctx)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case err != nil && before%int64(max(1, time.Minute/every)) == 0:
			u.Log.Error("the state is not backed up", "storage", u.Store.String(), "behind", u.Age().Round(time.Second), "error", err)
		case err == nil && before > 0:
			u.Log.Info("the state is backed up again", "storage", u.Store.String(), "failures", before)
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}

// Step makes a backup if something has changed, or if the newest one is not this node's. It
// reports whether it made one.
func (u *Uploader) Step(ctx context.Context) (Info, bool, error) { return u.step(ctx, false) }

// Now makes a backup whether or not something has changed.
func (u *Uploader) Now(ctx context.Context) (Info, error) {
	i, _, err := u.step(ctx, true)
	return i, err
}

func (u *Uploader) step(ctx context.Context, always bool) (Info, bool, error) {
	u.working.Lock()
	defer u.working.Unlock()
	timeout := u.Timeout
	if timeout <= 0 {
		timeout = 5 * time.Minute
	}
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	asOf := u.now()
	made, err := u.backUp(ctx, always)
	if err != nil {
		err = fmt.Errorf("back up the state: %w", err)
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	s := &u.status
	if s.Err = err; err != nil {
		s.Failures++
		return Info{}, false, err
	}
	s.Failures, s.AsOf, s.Newest = 0, asOf, u.last
	if made {
		s.Backups++
		s.Bytes += u.last.Size
	}
	return u.last, made, nil
}

func (u *Uploader) backUp(ctx context.Context, always bool) (made bool, err error) {
	if !idRule.MatchString(u.ClusterID) {
		return false, fmt.Errorf("%q cannot be a cluster's id", u.ClusterID)
	}
	version, err := u.Version(ctx)
	if err != nil {
		return false, err
	}
	all, err := List(ctx, u.Store, u.want().folder())
	if err != nil {
		return false, err
	}
	next := Info{Seq: 1, Taken: time.UnixMilli(u.now().UnixMilli()).UTC(), ClusterID: u.ClusterID}
	if len(all) > 0 {
		newest := all[0]
		if newest.Name == u.last.Name && version == u.done && !always && holds(all, u.last) && (u.last.Full() || holds(all, u.base)) {
			return false, nil
		}
		if err := u.mayFollow(ctx, newest, all, version); err != nil {
			return false, err
		}
		if next.Seq = newest.Seq + 1; next.Seq > maxSeq {
			return false, fmt.Errorf("backup %s has the last number; move it away", newest.Name)
		}
	}
	f, err := os.CreateTemp(u.Dir, "seikan-backup-*") // mode 0600
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if err := os.Remove(f.Name()); err != nil { // it lives until it is closed, also if the process is killed
		return false, err
	}
	pages := newPager()
	if err := u.Source(io.MultiWriter(f, pages)); err != nil {
		return false, err
	}
	if err := u.put(ctx, next, all, version, f, pages.image()); err != nil {
		return false, err
	}
	u.prune(ctx, append([]Info{u.last}, all...))
	return true, nil
}

func (u *Uploader) want() Want { return Want{Folder: u.Folder, Cluster: u.Cluster, Schema: u.Schema} }

// mayFollow refuses to put a backup over one that must stay the newest: of another cluster, of a
// later incarnation of this one, or of a newer state, since a leader that was deposed may not know
// it yet.
func (u *Uploader) mayFollow(ctx context.Context, newest Info, all []Info, version int64) error {
	if newest.Name == u.last.Name {
		return nil
	}
	i, err := Inspect(ctx, u.Store, newest)
	ours := func(i Info) bool { return i.ClusterID == u.ClusterID }
	switch {
	case errors.Is(err, ErrDamaged):
		return nil
	case err != nil:
		return err
	case i.Cluster != u.Cluster:
		return fmt.Errorf("%w: %s is of %q, this one is %q; give each its own clusterName in the map-store", ErrOtherCluster, newest.Name, i.Cluster, u.Cluster)
	case !ours(i) && (u.last.Name != "" || slices.ContainsFunc(all, ours)):
		return fmt.Errorf("%w: incarnation %s of cluster %q has begun after this one, %s; one of the two must be stopped", ErrBehind, i.ClusterID, u.Cluster, u.ClusterID)
	case ours(i) && i.Version > version:
		return fmt.Errorf("%w: version %d, this is %d", ErrBehind, i.Version, version)
	}
	return nil
}

// put stores a copy of the state, reads it back, and makes it the newest.
func (u *Uploader) put(ctx context.Context, next Info, all []Info, version int64, f io.ReaderAt, im image) error {
	h := Header{Cluster: u.Cluster, ID: u.ClusterID, Schema: schemaOr(u.Schema), TakenMs: next.Taken.UnixMilli(), Version: version,
		Bytes: im.size, SHA256: im.sum, Body: im.size}
	body := func(w io.Writer) error {
		_, err := io.Copy(w, io.NewSectionReader(f, 0, im.size))
		return err
	}
	if u.base.Name != "" && u.deltas < maxDeltas && holds(all, u.base) {
		if pages, size := im.differing(u.image); size <= im.size/2 {
			h.Base, h.BaseSum, h.Body, next.BaseSeq = u.base.Name, u.base.SHA256, size, u.base.Seq
			body = func(w io.Writer) error { return writeDelta(w, f, im, pages) }
		}
	}
	next.Name = next.name(u.want().folder())
	r, w := io.Pipe()
	var writing sync.WaitGroup
	writing.Go(func() { w.CloseWithError(writeObject(w, h, u.Key, body)) })
	info, err := u.Store.Put(ctx, next.Name, r)
	_ = r.Close() // ends the writer when the storage has given up; never fails
	writing.Wait()
	if err != nil {
		return err
	}
	next.Size = info.Size
	if next, err = u.check(ctx, next, h, im); err != nil {
		u.base = Info{} // whatever is wrong, begin afresh
		if errors.Is(err, ErrDamaged) {
			err = errors.Join(err, u.Store.Delete(ctx, next.Name))
		}
		return fmt.Errorf("read it back: %w", err)
	}
	u.last, u.done = next, version
	if u.deltas++; next.Full() {
		u.base, u.image, u.deltas = next, im, 0
	}
	return nil
}

// schemaOr is the version of this program's schema unless another is given.
func schemaOr(version int) int {
	if version == 0 {
		return len(migrations.All())
	}
	return version
}

func holds(all []Info, one Info) bool {
	for _, i := range all {
		if i.Name == one.Name && i.Size == one.Size {
			return true
		}
	}
	return false
}

// check reads back what was stored. Of a delta only its own pages are read, and compared to
// their checksums: its base was read back in its time and has its size still.
func (u *Uploader) check(ctx context.Context, i Info, h Header, im image) (Info, error) {
	if i.Full() {
		return Verify(ctx, u.Store, i, u.Key, u.want())
	}
	err := again(ctx, func() error {
		o, err := openObject(ctx, u.Store, i.Name, i.Size, u.Key)
		if err != nil {
			return gone(err)
		}
		i.Header = o.Header
		return errors.Join(checkDelta(o, h, im, u.image), o.close())
	})
	return i, err
}

func checkDelta(o *object, h Header, im, base image) error {
	if o.SHA256 != h.SHA256 || o.Bytes != h.Bytes || o.Base != h.Base || o.BaseSum != h.BaseSum {
		return fmt.Errorf("%w: another header came back", ErrDamaged)
	}
	pages, _ := im.differing(base)
	d := newDeltaReader(io.LimitReader(o.body, o.Body), o.Bytes)
	for _, want := range pages {
		n, page, err := d.page()
		if err != nil {
			return o.cause(err)
		}
		if n != want || sumOf(page) != im.sums[n] {
			return fmt.Errorf("%w: page %d came back as another", ErrDamaged, want)
		}
	}
	if _, _, err := d.page(); err != io.EOF {
		return o.cause(fmt.Errorf("%w: more pages came back", ErrDamaged))
	}
	return o.finish()
}

// prune deletes backups that are no longer kept. What fails is tried again after the next one.
func (u *Uploader) prune(ctx context.Context, all []Info) {
	names := expired(all, u.now(), keptNewest)
	for len(names) > 0 {
		n := min(len(names), pageLimit)
		if err := u.Store.Delete(ctx, names[:n]...); err != nil {
			u.Log.Warn("old backups are not deleted", "error", err)
			return
		}
		names = names[n:]
	}
}
