package raft

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"sync/atomic"
	"time"

	hraft "github.com/hashicorp/raft"
	"github.com/rqlite/rqlite/v8/cluster"
	"github.com/rqlite/rqlite/v8/store"
)

// Node is this process's part of the cluster's state store.
type Node struct {
	cfg     Config
	lock    *os.File
	id      string
	process string // random, of this opening
	capture *capture
	st      *store.Store
	inner   *hraft.Raft // of st
	svc     *cluster.Service
	client  *cluster.Client

	raftGate, clusterGate atomic.Pointer[gate]

	ctx       context.Context // ends when the node closes
	cancel    context.CancelFunc
	closeOnce sync.Once
	closeErr  error
	wg        sync.WaitGroup

	readyIn   atomic.Uint64 // the newest raft term in which this node led and the schema was one to work on
	unsettled atomic.Bool   // BootstrapFrom is not done
	newer     atomic.Value  // error: the schema is too new for this program
	readers   atomic.Int64  // the oldest schema whose programs can work on the store, as of this node's newest reign
	low       atomic.Bool   // too little disk is free to write
	free      atomic.Uint64 // bytes, when last looked
	broken    atomic.Bool   // Fatal was called
	fatalOnce sync.Once
	rejoining atomic.Bool
	hold      atomic.Pointer[string] // why work is refused

	subsMu sync.Mutex
	subs   map[chan struct{}]struct{}
}

// Open opens the node's state. A new node is then made the first of a cluster by Bootstrap, or
// taken into one by Join; one that has been in a cluster needs neither. A node whose state is
// damaged discards it, takes a new id and joins again by itself, if the others can do without
// it; otherwise Open fails and says what to do.
func Open(cfg Config) (*Node, error) {
	n, err := open(cfg)
	if err != nil {
		return nil, fmt.Errorf("open the state store in %s: %w", cfg.Dir, err)
	}
	return n, nil
}

func open(cfg Config) (*Node, error) {
	if err := cfg.fill(); err != nil {
		return nil, err
	}
	n := &Node{cfg: cfg, process: newID(), subs: make(map[chan struct{}]struct{})}
	n.ctx, n.cancel = context.WithCancel(context.Background())
	if err := os.MkdirAll(cfg.Dir, 0o700); err != nil {
		return nil, err
	}
	var err error
	if n.lock, err = lock(cfg.Dir); err != nil {
		return nil, err
	}
	if err = n.start(); err != nil {
		n.release()
		return nil, err
	}
	return n, nil
}

// start does what follows the lock.
func (n *Node) start() (err error) {
	if n.id, err = identity(n.cfg.Dir, n.cfg.ID); err != nil {
		return err
	}
	if err = n.lookAtDisk(); err != nil {
		return err
	}
	if n.capture, err = newCapture(n.cfg.Log); err != nil {
		return err
	}
	remembered, err := recallMembers(n.cfg.Dir)
	if err != nil {
		return err
	}
	if err = n.openSound(remembered); err != nil {
		return err
	}
	g := newGate(n.cfg.Cluster, n.cfg.Advertise, false, true)
	n.clusterGate.Store(g)
	n.capture.during(func() { n.svc = cluster.New(g, &remote{n}, &manager{n}, nil) })
	n.svc.SetVersion(n.id) // asked by whoever wants to know who is at this address
	n.svc.SetAPIAddr(n.told())
	if err = n.svc.Open(); err != nil {
		return errors.Join(err, n.st.Close(true))
	}
	n.client = cluster.NewClient(g, n.cfg.CallTimeout)

	changes := make(chan bool, 64)
	n.st.RegisterLeaderChange(changes)
	go pump(n.cfg.Raft, n.raftGate.Load)
	go pump(n.cfg.Cluster, n.clusterGate.Load)
	n.wg.Go(func() { n.follow(changes) })
	n.wg.Go(n.watch)
	n.wg.Go(n.upgrade)
	n.wg.Go(n.comeBack)

	members, err := n.Members()
	switch {
	case err != nil:
		return errors.Join(err, n.Close())
	case n.hasMoved(members):
		n.rejoining.Store(true)
		n.wg.Go(func() { n.rejoin(members) })
	case len(members) > 0:
		n.raftGate.Load().open()
		n.hurry(members)
	case len(remembered) > 0:
		n.rejoining.Store(true)
		n.wg.Go(func() { n.rejoin(remembered) })
	}
	return nil
}

