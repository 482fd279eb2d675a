package config

import (
	"maps"
	"path"
	"slices"
	"strings"

	"seikan/engine/job/hocon"
	"seikan/engine/option"
	"seikan/storage/open"
)

const dockerMembers = "ST_DOCKER_MEMBER_LIST"

func (l *loader) hazelcast() {
	k := fileKind{name: "hazelcast.yaml", root: "hazelcast", property: "hazelcast.config", env: "HAZELCAST_CONFIG", flag: l.o.HazelcastFile, shipped: shippedHazelcast}
	switch l.cfg.Role {
	case Master:
		k.name, k.shipped = "hazelcast-master.yaml", shippedMaster
	case Worker:
		k.name, k.shipped = "hazelcast-worker.yaml", shippedWorker
	}
	tree, file := l.document(k)
	if other := path.Join(path.Dir(file), "hazelcast.yaml"); l.missing(k.name) && file != other && l.exists(other) {
		l.warn(hocon.Pos{}, codeFile, "write it, or start without -r", "File %s does not exist; %s is not read by a %s", file, other, l.cfg.Role)
	}
	root := l.parse(hazelcastSpec, tree).Object("hazelcast")
	l.cfg.ClusterName = root.String("cluster-name")
	if l.o.ClusterName != "" && l.o.ClusterName != l.cfg.ClusterName {
		l.warn(root.KeyPos("cluster-name"), codeConflict, "this counts", "-cn %s names no other cluster on a server, it is only seen in the process list; the file says %s", l.o.ClusterName, l.cfg.ClusterName)
	}
	props := l.hazelcastProperties(root)
	l.network(root.Object("network"), props)
	l.restV1(root.Object("network").Object("rest-api"), props)
	l.tags(root.Tree("member-attributes"))
	l.mapStore(root.Tree("map"))
}

func (l *loader) missing(name string) bool {
	return slices.ContainsFunc(l.cfg.Files, func(f File) bool { return f.Name == name && !f.Found })
}

// Hazelcast's properties that are read, and what they do.
var hazelcastProperties = map[string]string{
	"hazelcast.tcp.join.port.try.count": "ports tried at a member that is listed without one",
	"hazelcast.local.publicAddress":     "as network.public-address",
	"hazelcast.rest.enabled":            "as network.rest-api.enabled",
}

func (l *loader) hazelcastProperties(root *option.Values) map[string]option.Pair {
	out := map[string]option.Pair{}
	for _, p := range root.Map("properties") {
		key := "hazelcast.properties." + p.Key
		if note := hazelcastProperties[p.Key]; note != "" {
			out[p.Key] = p
			l.note(key, note)
			continue
		}
		reason := notHazelcast
		switch {
		case strings.Contains(p.Key, "heartbeat"):
			reason = "the end of a node is told by seatunnel.seikan.lease-ms."
		case strings.HasPrefix(p.Key, "hazelcast.logging."):
			reason = "logs are set by seatunnel.seikan.logs."
		case p.Key == "hazelcast.jmx":
			reason = "there is no JMX, see telemetry.metric.enabled."
		}
		l.note(key, noMeaningShort+reason)
		l.meaningless(key, p.Pos, reason, false)
	}
	return out
}

const noMeaningShort = "no meaning here: "

func (l *loader) tags(tree *hocon.Value) {
	l.cfg.Tags = map[string]string{}
	if tree == nil {
		return
	}
	for _, f := range tree.Fields {
		v := f.Value
		if v.Kind == hocon.Object {
			e := v.Get("value")
			if e == nil {
				l.fail(f.KeyPos, codeValue, "expected {type: string, value: v}", "member attribute %q has no value", f.Key)
				continue
			}
			v = e.Value
		}
		if !v.Scalar() {
			l.fail(v.Pos, codeValue, "expected a word", "member attribute %q is %s", f.Key, v.Kind)
			continue
		}
		l.cfg.Tags[f.Key] = v.Text
	}
}

// crossChecks are about settings of different files.
func (l *loader) crossChecks() {
	c := l.cfg
	if c.Role == Client {
		return
	}
	if c.HTTP.Enabled && c.HTTP.Port == c.Network.Port {
		l.fail(hocon.Pos{}, codeConflict, "choose another seatunnel.engine.http.port", "the HTTP port and the node port are both %d", c.HTTP.Port)
	}
	hosts := map[string]bool{}
	for _, m := range c.Network.Members {
		hosts[strings.ToLower(m.Host)] = true
	}
	if len(hosts) < 2 {
		return
	}
	names := strings.Join(slices.Sorted(maps.Keys(hosts)), ", ")
	if len(names) > 100 {
		names = names[:100] + "…"
	}
	if c.Checkpoint.Storage.Kind == open.Local {
		l.warn(c.Network.Members[0].Pos, codeUnsafe, "checkpoints must be in a place that every node reaches", "the cluster has several hosts (%s) and keeps checkpoints in %s: fine if that is a shared mount, else a job cannot go on at another node", names, c.Checkpoint.Storage)
	}
	if c.MapStore.Enabled && c.MapStore.Storage.Kind == open.Local {
		l.warn(c.Network.Members[0].Pos, codeUnsafe, "", "the cluster has several hosts (%s) and copies its state to %s: fine if that is a shared mount, else the copy is lost with its host", names, c.MapStore.Storage)
	}
}
