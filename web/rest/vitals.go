package rest

import (
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// Vitals are how a node feels: what it tells the node that answers system-monitoring-information.
// Sizes are bytes, loads shares of 1, times nanoseconds.
type Vitals struct {
	ProcessLoad    float64       `json:"process_load"` // of all processors, since the reading before
	SystemLoad     float64       `json:"system_load"`
	LoadAverage    float64       `json:"load_average"` // of one minute
	Processors     int           `json:"processors"`
	PhysicalTotal  uint64        `json:"physical_total"`
	PhysicalFree   uint64        `json:"physical_free"`
	SwapTotal      uint64        `json:"swap_total"`
	SwapFree       uint64        `json:"swap_free"`
	HeapUsed       uint64        `json:"heap_used"`
	HeapTotal      uint64        `json:"heap_total"` // taken from the system
	HeapMax        uint64        `json:"heap_max"`   // GOMEMLIMIT, else the machine's memory
	Goroutines     uint64        `json:"goroutines"`
	PeakGoroutines uint64        `json:"peak_goroutines"` // of the readings
	GCs            uint64        `json:"gcs"`
	ForcedGCs      uint64        `json:"forced_gcs"`
	GCPause        time.Duration `json:"gc_pause"` // of all cycles
	Connections    int           `json:"connections"`
	Clients        int           `json:"clients"`
	ClockAhead     time.Duration `json:"clock_ahead"` // of the master's
	Now            time.Time     `json:"now"`         // by this node's clock
}

// Meter reads this process's Vitals.
type Meter struct {
	mu   sync.Mutex
	at   time.Time
	used time.Duration // CPU time of the process
	busy float64       // and of the machine, in ticks
	all  float64
	peak uint64
}

// NewMeter makes a meter, whose first reading counts loads from now.
func NewMeter() *Meter {
	m := &Meter{at: time.Now(), used: cpuTime()}
	m.busy, m.all = machineTicks()
	return m
}

// Read reads what this process can know. Connections, Clients and ClockAhead are the caller's.
func (m *Meter) Read() Vitals {
	v := Vitals{Processors: runtime.NumCPU(), Now: time.Now()}
	var info unix.Sysinfo_t
	if unix.Sysinfo(&info) == nil { // else zeros: there is nothing to know
		unit := uint64(info.Unit)
		v.PhysicalTotal, v.PhysicalFree = uint64(info.Totalram)*unit, uint64(info.Freeram)*unit
		v.SwapTotal, v.SwapFree = uint64(info.Totalswap)*unit, uint64(info.Freeswap)*unit
		v.LoadAverage = float64(info.Loads[0]) / (1 << 16)
	}
	g := readRuntime()
	v.HeapUsed, v.HeapTotal, v.HeapMax = g.heapUsed, g.heapMapped, g.limit
	if v.HeapMax == math.MaxInt64 {
		v.HeapMax = v.PhysicalTotal
	}
	v.Goroutines, v.GCs, v.ForcedGCs, v.GCPause = g.goroutines, g.cycles-g.forced, g.forced, g.pause

	m.mu.Lock()
	defer m.mu.Unlock()
	m.peak = max(m.peak, v.Goroutines)
	v.PeakGoroutines = m.peak
	now, used := time.Now(), cpuTime()
	busy, all := machineTicks()
	if passed := now.Sub(m.at); passed > 0 {
		v.ProcessLoad = min(1, max(0, (used-m.used).Seconds()/passed.Seconds()/float64(v.Processors)))
	}
	if all > m.all {
		v.SystemLoad = min(1, max(0, (busy-m.busy)/(all-m.all)))
	}
	m.at, m.used, m.busy, m.all = now, used, busy, all
	return v
}

func cpuTime() time.Duration {
	var u unix.Rusage
	if unix.Getrusage(unix.RUSAGE_SELF, &u) != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// machineTicks are the first line of /proc/stat (proc(5)): user, nice, system, idle, iowait, …
func machineTicks() (busy, all float64) {
	text, err := os.ReadFile("/proc/stat")
	if err != nil {
		return 0, 0
	}
	line, _, _ := strings.Cut(string(text), "\n")
	for i, f := range strings.Fields(line) {
		n, err := strconv.ParseFloat(f, 64)
		if err != nil {
			continue // the word cpu
		}
		all += n
		if i != 4 && i != 5 {
			busy += n
		}
	}
	return busy, all
}

// runtimeFacts are what Go's runtime knows of itself.
type runtimeFacts struct {
	goroutines, created                    uint64
	running, runnable, waiting, notInGo    uint64
	heapUsed, heapMapped, allocated, limit uint64
	otherMapped                            uint64
	cycles, forced                         uint64
	pause                                  time.Duration
}

func readRuntime() runtimeFacts {
	var f runtimeFacts
	var objects, free, unused, released, all uint64
	into := map[string]*uint64{
		"/sched/goroutines:goroutines": &f.goroutines, "/sched/goroutines-created:goroutines": &f.created,
		"/sched/goroutines/running:goroutines": &f.running, "/sched/goroutines/runnable:goroutines": &f.runnable,
		"/sched/goroutines/waiting:goroutines": &f.waiting, "/sched/goroutines/not-in-go:goroutines": &f.notInGo,
		"/memory/classes/heap/objects:bytes": &objects, "/memory/classes/heap/free:bytes": &free,
		"/memory/classes/heap/unused:bytes": &unused, "/memory/classes/heap/released:bytes": &released,
		"/memory/classes/total:bytes": &all, "/gc/heap/allocs:bytes": &f.allocated, "/gc/gomemlimit:bytes": &f.limit,
		"/gc/cycles/total:gc-cycles": &f.cycles, "/gc/cycles/forced:gc-cycles": &f.forced,
	}
	var samples []metrics.Sample
	for name := range into {
		samples = append(samples, metrics.Sample{Name: name})
	}
	metrics.Read(samples)
	for _, s := range samples {
		if s.Value.Kind() == metrics.KindUint64 {
			*into[s.Name] = s.Value.Uint64()
		}
	}
	f.heapUsed, f.heapMapped = objects, objects+free+unused
	f.otherMapped = all - released - f.heapMapped
	var gc debug.GCStats
	debug.ReadGCStats(&gc)
	f.pause = gc.PauseTotal
	return f
}
