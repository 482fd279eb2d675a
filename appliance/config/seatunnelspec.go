package config

import (
	"slices"

	"seikan/engine/option"
)

var seatunnelSpec = &option.Spec{
	Name: "seatunnel.yaml", Kind: "seatunnel.yaml",
	Summary: "The engine's settings. Below `seatunnel.engine` stand SeaTunnel's own keys, below `seatunnel.seikan` those that SeaTunnel does not have.",
	Options: []option.Option{section("seatunnel", "The root.", engineSection, seikanSection)},
}

var engineSection = section("engine", "SeaTunnel's own keys.", slices.Concat([]option.Option{
	whole("backup-count", 1, 0, 6, "How many nodes may fail at once without a loss: the state is kept by the largest odd number of nodes up to twice this plus one, at most seven."),
	pointless(choice("queue-type", "blockingqueue", "", "blockingqueue", "disruptor"), "queues are bounded in bytes and have one kind."),
	whole("print-execution-info-interval", 60, 1, 0, "Seconds between two lines in the master's log about its jobs."),
	whole("print-job-metrics-info-interval", 60, 1, 0, "Seconds between two progress tables of the client."),
	pointless(whole("job-metrics-backup-interval", 10, 1, 0, ""), "running counters come with the workers' reports, and the final ones from the last checkpoint."),
	pointless(choice("task_execution_thread_share_mode", "OFF", "", "ALL", "OFF", "PART"), "tasks are goroutines and always share threads."),
	whole("history-job-expire-minutes", 1440, 1, 0, "Minutes for which a job that has ended, its runs and its events stay in the state. Then they go to the archive, see `seikan.history`."),
	pointless(toggle("classloader-cache-mode", false, ""), "connectors are compiled in, there are no class loaders."),
	choice("job-schedule-strategy", "REJECT", "What happens to a job that finds no slots: refused or queued. WAIT works with dynamic slots too, where SeaTunnel falls back to REJECT.", "REJECT", "WAIT"),
	section("slot-service", "Slots of a worker.", slices.Concat([]option.Option{
		toggle("dynamic-slot", true, "Slots are made on demand, limited by memory and not by number."),
		whole("slot-num", 2, 1, 1_000_000, "Slots of a worker when `dynamic-slot` is false."),
	}, anyLater("slots go to the worker with the most room.", "slot-allocate-strategy"))...),
	section("checkpoint", "Defaults of jobs, and where checkpoints are kept.", slices.Concat([]option.Option{
		whole("interval", 300000, 10, 0, "Milliseconds between two checkpoints of a STREAMING job that sets no `checkpoint.interval`."),
		whole("timeout", 30000, 10, 0, "Milliseconds within which every task must have answered."),
		pointless(whole("schema-change-timeout", 30000, 10, 0, ""), "a change of a schema travels between the rows and waits for no checkpoint."),
		section("storage", "Where checkpoints are kept.",
			choice("type", "localfile", "`localfile` knows only `namespace`; `hdfs` is every other storage, chosen by `storage.type` in `plugin-config`.", "localfile", "hdfs"),
			whole("max-retained", 20, 1, 100000, "Completed checkpoints kept for each pipeline."),
			mapping("plugin-config", "`namespace`, `storage.type` (local, hdfs, s3, oss, swift) and the keys of that storage.")),
	}, anyLater("checkpoints wait for the one before them.", "min-pause"))...),
	section("http", "REST V2, the console and SQL.", slices.Concat([]option.Option{
		toggle("enable-http", false, "Serve them, on every node."),
		whole("port", 8080, 1, 65535, "The port."),
		text("context-path", "", "A prefix of every path, such as `/seatunnel`."),
		toggle("enable-dynamic-port", false, "Try the ports after `port` when it is taken."),
		whole("port-range", 100, 1, 65535, "How many ports are tried with `enable-dynamic-port`."),
	}, anyLater("TLS is set by `seatunnel.seikan.tls`, as PEM files.", "enable-https", "https-port", "key-store-path", "key-store-password", "key-manager-password", "trust-store-path", "trust-store-password"),
		anyLater("people log in with users and roles, see `seikan user`.", "enable-basic-auth", "basic-auth-username", "basic-auth-password"))...),
	section("telemetry", "What is measured for others.",
		section("metric", "Prometheus.", toggle("enabled", false, "Serve metrics at `/hazelcast/rest/instance/metrics` of the node port.")),
		section("logs", "Logs of jobs.", toggle("scheduled-deletion-enable", true, "A job's log is deleted with its history."))),
	section("jar-storage", "Jars of connectors.", slices.Concat(
		anyPointless("connectors are compiled in, no jar is kept.", "enable", "connector-jar-storage-enable", "connector-jar-storage-mode", "connector-jar-storage-path",
			"connector-jar-cleanup-task-interval", "connector-jar-expiry-time", "jar-ha-storage"))...),
	section("event-report-http", "Where events of jobs are posted, as one JSON array every 10 seconds; an array that is not answered by a status of 2xx comes again. The newest 2000 events wait at most.",
		text("url", "", "An http or https address. Empty: nothing is posted."),
		option.Option{Key: "headers", Type: option.Map, Sensitive: true, Doc: "Headers of the request."}),
}, anyLater("the master has no thread pool to size.", "coordinator-service"))...)

