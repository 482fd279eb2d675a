package config

import (
	"strings"
	"testing"
	"time"
)

// engine loads a seatunnel.yaml.
func engine(t *testing.T, yaml string) (*Config, string) {
	t.Helper()
	c, ps := Load(Options{SeaTunnelFile: "/c/seatunnel.yaml", Env: environment(), ReadFile: files(map[string]string{"/c/seatunnel.yaml": yaml})})
	var text strings.Builder
	for _, p := range ps {
		text.WriteString(p.Error() + "\n")
	}
	return c, text.String()
}

func TestHistoryAndStateAreBoundedByDefaultAndAsGiven(t *testing.T) {
	t.Parallel()
	c, said := engine(t, "seatunnel: {}\n")
	if want := (History{MaxJobs: 100_000, MaxEvents: 1_000_000, Restorable: 30 * day, Archive: true, ArchiveAge: 365 * day}); c.History != want || said != "" {
		t.Errorf("history is %+v: %s", c.History, said)
	}
	if want := (StateSize{Warn: 1 << 30, Max: 4 << 30}); c.State != want || c.HistoryJobExpire != day || c.Logs.MaxTotal != 10<<30 {
		t.Errorf("state is %+v, history expires after %v, logs have %d bytes", c.State, c.HistoryJobExpire, c.Logs.MaxTotal)
	}
	c, said = engine(t, `
seatunnel:
  engine: { history-job-expire-minutes: 10 }
  seikan:
    history: { max-jobs: 5, max-events: 2000, restorable-days: 0, archive: false, archive-days: 0 }
    state: { warn-bytes: 10m, max-bytes: 20m }
`)
	if want := (History{MaxJobs: 5, MaxEvents: 2000}); c.History != want || c.HistoryJobExpire != 10*time.Minute || c.State != (StateSize{10 << 20, 20 << 20}) || said != "" {
		t.Errorf("history is %+v after %v, state %+v: %s", c.History, c.HistoryJobExpire, c.State, said)
	}
	for yaml, says := range map[string]string{
		"state: { warn-bytes: 2g, max-bytes: 1g }": "warn-bytes is above max-bytes",
		"state: { max-bytes: much }":               `"much" is not a size`,
		"history: { max-jobs: 0 }":                 "max-jobs",
		"history: { archive-days: -1 }":            "archive-days",
		"history: { max-job: 1 }":                  `did you mean "max-jobs"?`,
	} {
		if _, said := engine(t, "seatunnel: { seikan: { "+yaml+" } }"); !strings.Contains(said, says) {
			t.Errorf("%s: %s", yaml, said)
		}
	}
}

func TestContextPathIsAPathOrEverything(t *testing.T) {
	t.Parallel()
	for given, want := range map[string]string{`""`: "", `"/"`: "", `"*"`: "", `"/*"`: "", "seatunnel": "/seatunnel", "/seatunnel/": "/seatunnel", "/a/b": "/a/b"} {
		if c, said := engine(t, "seatunnel: { engine: { http: { context-path: "+given+" } } }"); c.HTTP.ContextPath != want || said != "" {
			t.Errorf("%s is %q: %s", given, c.HTTP.ContextPath, said)
		}
	}
	for _, given := range []string{`"/a b"`, `"/a?b"`, `"/../a"`} {
		if _, said := engine(t, "seatunnel: { engine: { http: { context-path: "+given+" } } }"); !strings.Contains(said, "is not a path") {
			t.Errorf("%s: %s", given, said)
		}
	}
}

