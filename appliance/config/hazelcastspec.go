package config

import (
	"slices"

	"seikan/engine/option"
)

const notHazelcast = "it tunes Hazelcast, which is not in here."

var hazelcastSpec = &option.Spec{
	Name: "hazelcast.yaml", Kind: "hazelcast.yaml",
	Summary: "The cluster: its name, its members, the node port, tags, backups. hazelcast-master.yaml and hazelcast-worker.yaml have the same keys and are read by `-r master` and `-r worker`.",
	Options: []option.Option{section("hazelcast", "The root.", slices.Concat([]option.Option{
		text("cluster-name", "seatunnel", "Members and clients of another name are refused."),
		networkSection,
		mapping("member-attributes", "Tags of this node, `name: {type: string, value: v}`, matched by the job's `env.tag_filter`."),
		mapping("map", "`map-store` of the pattern `engine*` says where the state database is copied to."),
		mapping("properties", "Of Hazelcast's properties the following have a meaning: `hazelcast.tcp.join.port.try.count`, `hazelcast.local.publicAddress`, `hazelcast.rest.enabled`."),
	}, anyPointless(notHazelcast, "instance-name", "license-key", "management-center", "partition-group", "executor-service", "durable-executor-service", "scheduled-executor-service",
		"cardinality-estimator", "queue", "multimap", "list", "set", "topic", "reliable-topic", "ringbuffer", "replicatedmap", "cache", "flake-id-generator", "pn-counter",
		"split-brain-protection", "serialization", "native-memory", "wan-replication", "hot-restart-persistence", "hot-restart", "persistence", "user-code-deployment", "lite-member",
		"advanced-network", "security", "audit-log", "auditlog", "metrics", "instance-tracking", "sql", "crdt-replication", "cp-subsystem", "event-journal", "merkle-tree",
		"listeners", "jet", "integrity-checker", "tpc", "config-replacers", "data-connection", "dynamic-configuration", "device", "local-device"))...)},
}

var networkSection = section("network", "How nodes find and reach each other.", slices.Concat([]option.Option{
	section("rest-api", "REST V1 on the node port.",
		toggle("enabled", false, "Serve it."),
		mapping("endpoint-groups", "`GROUP: {enabled: true}` for HEALTH_CHECK, CLUSTER_READ, CLUSTER_WRITE, DATA. The first two are on by default.")),
	section("join", "How the members are found.", slices.Concat([]option.Option{
		section("tcp-ip", "A list of members.", slices.Concat([]option.Option{
			toggle("enabled", false, "Use the list."),
			list("member-list", "`host`, `host:port`, `[ip6]:port` or `10.0.0.1-5`. Without a port it is this node's own, and the ports after it are tried too. A name may have several addresses."),
			list("members", "The same as `member-list`."),
			text("required-member", "", "Added to the list."),
		}, anyPointless(notHazelcast, "connection-timeout-seconds"))...),
		section("kubernetes", "The addresses of a headless service.", slices.Concat([]option.Option{
			off("Use `service-dns` as the member list."),
			text("service-dns", "", "The name."),
			option.Option{Key: "service-port", Type: option.Int, Max: 65535, Doc: "The port. 0 or absent: this node's own."},
		}, anyPointless("members are found by `service-dns` alone.", "service-name", "namespace", "service-label-name", "service-label-value", "resolve-not-ready-addresses",
			"kubernetes-master", "api-token", "ca-certificate", "use-node-name-as-external-address", "service-dns-timeout", "kubernetes-api-retries", "pod-label-name", "pod-label-value", "use-public-ip"))...),
		discovery("multicast", "multicast-group", "multicast-port", "multicast-timeout-seconds", "multicast-time-to-live", "trusted-interfaces", "loopbackModeEnabled"),
		discovery("aws"), discovery("gcp"), discovery("azure"), discovery("eureka"),
	}, anyPointless("members are found by the list.", "auto-detection", "discovery-strategies"))...),
	section("port", "The node port: the cluster's own traffic and REST V1.",
		whole("port", 5801, 1, 65535, "The port."),
		toggle("auto-increment", true, "Try the ports after it when it is taken."),
		whole("port-count", 100, 1, 65535, "How many ports are tried with `auto-increment`.")),
	text("public-address", "", "Host or host:port that others are told to reach this node at."),
	section("interfaces", "Addresses to listen at.",
		off("Use the list."),
		list("interfaces", "Addresses, or patterns such as `10.3.10.*` and `10.3.10.4-18`; the first address of this host that fits is taken.")),
	section("ssl", "TLS between members.", slices.Concat([]option.Option{off("Not served from here: set `seatunnel.seikan.tls`.")},
		anyPointless("TLS is set by `seatunnel.seikan.tls`.", "factory-class-name", "properties"))...),
}, anyPointless(notHazelcast, "reuse-address", "outbound-ports", "memcache-protocol", "failure-detector", "member-address-provider", "socket-interceptor", "symmetric-encryption"))...)

// discovery is a way to find members that is not offered; what else it holds does not matter.
func discovery(key string, more ...string) option.Option {
	return section(key, "Not offered: list the members, or a name that has all their addresses, under `tcp-ip`.",
		append([]option.Option{off("Must be false.")}, anyPointless("members are found by the list.", more...)...)...)
}

var clientSpec = &option.Spec{
	Name: "hazelcast-client.yaml", Kind: "hazelcast-client.yaml",
	Summary: "How a client reaches the cluster.",
	Options: []option.Option{section("hazelcast-client", "The root.", slices.Concat([]option.Option{
		text("cluster-name", "seatunnel", "The cluster's name; `-cn` beats it."),
		section("network", "Where the cluster is.", slices.Concat([]option.Option{
			list("cluster-members", "`host` or `host:port`; without a port it is 5801."),
		}, anyPointless(notHazelcast, "smart-routing", "redo-operation", "connection-timeout", "socket-options", "socket-interceptor", "ssl", "aws", "gcp", "azure", "kubernetes", "eureka",
			"auto-detection", "discovery-strategies", "outbound-ports", "icmp-ping", "hazelcast-cloud"))...),
		section("connection-strategy", "How long it tries.", slices.Concat([]option.Option{
			section("connection-retry", "Trying again.", slices.Concat([]option.Option{
				whole("cluster-connect-timeout-millis", -1, 0, 0, "Milliseconds for reaching any member; -1: for ever."),
			}, anyPointless("it tries again after 100 ms, then at growing intervals.", "initial-backoff-millis", "max-backoff-millis", "multiplier", "jitter"))...),
		}, anyPointless(notHazelcast, "async-start", "reconnect-mode"))...),
		pointless(mapping("properties", ""), notHazelcast),
	}, anyPointless(notHazelcast, "instance-name", "client-labels", "backup-ack-to-client-enabled", "user-code-deployment", "security", "serialization", "native-memory", "proxy-factories",
		"load-balancer", "near-cache", "query-caches", "flake-id-generator", "listeners", "metrics", "instance-tracking", "reliable-topic", "executor-pool-size", "config-replacers"))...)},
}
