package node

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"seikan/appliance/config"
	"seikan/appliance/member"
	"seikan/appliance/port"
	"seikan/appliance/unit"
	"seikan/db/raft"
	"seikan/db/state"
	"seikan/engine/job"
	"seikan/engine/master"
	"seikan/engine/worker"
	"seikan/storage"
	"seikan/web/rest"
)

// Server is one node of a cluster: it starts the rooms in order and stops them in the reverse.
type Server struct {
	cfg         *config.Config
	log         *slog.Logger
	version     string
	commit      string
	incarnation string
	files       string // see filesSeen
	disk        *membership
	guard       *port.Guard
	port        *port.Port
	raft        *raft.Node
	listMu      sync.Mutex
	list        *member.List
	blobs       storage.Store
	backups     storage.Store // nil: there is no map-store
	uploader    uploading
	sealed      atomic.Pointer[map[string]bool] // jobs that need the key while it is missing
	jobs        *state.Jobs                     // forwarding to the leader
	ids         *state.JobIDs
	sealer      atomic.Pointer[job.Sealer] // nil without a cluster key
	worker      *worker.Worker
	master      *master.Cluster
	grpc        *grpc.Server
	peers       *peers
	own         *certificate
	tls         *tls.Config // nil: none
	bindHost    string      // of the node's port; "" means every address
	alone       bool        // the member list names this host only
	web         *http.Server
	httpAddr    string // of REST V2
	stopHTTP    context.CancelFunc
	asked       map[string]question
	meter       *rest.Meter
	logs        *Logs // nil: this node writes no log files
	figures     figures
	lifecycle   *lifecycle   // nil: nobody wants to know
	bodies      *rest.Bodies // of requests, all together
	started     time.Time

	handlers handlers
	listed   memberList
	waits    atomic.Pointer[string] // why it is in no cluster yet
	settings map[string]string      // that are in force; only Reload uses them
	tags     syncedTags
	draining syncedFlag
	forced   syncedFlag // an administrator said to form a cluster without the silent members

	stop    context.CancelFunc
	wg      sync.WaitGroup // what works
	serving sync.WaitGroup // what answers, until everything that works has stopped
}

// StartOptions of a Server.
type StartOptions struct {
	Config  *config.Config
	Blobs   storage.Store // checkpoint storage
	Backups storage.Store // of the state, at the map-store's namespace; nil: none
	Version string
	Commit  string
	Log     *slog.Logger
	Logs    *Logs // what Log writes to; nil when that is not to files
	// Fatal ends the process when the node must not go on.
	Fatal func(error)
}

