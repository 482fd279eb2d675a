// Package unit is what a process knows of the systemd unit that runs it: how to tell systemd how it
// does, and which setting of the unit is in the way when a file cannot be used.
package unit

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"
)

// Notifier speaks to systemd by sd_notify(3). Without a unit that listens it says nothing. Several
// goroutines may use it.
type Notifier struct {
	send func(state string) error
	now  func() time.Time

	mu       sync.Mutex
	said     string
	extended time.Time
}

// NewNotifier speaks to the unit of this process, if there is one.
func NewNotifier() *Notifier {
	return &Notifier{now: time.Now, send: func(state string) error {
		_, err := daemon.SdNotify(false, state)
		return err
	}}
}

// longest is how much of a status is sent: systemctl status shows it on one line.
const longest = 1000 // bytes

// Status is what `systemctl status` shows. Saying the same again sends nothing.
func (n *Notifier) Status(text string) error {
	text = strings.Join(strings.Fields(text), " ")
	if len(text) > longest {
		text = strings.ToValidUTF8(text[:longest], "") + "…"
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if text == n.said {
		return nil
	}
	n.said = text
	return n.send("STATUS=" + text)
}

// Ready says that the unit has started, or that a reload is over.
func (n *Notifier) Ready() error { return n.send(daemon.SdNotifyReady) }

// Reloading says that a reload has begun; Ready ends it.
func (n *Notifier) Reloading() error {
	var t unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &t); err != nil {
		return fmt.Errorf("read the clock: %w", err)
	}
	return n.send(fmt.Sprintf("%s\nMONOTONIC_USEC=%d", daemon.SdNotifyReloading, t.Nano()/1000))
}

// Stopping says that the unit is being stopped.
func (n *Notifier) Stopping() error { return n.send(daemon.SdNotifyStopping) }

// Feed tells the watchdog that the process makes progress.
func (n *Notifier) Feed() error { return n.send(daemon.SdNotifyWatchdog) }

// An extension holds for extendBy and is asked for again after extendEvery.
const extendBy, extendEvery = time.Minute, 10 * time.Second

// Extend asks for a minute more to start or to stop, beyond TimeoutStartSec= and TimeoutStopSec=. It
// may be called often: what is asked is sent every ten seconds.
func (n *Notifier) Extend() error {
	n.mu.Lock()
	defer n.mu.Unlock()
	now := n.now()
	if !n.extended.IsZero() && now.Sub(n.extended) < extendEvery {
		return nil
	}
	n.extended = now
	return n.send(fmt.Sprintf("EXTEND_TIMEOUT_USEC=%d", extendBy.Microseconds()))
}

// Watchdog is how often systemd expects Feed: half of WatchdogSec=, 0 when it does not watch.
func Watchdog() time.Duration {
	within, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return 0
	}
	return within / 2
}

// Running says whether a unit runs this process.
func Running() bool { return os.Getenv("INVOCATION_ID") != "" }