// openSound opens the store and, when it is damaged, decides what becomes of it.
func (n *Node) openSound(remembered []Member) error {
	err := n.openStore()
	var d *damage
	if err == nil || !errors.As(err, &d) {
		return err
	}
	if len(d.members) == 0 {
		d.members = remembered
	}
	if onDamage(n.id, n.cfg.Advertise, d.members) == keepDamaged {
		return fmt.Errorf("%w; the other nodes cannot do without it, so nothing was changed: "+
			"restore a backup into a new directory, or put an older copy of %s back", err, filepath.Join(n.cfg.Dir, storeDir))
	}
	old := n.id
	if n.id, err = discard(n.cfg.Dir, d.members); err != nil {
		return errors.Join(d, fmt.Errorf("move the damaged state away: %w", err))
	}
	n.cfg.Log.Error("THE STATE OF THIS NODE IS DAMAGED: it is moved away and fetched anew from the other nodes",
		"error", d.err, "dir", filepath.Join(n.cfg.Dir, damagedDir), "old_id", old, "new_id", n.id)
	return n.openStore()
}

// openStore makes a Store and opens it. Its errors are damage where that is what they mean.
func (n *Node) openStore() error {
	g := newGate(n.cfg.Raft, n.cfg.Advertise, true, false)
	n.raftGate.Store(g)
	dir := filepath.Join(n.cfg.Dir, storeDir)
	db := store.NewDBConfig()
	db.FKConstraints = true
	st := store.New(g, &store.Config{DBConf: db, Dir: dir, ID: n.id, Logger: log.New(n.capture.writer(), "[store] ", 0)})
	st.RaftLogLevel = n.cfg.Level
	st.HeartbeatTimeout, st.ElectionTimeout, st.LeaderLeaseTimeout = n.cfg.Heartbeat, n.cfg.Election, n.cfg.Lease
	st.SnapshotThreshold = n.cfg.SnapshotEntries // always: it also sets how much log stays for slow followers
	st.SnapshotThresholdWALSize = 4 << 20
	st.SnapshotInterval = 10 * time.Second
	var err error
	n.capture.during(func() { err = openGuarded(st) })
	if err == nil {
		if err = quickCheck(st); err == nil {
			n.st = st
			if n.inner, err = innerOf(st); err == nil {
				err = slacken(n.inner, n.cfg.commitEvery())
			}
			return err
		}
		d := &damage{err: err, members: membersOf(st)}
		return errors.Join(d, st.Close(true))
	}
	g.abandon()
	if isEnvironment(err) {
		return err
	}
	return &damage{err: err}
}

// openGuarded turns the panics of bbolt over a damaged file into errors.
func openGuarded(st *store.Store) (err error) {
	old := debug.SetPanicOnFault(true)
	defer debug.SetPanicOnFault(old)
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v", p)
		}
	}()
	return st.Open()
}

// ID is the node's id. It is kept in its directory and changes only when the state was damaged
// and discarded.
func (n *Node) ID() string { return n.id }

// Addr is the advertised address.
func (n *Node) Addr() string { return n.cfg.Advertise }

// Empty says whether the node is in no cluster and not about to join its old one again.
func (n *Node) Empty() (bool, error) {
	members, err := n.Members()
	return err == nil && len(members) == 0 && !n.rejoining.Load(), err
}

// Close hands leadership over, if there is someone to take it, and stops. The node stays a
// member of its cluster.
func (n *Node) Close() error {
	n.closeOnce.Do(func() {
		if n.IsLeader() && n.otherVoters() > 0 {
			if err := n.st.Stepdown(true, ""); err != nil {
				n.cfg.Log.Warn("leadership was not handed over before closing", "error", err)
			}
		}
		n.cancel()
		err := n.svc.Close()
		err = errors.Join(err, n.clusterGate.Load().Close(), n.st.Close(true), n.raftGate.Load().Close())
		err = errors.Join(err, n.cfg.Raft.Close(), n.cfg.Cluster.Close())
		n.wg.Wait()
		n.release()
		if err != nil {
			n.closeErr = fmt.Errorf("close the state store: %w", err)
		}
	})
	return n.closeErr
}

func (n *Node) release() {
	if n.capture != nil {
		n.capture.close()
	}
	_ = n.lock.Close() // also lets go of the lock
}
