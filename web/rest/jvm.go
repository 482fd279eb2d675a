package rest

import (
	"math"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
)

// jvmCollector has Go's values under the names dashboards for Java look for, where they have a
// meaning: goroutines are threads, the heap is the heap, and what else the runtime takes from the
// system is "nonheap". Classes, buffers and deadlocks have none.
type jvmCollector struct{}

// Describe sends nothing, as clusterCollector's.
func (jvmCollector) Describe(chan<- *prometheus.Desc) {}

// Collect reads the runtime.
func (jvmCollector) Collect(out chan<- prometheus.Metric) {
	f := readRuntime()
	send := func(kind prometheus.ValueType, name, help string, v float64, labels prometheus.Labels) {
		out <- prometheus.MustNewConstMetric(prometheus.NewDesc(name, help, nil, labels), kind, v)
	}
	gauge := func(name, help string, v float64, labels prometheus.Labels) {
		send(prometheus.GaugeValue, name, help, v, labels)
	}
	gauge("jvm_info", "Runtime info", 1, prometheus.Labels{"runtime": "Go", "vendor": runtime.Compiler, "version": runtime.Version()})
	gauge("jvm_threads_current", "Goroutines", float64(f.goroutines), nil)
	send(prometheus.CounterValue, "jvm_threads_started_total", "Goroutines ever started", float64(f.created), nil)
	for _, s := range []struct {
		state string
		n     uint64
	}{{"RUNNABLE", f.running + f.runnable + f.notInGo}, {"WAITING", f.waiting}} {
		gauge("jvm_threads_state", "Goroutines by state", float64(s.n), prometheus.Labels{"state": s.state})
	}
	limit := float64(f.limit)
	if f.limit == math.MaxInt64 {
		limit = -1 // Java's word for none
	}
	for _, m := range []struct {
		area, pool   string
		used, mapped uint64
		max          float64
	}{{"heap", "Go heap", f.heapUsed, f.heapMapped, limit}, {"nonheap", "Go runtime", f.otherMapped, f.otherMapped, -1}} {
		for _, v := range []struct {
			name string
			v    float64
		}{{"used", float64(m.used)}, {"committed", float64(m.mapped)}, {"max", m.max}, {"init", 0}} {
			gauge("jvm_memory_bytes_"+v.name, "Memory of the process in bytes", v.v, prometheus.Labels{"area": m.area})
			gauge("jvm_memory_pool_bytes_"+v.name, "Memory of a pool in bytes", v.v, prometheus.Labels{"pool": m.pool})
		}
	}
	send(prometheus.CounterValue, "jvm_memory_pool_allocated_bytes_total", "Bytes ever allocated", float64(f.allocated), prometheus.Labels{"pool": "Go heap"})
	out <- prometheus.MustNewConstSummary(prometheus.NewDesc("jvm_gc_collection_seconds", "Pauses of garbage collection", nil, prometheus.Labels{"gc": "Go"}),
		f.cycles, f.pause.Seconds(), nil)
}