// Start opens the node's port and state and begins to look for its cluster. It returns when the
// node can be asked; Ready tells when it serves.
func Start(ctx context.Context, o StartOptions) (s *Server, err error) {
	s = &Server{cfg: o.Config, log: o.Log, version: o.Version, commit: o.Commit, incarnation: randomID(8), files: filesSeen(), blobs: o.Blobs, backups: o.Backups, started: time.Now(), meter: rest.NewMeter(), logs: o.Logs}
	s.figures.size.limits.Store(&o.Config.State)
	s.figures.size.log = o.Log
	s.bodies = rest.NewBodies(roomForBodies)
	s.asked = s.questions()
	s.checkpointQuestions(s.asked)
	explainOnce(o.Config, o.Log)
	s.tags.set(o.Config.Tags)
	s.listed.list = o.Config.Network.Members
	s.settings = settingsOf(o.Config)
	started := s
	defer func() {
		if err != nil {
			started.close()
		}
	}()
	if err := os.MkdirAll(o.Config.StateDir, 0o700); err != nil {
		return nil, fmt.Errorf("make the state directory: %w; seatunnel.seikan.state-dir or SEIKAN_STATE_DIR names another", err)
	}
	if s.disk, err = readMembership(o.Config.StateDir); err != nil {
		return nil, err
	}
	down, err := s.tryStorages(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.openPort(ctx); err != nil {
		return nil, err
	}
	if err := dropUnfinished(s.disk, filepath.Join(o.Config.StateDir, "raft")); err != nil {
		return nil, fmt.Errorf("throw away a cluster that was not formed to the end: %w", err)
	}
	if err := s.openStore(o); err != nil {
		return nil, err
	}
	if empty, err := s.raft.Empty(); err == nil && empty && s.disk.cluster() != "" {
		return nil, fmt.Errorf("%s says that this node is in cluster %s, whose state is not in %s: put that directory back, or remove %s as a whole so that the node joins anew",
			s.disk.path, s.disk.cluster(), filepath.Join(o.Config.StateDir, "raft"), o.Config.StateDir)
	}
	s.peers = newPeers(s.port)
	s.jobs = state.New(s.raft.Forwarding(), time.Now, state.RandomID)
	s.ids = state.NewJobIDs(time.Now, nodeNumber(s.raft.ID()))
	s.master = &master.Cluster{Jobs: state.New(s.raft.LeaderStore(), time.Now, state.RandomID), Blobs: s.blobs, Plan: s.plan, Lacks: s.lacks,
		Node: s.raft.ID(), Lease: s.cfg.Lease, Wait: s.cfg.JobScheduleStrategy == "WAIT", TellEvery: s.cfg.PrintExecutionInfoEvery, Log: s.log}
	s.worker = worker.New(worker.Config{Info: s.info, Jobs: s.jobs, Blobs: s.blobs, Plan: s.plan, Dial: s.peers.dial, Master: s.masterAddr,
		Explain: unit.Explain, Event: s.taskEvents(), JobLog: s.jobLog, Log: s.log, Interval: s.cfg.Checkpoint.Interval, Timeout: s.cfg.Checkpoint.Timeout, Retained: s.cfg.Checkpoint.MaxRetained})
	running, stop := context.WithCancel(context.WithoutCancel(ctx))
	s.stop = stop
	s.serveRPC()
	if err := s.serveHTTP(ctx); err != nil {
		return nil, err
	}
	s.watchItself(running)
	s.wg.Go(func() { s.form(running) })
	s.wg.Go(func() { s.awaitKey(running) })
	for _, p := range down {
		s.wg.Go(func() { s.tryAgain(running, p) })
	}
	s.wg.Go(func() { s.reign(running) })
	if s.cfg.Role != config.Master {
		s.wg.Go(func() {
			if err := s.worker.Run(running); err != nil {
				s.log.Warn("tasks did not stop in time", "error", err)
			}
		})
	}
	return s, nil
}

func (s *Server) openStore(o StartOptions) error {
	var err error
	s.raft, err = raft.Open(raft.Config{Dir: filepath.Join(s.cfg.StateDir, "raft"), Advertise: s.advertised(), Raft: s.port.Layer(port.Raft),
		Cluster: s.port.Layer(port.Store), Log: s.log, MinFreeBytes: uint64(max(s.cfg.MinFreeBytes, 0)), Fatal: o.Fatal,
		WorkerLease: s.cfg.Lease, Voteless: voteless(s.cfg.Role)})
	return err
}

// masterAddr is where the master answers: the Raft leader's port.
func (s *Server) masterAddr() string {
	_, addr := s.raft.Leader()
	return addr
}

// Ready says whether the node serves: it is in a cluster that has a master and a schema.
func (s *Server) Ready(ctx context.Context) bool {
	ok, err := s.raft.Ready(ctx)
	return ok && err == nil && s.disk.cluster() != "" && s.raft.Holds() == ""
}

// Addr is where the others reach this node.
func (s *Server) Addr() string { return s.advertised() }

// Stop drains and closes the node: its tasks go on elsewhere from a checkpoint, leadership is handed
// over, and it leaves.
func (s *Server) Stop(ctx context.Context) {
	s.drain(ctx)
	s.close()
}

func (s *Server) close() {
	if s.stop != nil {
		s.stop()
	}
	s.wg.Wait()
	var err error
	if s.web != nil {
		ending, cancel := context.WithTimeout(context.Background(), time.Second)
		if s.web.Shutdown(ending) != nil {
			err = s.web.Close()
		}
		cancel()
	}
	if s.stopHTTP != nil {
		s.stopHTTP()
	}
	if s.grpc != nil {
		s.grpc.Stop()
	}
	s.serving.Wait()
	s.listMu.Lock()
	list := s.list
	s.listMu.Unlock()
	if list != nil {
		leaving, cancel := context.WithTimeout(context.Background(), 2*time.Second)
		err = errors.Join(err, list.Leave(leaving))
		cancel()
	}
	if s.raft != nil {
		err = errors.Join(err, s.raft.Close())
	}
	if s.peers != nil {
		s.peers.close()
	}
	if s.port != nil {
		err = errors.Join(err, s.port.Close())
	}
	if err != nil {
		s.log.Warn("the node did not close cleanly", "error", err)
	}
}
