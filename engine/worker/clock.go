package worker

import (
	"time"

	"golang.org/x/sys/unix"
)

// leaseClock is time.Now with the time that the system has slept: leases run out meanwhile, and
// the monotonic clock stands still. A master may use that one: it waits too long at worst.
func leaseClock() time.Time {
	now := time.Now()
	var boot, awake unix.Timespec
	// In this order: a pause between the two makes a report look older, never a lease longer.
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &boot) != nil || unix.ClockGettime(unix.CLOCK_MONOTONIC, &awake) != nil {
		return now
	}
	return now.Add(time.Duration(boot.Nano() - awake.Nano()))
}
