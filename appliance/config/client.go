package config

import (
	"seikan/engine/job/hocon"
)

// client reads hazelcast-client.yaml. A server needs it only to start jobs from its shell: there
// its errors are warnings.
func (l *loader) client() {
	before := len(l.problems)
	tree, _ := l.document(fileKind{name: "hazelcast-client.yaml", root: "hazelcast-client", property: "hazelcast.client.config", env: "HAZELCAST_CLIENT_CONFIG", flag: l.o.ClientFile, shipped: shippedClient})
	v := l.parse(clientSpec, tree).Object("hazelcast-client")
	c := &l.cfg.Client
	c.ClusterName = v.String("cluster-name")
	if l.o.ClusterName != "" && l.cfg.Role == Client {
		c.ClusterName = l.o.ClusterName
		l.set(Setting{Key: "hazelcast-client.cluster-name", Value: c.ClusterName, From: "flag -cn"})
	}
	if l.cfg.Role == Client {
		l.cfg.ClusterName = c.ClusterName
	}
	c.ConnectTimeout = millis(v.Object("connection-strategy").Object("connection-retry"), "cluster-connect-timeout-millis")
	n := v.Object("network")
	if docker := l.o.Env(dockerMembers); docker != "" {
		c.Members = parseMembers([]string{docker}, func(int) hocon.Pos { return hocon.Pos{} }, &l.problems)
		l.set(Setting{Key: "hazelcast-client.network.cluster-members", Value: docker, From: "environment " + dockerMembers})
	} else {
		c.Members = parseMembers(n.List("cluster-members"), itemPos(n, "cluster-members"), &l.problems)
	}
	if len(c.Members) == 0 {
		c.Members = []Member{{Host: "localhost", Port: 5801}}
		l.set(Setting{Key: "hazelcast-client.network.cluster-members", Value: "localhost:5801", From: "default"})
	}
	if l.cfg.Role != Client {
		for i := range l.problems[before:] {
			l.problems[before+i].Warning = true
		}
	}
}