var seikanSection = section("seikan", "Keys that SeaTunnel does not have and ignores.", slices.Concat([]option.Option{
	text("state-dir", "", "Directory of everything that must survive a restart. Default: `$STATE_DIRECTORY` of systemd, else `seikan` in `$XDG_STATE_HOME` or `~/.local/state`. The environment variable `SEIKAN_STATE_DIR` beats it."),
	text("bind-address", "", "Address of the node port. Empty: loopback while the member list names only this host, else every address."),
	text("memory-bytes", "", "Memory limit of the process, such as `2g` or `512m`. Empty: `-Xmx`, else the limit of the machine or its cgroup."),
	text("cluster-key-file", "seikan-cluster.key", "The key that proves membership and seals secrets; a relative path starts at the directory of this file."),
	whole("lease-ms", 8000, 1000, 600000, "Milliseconds a worker may run tasks without hearing from the master. Hazelcast's heartbeat keys do not set it."),
	whole("voter-replace-seconds", 60, 1, 86400, "Seconds after which another node takes the place of a voter that is gone."),
	whole("drain-seconds", 30, 1, 3600, "Seconds that a node which is stopped gives its tasks to end and the others to take over. systemd waits as long by itself."),
	toggle("early-death-proof", true, "A worker whose connection ended and whose port refuses, seen by the master and one other node, is dead before its lease ends."),
	whole("retained-checkpoints", 0, 0, 100000, "Completed checkpoints kept for each pipeline. 0: what `checkpoint.storage.max-retained` says."),
	text("min-free-bytes", "1g", "Room that must be free on the state disk for a job to be accepted."),
	text("max-body-bytes", "64m", "Largest body of an HTTP request."),
	section("http", "The HTTP port.",
		text("bind-address", "", "Address of the HTTP port. Empty: as `bind-address`."),
		toggle("allow-remote-without-login", false, "Answer other hosts without a login, as SeaTunnel does. Whoever reaches the port can then run any job.")),
	section("tls", "TLS of every port. Off while `cert` is empty.",
		text("cert", "", "PEM file of the certificate chain; relative paths start at the directory of this file."),
		text("key", "", "PEM file of the private key."),
		text("ca", "", "PEM file of the authorities that other nodes are checked against."),
		choice("client-auth", "require", "Whether a node must show a certificate of `ca` on the node port.", "none", "optional", "require")),
	section("logs", "Logs of the process.",
		text("dir", "", "Directory. Default: `-Dseatunnel.logs.path`, else `$LOGS_DIRECTORY` of systemd, else `logs` in SEATUNNEL_HOME, else `logs` in the state directory."),
		choice("level", "info", "Least level that is logged.", "debug", "info", "warn", "error"),
		toggle("per-job", false, "Give each job a file of its own, `job-<id>.log`."),
		text("max-bytes", "100m", "Size at which a file is rolled."),
		text("max-total-bytes", "10g", "All files of the directory together, logs of jobs included; the oldest go first, never the one being written. 0: no limit."),
		whole("max-age-days", 7, 1, 36500, "Days after which a rolled file is deleted."),
		whole("max-files", 100, 1, 100000, "Rolled files kept at most.")),
}, historySections())...)
