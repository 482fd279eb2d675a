package rest

import (
	"context"
	"fmt"
	"math"
	"net"
	"net/http"
	"runtime/debug"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"seikan/db"
	"seikan/db/state"
)

// InstanceMetrics are SeaTunnel's metrics in Prometheus' text format 0.0.4; empty unless
// telemetry is on.
func (a *API) InstanceMetrics(c *Call) error {
	return a.exposeTelemetry(c, "text/plain; version=0.0.4")
}

// InstanceOpenMetrics are the same in OpenMetrics 1.0.0.
func (a *API) InstanceOpenMetrics(c *Call) error {
	return a.exposeTelemetry(c, openMetrics)
}

// Metrics are all metrics, SeaTunnel's and our own, in the format the client asks for.
func (a *API) Metrics(c *Call) error { return a.expose(c, a.own, "") }

// OpenMetrics are all metrics in OpenMetrics 1.0.0.
func (a *API) OpenMetrics(c *Call) error { return a.expose(c, a.own, openMetrics) }

const openMetrics = "application/openmetrics-text; version=1.0.0"

func (a *API) exposeTelemetry(c *Call, format string) error {
	if !a.b.About().Telemetry {
		return c.Blob(http.StatusOK, "text/plain; version=0.0.4; charset=utf-8", nil)
	}
	return a.expose(c, a.seen, format)
}

func (a *API) expose(c *Call, r *prometheus.Registry, format string) error {
	request := c.Request().Clone(c.ctx())
	if format != "" {
		request.Header.Set("Accept", format)
	}
	promhttp.HandlerFor(r, promhttp.HandlerOpts{ErrorLog: promLog{a}, ErrorHandling: promhttp.ContinueOnError, EnableOpenMetrics: true}).
		ServeHTTP(c.Response(), request)
	return nil
}

type promLog struct{ a *API }

func (l promLog) Println(v ...any) { l.a.log.Warn("metrics are incomplete", "error", v) }

func (a *API) registries() (seen, own *prometheus.Registry) {
	seen, own = prometheus.NewRegistry(), prometheus.NewRegistry()
	process := collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})
	cluster := &clusterCollector{a}
	seen.MustRegister(cluster, process, jvmCollector{})
	own.MustRegister(cluster, process, jvmCollector{}, collectors.NewGoCollector(), &jobCollector{a}, &factCollector{a})
	return seen, own
}

// scrapeWithin bounds what a scrape asks of the cluster.
const scrapeWithin = 5 * time.Second

// clusterCollector has SeaTunnel's own metrics; all have the label cluster.
type clusterCollector struct{ a *API }

// Describe sends nothing: what there is differs between nodes.
func (*clusterCollector) Describe(chan<- *prometheus.Desc) {}

// emitter sends constant metrics that share a label.
type emitter struct {
	out     chan<- prometheus.Metric
	cluster string
}

func (e emitter) send(kind prometheus.ValueType, name, help string, v float64, labels ...string) {
	pairs := prometheus.Labels{"cluster": strings.ToValidUTF8(e.cluster, "?")}
	for i := 0; i+1 < len(labels); i += 2 {
		pairs[labels[i]] = strings.ToValidUTF8(labels[i+1], "?")
	}
	m, err := prometheus.NewConstMetric(prometheus.NewDesc(name, help, nil, pairs), kind, v)
	if err != nil {
		e.broken(name, err)
		return
	}
	e.out <- m
}

func (e emitter) gauge(name, help string, v float64, labels ...string) {
	e.send(prometheus.GaugeValue, name, help, v, labels...)
}

// keepIn turns a panic into a broken metric: a scrape runs in goroutines of its own, where a
// panic would end the process.
func (e emitter) keepIn(name string) {
	if p := recover(); p != nil {
		e.broken(name, fmt.Errorf("a defect of the program: %v\n%s", p, debug.Stack()))
	}
}

// broken makes the log say why the scrape is incomplete.
func (e emitter) broken(name string, err error) {
	e.out <- prometheus.NewInvalidMetric(prometheus.NewDesc(name, "", nil, nil), err)
}