// TestEveryKeyOfSeaTunnelIsKnown has each key of SeaTunnel's documentation once: none may be taken
// for a slip.
func TestEveryKeyOfSeaTunnelIsKnown(t *testing.T) {
	t.Parallel()
	m := map[string]string{"/c/seatunnel.yaml": `
seatunnel:
  engine:
    backup-count: 1
    queue-type: DISRUPTOR
    print-execution-info-interval: 30
    print-job-metrics-info-interval: 20
    job-metrics-backup-interval: 7
    task_execution_thread_share_mode: part
    history-job-expire-minutes: 1440
    classloader-cache-mode: true
    job-schedule-strategy: wait
    slot-service: { dynamic-slot: false, slot-num: 5 }
    checkpoint:
      interval: 10000
      timeout: 60000
      schema-change-timeout: 1000
      storage: { type: hdfs, max-retained: 3, plugin-config: { namespace: /srv/c, storage.type: hdfs, fs.defaultFS: "file:///tmp/" } }
    http: { enable-http: true, port: 8081, context-path: /x, enable-dynamic-port: true, port-range: 7 }
    telemetry: { metric: { enabled: true }, logs: { scheduled-deletion-enable: false } }
    jar-storage:
      enable: true
      connector-jar-storage-enable: true
      connector-jar-storage-mode: ISOLATED
      connector-jar-storage-path: /x
      connector-jar-cleanup-task-interval: 1
      connector-jar-expiry-time: 2
      jar-ha-storage: { type: localfile, plugin-config: { a: b } }
    event-report-http: { url: "http://127.0.0.1:1/x", headers: { A: b } }
`, "/c/hazelcast.yaml": `
hazelcast:
  cluster-name: c
  network:
    rest-api: { enabled: true, endpoint-groups: { CLUSTER_WRITE: { enabled: true }, DATA: { enabled: true } } }
    join: { tcp-ip: { enabled: true, member-list: [localhost] } }
    port: { auto-increment: false, port: 5801, port-count: 100 }
  member-attributes: { group: { type: string, value: a } }
  map: { "engine*": { map-store: { enabled: true, initial-mode: EAGER, factory-class-name: org.apache.seatunnel.engine.server.persistence.FileMapStoreFactory,
    properties: { type: hdfs, namespace: /srv/m, clusterName: c, storage.type: hdfs, fs.defaultFS: "file:///", writeDataTimeoutMilliseconds: 60000 } } } }
  properties:
    hazelcast.invocation.max.retry.count: 20
    hazelcast.tcp.join.port.try.count: 30
    hazelcast.logging.type: log4j2
    hazelcast.operation.generic.thread.count: 50
    hazelcast.heartbeat.failuredetector.type: phi-accrual
    hazelcast.heartbeat.interval.seconds: 2
    hazelcast.max.no.heartbeat.seconds: 180
    hazelcast.heartbeat.phiaccrual.failuredetector.threshold: 10
    hazelcast.heartbeat.phiaccrual.failuredetector.sample.size: 200
    hazelcast.heartbeat.phiaccrual.failuredetector.min.std.dev.millis: 100
`, "/c/hazelcast-client.yaml": `
hazelcast-client:
  cluster-name: c
  properties: { hazelcast.logging.type: log4j2 }
  connection-strategy: { connection-retry: { cluster-connect-timeout-millis: 3000 } }
  network: { cluster-members: ["localhost:5801"] }
`}
	c, ps := Load(Options{SeaTunnelFile: "/c/seatunnel.yaml", HazelcastFile: "/c/hazelcast.yaml", ClientFile: "/c/hazelcast-client.yaml", Env: environment(), ReadFile: files(m)})
	for _, p := range ps {
		t.Error(p.Error())
	}
	if c.JobScheduleStrategy != "WAIT" || c.PrintExecutionInfoEvery != 30*time.Second || c.PrintJobMetricsEvery != 20*time.Second || c.Slots.Num != 5 || !c.Telemetry.Metrics ||
		c.Telemetry.DeleteJobLogs || !c.HTTP.DynamicPort || c.HTTP.PortRange != 7 || c.EventReport.Headers["A"] != "b" {
		t.Errorf("read is %+v", c)
	}
	said := map[string]bool{}
	for _, i := range c.Ignored {
		said[i.Key] = true
	}
	for _, key := range []string{"queue-type", "job-metrics-backup-interval", "task_execution_thread_share_mode", "classloader-cache-mode", "checkpoint.schema-change-timeout", "jar-storage.enable"} {
		if !said["seatunnel.engine."+key] {
			t.Errorf("nobody is told that %s does nothing", key)
		}
	}
}
