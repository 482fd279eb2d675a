package rest

import (
	"strconv"
	"strings"
	"time"

	"seikan/engine/task"
)

// jobMetrics are a job's counters as SeaTunnel's REST has them: text, summed and by table.
type jobMetrics struct {
	SourceReceivedCount             string            `json:"SourceReceivedCount"`
	SinkWriteCount                  string            `json:"SinkWriteCount"`
	SourceReceivedBytes             string            `json:"SourceReceivedBytes"`
	SinkWriteBytes                  string            `json:"SinkWriteBytes"`
	SourceReceivedQPS               string            `json:"SourceReceivedQPS"`
	SinkWriteQPS                    string            `json:"SinkWriteQPS"`
	SourceReceivedBytesPerSeconds   string            `json:"SourceReceivedBytesPerSeconds"`
	SinkWriteBytesPerSeconds        string            `json:"SinkWriteBytesPerSeconds"`
	TableSourceReceivedCount        map[string]string `json:"TableSourceReceivedCount"`
	TableSinkWriteCount             map[string]string `json:"TableSinkWriteCount"`
	TableSourceReceivedBytes        map[string]string `json:"TableSourceReceivedBytes"`
	TableSinkWriteBytes             map[string]string `json:"TableSinkWriteBytes"`
	TableSourceReceivedQPS          map[string]string `json:"TableSourceReceivedQPS"`
	TableSinkWriteQPS               map[string]string `json:"TableSinkWriteQPS"`
	TableSourceReceivedBytesPerSecs map[string]string `json:"TableSourceReceivedBytesPerSeconds"`
	TableSinkWriteBytesPerSeconds   map[string]string `json:"TableSinkWriteBytesPerSeconds"`
}

// metricsOf renders counters; rates are means over the time the job has run.
func metricsOf(counters map[string]int64, ran time.Duration) *jobMetrics {
	rate := func(n int64) string {
		if ran <= 0 {
			return double(0)
		}
		return double(float64(n) / ran.Seconds())
	}
	count := func(n int64) string { return strconv.FormatInt(n, 10) }
	sum := func(name string, form func(int64) string) string { return form(task.Sum(counters, name)) }
	tables := func(name string, form func(int64) string) map[string]string {
		out := map[string]string{}
		for key, n := range counters {
			if k, table, ok := strings.Cut(key, "#"); ok && k == name && table != "" {
				out[table] = form(n)
			}
		}
		return out
	}
	const readRows, wroteRows, readBytes, wroteBytes = "SourceReceivedCount", "SinkWriteCount", "SourceReceivedBytes", "SinkWriteBytes"
	return &jobMetrics{
		SourceReceivedCount: sum(readRows, count), SinkWriteCount: sum(wroteRows, count),
		SourceReceivedBytes: sum(readBytes, count), SinkWriteBytes: sum(wroteBytes, count),
		SourceReceivedQPS: sum(readRows, rate), SinkWriteQPS: sum(wroteRows, rate),
		SourceReceivedBytesPerSeconds: sum(readBytes, rate), SinkWriteBytesPerSeconds: sum(wroteBytes, rate),
		TableSourceReceivedCount: tables(readRows, count), TableSinkWriteCount: tables(wroteRows, count),
		TableSourceReceivedBytes: tables(readBytes, count), TableSinkWriteBytes: tables(wroteBytes, count),
		TableSourceReceivedQPS: tables(readRows, rate), TableSinkWriteQPS: tables(wroteRows, rate),
		TableSourceReceivedBytesPerSecs: tables(readBytes, rate), TableSinkWriteBytesPerSeconds: tables(wroteBytes, rate),
	}
}