// Collect asks the node.
func (k *clusterCollector) Collect(out chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(context.Background(), scrapeWithin)
	defer cancel()
	e := emitter{out: out}
	defer e.keepIn("node_count")
	about := k.a.b.About()
	e.cluster = about.ClusterName
	address := net.JoinHostPort(about.Host, strconv.Itoa(about.Port))
	e.gauge("cluster_time", "This node's clock in milliseconds since 1970", float64(k.a.cfg.Clock().UnixMilli()), "hazelcastVersion", about.Version)
	e.gauge("node_state", "1 while this node is up", 1, "address", address)
	e.executors(address)
	safe := 1.0
	if k.a.b.Ready(ctx) != nil {
		safe = 0
	}
	e.gauge("hazelcast_partition_isClusterSafe", "Whether the state is on enough nodes", safe, "address", address)
	e.gauge("hazelcast_partition_isLocalMemberSafe", "Whether this node's state is on enough nodes", safe, "address", address)
	e.gauge("hazelcast_partition_partitionCount", "Always 0: the state is replicated, not partitioned", 0, "address", address)
	e.gauge("hazelcast_partition_activePartition", "Always 0: the state is replicated, not partitioned", 0, "address", address)
	e.pool(address, k.a.b.Pool(ctx))

	members, err := k.a.b.Members(ctx)
	if err != nil {
		e.broken("node_count", err)
		return
	}
	e.gauge("node_count", "Nodes of the cluster", float64(len(members)))
	for _, m := range members {
		if !m.Master {
			continue
		}
		e.gauge("cluster_info", "The cluster's version and master", 1, "hazelcastVersion", about.Version, "master", net.JoinHostPort(m.Host, strconv.Itoa(m.Port)))
		if m.Host == about.Host && m.Port == about.Port {
			k.jobs(ctx, e)
		}
	}
}

// executors are kept for dashboards: there is no such thing here, and so nothing in it.
func (e emitter) executors(address string) {
	const none = "Always the same: goroutines need no such pool"
	for _, kind := range []string{"async", "client", "clientBlocking", "clientQuery", "io", "offloadable", "scheduled", "system"} {
		for _, name := range []string{"executedCount", "isShutdown", "isTerminated", "maxPoolSize", "poolSize", "queueSize"} {
			e.gauge("hazelcast_executor_"+name, none, 0, "address", address, "type", kind)
		}
		e.gauge("hazelcast_executor_queueRemainingCapacity", none, math.MaxInt32, "address", address, "type", kind)
	}
}

func (e emitter) pool(address string, p Pool) {
	if !p.Coordinator {
		return
	}
	const help = "The master's work on jobs, as a thread pool"
	for _, g := range []struct {
		name string
		v    int64
	}{{"activeCount", p.Active}, {"corePoolSize", p.Core}, {"maximumPoolSize", p.Max}, {"poolSize", p.Size}, {"queueTaskCount", p.Queued}} {
		e.gauge("job_thread_pool_"+g.name, help, float64(g.v), "address", address, "type", g.name)
	}
	for _, c := range []struct {
		name, kind string
		v          int64
	}{{"completedTask", "completedTask", p.Completed}, {"task", "taskCount", p.Tasks}, {"rejection", "rejectionCount", p.Rejected}} {
		e.send(prometheus.CounterValue, "job_thread_pool_"+c.name+"_total", help, float64(c.v), "address", address, "type", c.kind)
	}
}

func (k *clusterCollector) jobs(ctx context.Context, e emitter) {
	counts, err := k.a.b.Jobs().Count(db.Stale(ctx))
	if err != nil {
		e.broken("job_count", err)
		return
	}
	for _, t := range []struct {
		kind   string
		status state.Status
	}{{"canceled", state.Canceled}, {"cancelling", state.Canceling}, {"created", state.Created}, {"failed", state.Failed},
		{"failing", state.Failing}, {"finished", state.Finished}, {"running", state.Running}, {"scheduled", state.Scheduled}} {
		e.gauge("job_count", "Jobs that are known, by status", float64(counts[t.status]), "type", t.kind)
	}
}
