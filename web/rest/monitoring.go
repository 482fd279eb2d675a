package rest

import (
	"bytes"
	"fmt"
	"strconv"
)

// object is a JSON object that keeps its order; all values are text.
type object [][2]string

// MarshalJSON writes the members in order.
func (o object) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	b.WriteByte('{')
	for i, m := range o {
		if i > 0 {
			b.WriteByte(',')
		}
		for k, text := range m {
			if k > 0 {
				b.WriteByte(':')
			}
			quoted, err := encode(text)
			if err != nil {
				return nil, err
			}
			b.Write(quoted)
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// SystemMonitoring shows how each member feels. A member that did not answer is shown by its
// address alone.
func (a *API) SystemMonitoring(c *Call) error {
	members, err := a.b.Members(c.ctx())
	if err != nil {
		return err
	}
	out := []object{}
	for _, m := range members {
		out = append(out, monitored(m))
	}
	return c.json(out)
}

// queues are those of Hazelcast's executors. Nothing queues there: there are no such executors.
var queues = []string{"async", "client", "client.query", "client.blocking", "query", "scheduled", "io", "system", "operations", "priorityOperation"}

func monitored(m Member) object {
	o := object{}
	add := func(key, value string) { o = append(o, [2]string{key, value}) }
	whole := func(n uint64) string { return strconv.FormatUint(n, 10) }
	add("host", m.Host)
	add("port", strconv.Itoa(m.Port))
	add("isMaster", strconv.FormatBool(m.Master))
	v := m.Vitals
	if v == nil {
		return o
	}
	add("connection.active.count", strconv.Itoa(v.Connections))
	add("client.connection.count", strconv.Itoa(v.Clients))
	add("connection.count", strconv.Itoa(v.Connections))
	add("clientEndpoint.count", strconv.Itoa(v.Clients))
	add("proxy.count", "0")
	add("load.process", percent(v.ProcessLoad))
	add("load.system", percent(v.SystemLoad))
	add("load.systemAverage", fmt.Sprintf("%.2f", v.LoadAverage))
	add("processors", strconv.Itoa(v.Processors))
	add("physical.memory.total", size(v.PhysicalTotal))
	add("physical.memory.free", size(v.PhysicalFree))
	add("swap.space.total", size(v.SwapTotal))
	add("swap.space.free", size(v.SwapFree))
	add("heap.memory.used", size(v.HeapUsed))
	add("heap.memory.free", size(v.HeapTotal-min(v.HeapUsed, v.HeapTotal)))
	add("heap.memory.total", size(v.HeapTotal))
	add("heap.memory.max", size(v.HeapMax))
	add("heap.memory.used/total", percent(share(v.HeapUsed, v.HeapTotal)))
	add("heap.memory.used/max", percent(share(v.HeapUsed, v.HeapMax)))
	add("event.q.size", "0")
	add("cluster.timeDiff", strconv.FormatInt(v.ClockAhead.Milliseconds(), 10))
	add("thread.count", whole(v.Goroutines))
	add("thread.peakCount", whole(v.PeakGoroutines))
	add("minor.gc.count", whole(v.GCs))
	add("minor.gc.time", fmt.Sprintf("%dms", v.GCPause.Milliseconds()))
	add("major.gc.count", whole(v.ForcedGCs))
	add("major.gc.time", "0ms") // Go does not tell the pauses apart
	for _, q := range queues {
		add("executor.q."+q+".size", "0")
	}
	add("operations.completed.count", "0")
	for _, q := range []string{"mapLoad", "mapLoadAllKeys", "cluster", "response"} {
		add("executor.q."+q+".size", "0")
	}
	add("operations.running.count", strconv.Itoa(m.SlotsUsed))
	add("operations.pending.invocations.percentage", percent(0))
	add("operations.pending.invocations.count", "0")
	return o
}

func percent(share float64) string { return fmt.Sprintf("%.2f%%", share*100) }

func share(part, of uint64) float64 {
	if of == 0 {
		return 0
	}
	return float64(part) / float64(of)
}

// size writes bytes with one decimal and K, M or G.
func size(n uint64) string {
	for _, u := range []struct {
		unit string
		size uint64
	}{{"G", 1 << 30}, {"M", 1 << 20}, {"K", 1 << 10}} {
		if n >= u.size {
			return fmt.Sprintf("%.1f%s", float64(n)/float64(u.size), u.unit)
		}
	}
	return strconv.FormatUint(n, 10)
}
