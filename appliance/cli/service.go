package cli

import (
	"context"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"seikan/appliance/config"
	"seikan/appliance/node"
	"seikan/appliance/unit"
	"seikan/engine/job/hocon"
)

// service is a node as the service manager sees it: it says how the node does, feeds the watchdog
// and reloads. Without a service manager it only logs and reloads.
type service struct {
	t       *terminal
	request serverRequest
	drain   time.Duration // as drain-seconds says now
	log     *slog.Logger
	systemd *unit.Notifier
	lapse   bool // the pulse was lost when last looked
}

// openingWithin bounds how long the start may take without the node being able to say how it does:
// a large state is checked from end to end.
const openingWithin = 15 * time.Minute

// opening asks for time while the node opens its state, until the returned function is called.
func (v *service) opening(ctx context.Context) (over func()) {
	v.said(v.systemd.Status("opening the state"))
	ctx, cancel := context.WithTimeout(ctx, openingWithin)
	done := make(chan struct{})
	go func() {
		defer close(done)
		for wait(ctx, time.Second) {
			v.said(v.systemd.Extend())
		}
	}()
	return func() { cancel(); <-done }
}

// attend follows a node until ctx ends.
func (v *service) attend(ctx context.Context, s *node.Server) {
	hup := make(chan os.Signal, 1)
	if !signal.Ignored(syscall.SIGHUP) && !v.t.out.screen { // with a terminal it says that the terminal is gone
		signal.Notify(hup, syscall.SIGHUP)
		defer signal.Stop(hup)
	}
	pulse, began, ready, asked := s.Pulse(), time.Now(), false, time.Time{}
	feed := unit.Watchdog()
	var beats <-chan time.Time
	if feed > 0 {
		tick := time.NewTicker(feed / 2)
		defer tick.Stop()
		beats = tick.C
	}
	look := time.NewTimer(0)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-hup:
			if ready {
				v.said(v.systemd.Reloading())
			}
			v.reload(ctx, s)
			if ready { // else it would say that the unit has started
				v.said(v.systemd.Ready())
			}
		case <-beats:
			if v.beats(pulse, feed/4) {
				v.said(v.systemd.Feed())
			}
		case <-look.C:
			h := s.Health(ctx)
			v.said(v.systemd.Status(h.Doing))
			switch {
			case ready:
			case h.Ready:
				ready = true
				v.log.Info("the node is ready", "after", time.Since(began).Round(time.Millisecond), "state", h.Doing)
				v.said(v.systemd.Ready())
			case time.Since(asked) > 5*time.Second:
				asked = time.Now()
				if v.beats(pulse, time.Second) { // it waits for others or restores; one that hangs may be killed
					v.said(v.systemd.Extend())
				}
			}
			if every := 5 * time.Second; ready {
				look.Reset(every)
			} else {
				look.Reset(30 * time.Millisecond)
			}
		}
	}
}

// beats says whether the node makes progress, and logs when that changes.
func (v *service) beats(p *node.Pulse, within time.Duration) bool {
	err := p.Beat(within)
	switch {
	case err != nil && !v.lapse:
		v.log.Error("this node does not get on: the watchdog is not fed, so the service manager starts it again", "error", err)
	case err == nil && v.lapse:
		v.log.Info("this node gets on again")
	}
	v.lapse = err != nil
	return err == nil
}

// reload reads the files again and takes over what can be while the node runs.
func (v *service) reload(ctx context.Context, s *node.Server) {
	cfg, problems := v.request.load(v.t)
	if problems.Err() != nil {
		for _, p := range problems {
			if !p.Warning {
				v.log.Error("the configuration is not valid: the node goes on with the one it has", "problem", p.Error(), "expected", p.Label)
			}
		}
		return
	}
	done, err := s.Reload(ctx, cfg)
	if err != nil {
		v.log.Error("the configuration cannot be used: the node goes on with the one it has", "error", err)
		return
	}
	v.drain = cfg.Drain
	v.log.Info("the configuration is reloaded", "applied", listed(done.Applied))
	if len(done.Restart) > 0 {
		v.log.Warn("some settings have changed and hold from the next start on", "settings", listed(done.Restart))
	}
}

func listed(words []string) string {
	if len(words) == 0 {
		return "nothing has changed"
	}
	return strings.Join(words, ", ")
}

// stop drains and stops the node within the time that drain-seconds gives its tasks, and asks the
// service manager to wait that long.
func (v *service) stop(ctx context.Context, s *node.Server) {
	v.said(v.systemd.Stopping())
	v.said(v.systemd.Status("draining: its tasks go on elsewhere"))
	v.log.Info("the node is drained and stopped")
	waiting, over := context.WithTimeout(ctx, v.drain+closingWithin)
	defer over()
	go func() {
		for wait(waiting, time.Second) {
			v.said(v.systemd.Extend())
		}
	}()
	ending, cancel := context.WithTimeout(ctx, v.drain)
	defer cancel()
	s.Stop(ending)
	v.log.Info("the node has stopped")
}

// drainDefault is what drain-seconds comes to unless it is given, closingWithin how long a node may
// take to close after its tasks have ended.
const (
	drainDefault  = 30 * time.Second
	closingWithin = time.Minute
)

// said is for what systemd is told: a node goes on when it cannot be.
func (v *service) said(err error) {
	if err != nil {
		v.log.Debug("systemd was not told", "error", err)
	}
}

// wait waits; false when ctx ended.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}

// load reads the configuration that the request asks for.
func (r *serverRequest) load(t *terminal) (*config.Config, hocon.Problems) {
	return config.Load(config.Options{Role: r.role, Home: r.home, ClusterName: r.cluster, JVMOption: r.jvm, Executable: t.executable()})
}
