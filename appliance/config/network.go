package config

import (
	"fmt"
	"slices"
	"strings"

	"seikan/engine/job/hocon"
	"seikan/engine/option"
)

func (l *loader) network(v *option.Values, props map[string]option.Pair) {
	n := &l.cfg.Network
	port, join := v.Object("port"), v.Object("join")
	n.Port, n.AutoIncrement, n.PortCount, n.PortTries = int(port.Int("port")), port.Bool("auto-increment"), int(port.Int("port-count")), 3
	if p, ok := props["hazelcast.tcp.join.port.try.count"]; ok {
		if _, err := fmt.Sscanf(p.Value+"\n", "%d\n", &n.PortTries); err != nil || n.PortTries < 1 || n.PortTries > 1000 {
			l.fail(p.Pos, codeValue, "expected a number between 1 and 1000", "hazelcast.tcp.join.port.try.count: %q is not one", p.Value)
		}
	}
	n.PublicAddress = v.String("public-address")
	if p := props["hazelcast.local.publicAddress"]; n.PublicAddress == "" {
		n.PublicAddress = p.Value
	}
	if n.PublicAddress != "" {
		if _, err := ParseMember(n.PublicAddress); err != nil {
			l.problems.Add(v.Problem("public-address", "expected host or host:port", "%v", err))
		}
	}
	if i := v.Object("interfaces"); i.Bool("enabled") {
		n.Interfaces = i.List("interfaces")
	}
	if s := v.Object("ssl"); s.Bool("enabled") {
		l.fail(s.ValuePos("enabled"), codeConflict, "set seatunnel.seikan.tls", "network.ssl: key stores of Java are not read, and the cluster would not be encrypted")
	}
	l.members(join)
}

func (l *loader) members(join *option.Values) {
	n := &l.cfg.Network
	tcp, kube := join.Object("tcp-ip"), join.Object("kubernetes")
	for _, key := range []string{"multicast", "aws", "gcp", "azure", "eureka"} {
		if d := join.Object(key); d.Bool("enabled") {
			l.problems.Add(hocon.Problem{Code: codeMember, Pos: d.ValuePos("enabled"), Label: "expected false", Message: fmt.Sprintf("members are not found by %s", key),
				Help: "list them under join.tcp-ip.member-list; one name that has the addresses of all of them will do"})
		}
	}
	if tcp.Bool("enabled") {
		n.Discover = true
		const key = "hazelcast.network.join.tcp-ip.member-list"
		if docker := l.o.Env(dockerMembers); docker != "" {
			n.Members = parseMembers([]string{docker}, func(int) hocon.Pos { return hocon.Pos{} }, &l.problems)
			l.set(Setting{Key: key, Value: docker, From: "environment " + dockerMembers})
		} else {
			for _, k := range []string{"member-list", "members"} {
				n.Members = append(n.Members, parseMembers(tcp.List(k), itemPos(tcp, k), &l.problems)...)
			}
			if r := tcp.String("required-member"); r != "" {
				n.Members = append(n.Members, parseMembers([]string{r}, itemPos(tcp, "required-member"), &l.problems)...)
			}
			if len(n.Members) == 0 {
				l.warn(tcp.ValuePos("enabled"), codeMember, "list the members", "join.tcp-ip is on and lists no member: this node stays alone")
			}
		}
	}
	if kube.Bool("enabled") {
		n.Discover = true
		m, err := ParseMember(kube.String("service-dns"))
		if err != nil {
			l.problems.Add(kube.Problem("service-dns", "expected the name of a headless service", "%v", err))
			return
		}
		m.Port, m.Pos = int(kube.Int("service-port")), kube.ValuePos("service-dns")
		n.Members = append(n.Members, m)
	}
}

// itemPos is where the items of a list stand.
func itemPos(v *option.Values, key string) func(int) hocon.Pos {
	f := v.Raw().Get(key)
	return func(i int) hocon.Pos {
		switch {
		case f == nil:
			return v.Pos()
		case f.Value.Kind == hocon.List && i < len(f.Value.Items):
			return f.Value.Items[i].Pos
		}
		return f.Value.Pos
	}
}

var restGroups = []string{"HEALTH_CHECK", "CLUSTER_READ", "CLUSTER_WRITE", "DATA", "HOT_RESTART", "PERSISTENCE", "WAN", "CP"}

func (l *loader) restV1(v *option.Values, props map[string]option.Pair) {
	r := RESTV1{Enabled: v.Bool("enabled"), Groups: map[string]bool{"HEALTH_CHECK": true, "CLUSTER_READ": true, "CLUSTER_WRITE": false, "DATA": false}}
	if p := props["hazelcast.rest.enabled"]; strings.EqualFold(p.Value, "true") && !v.Given("enabled") {
		r.Enabled = true
	}
	if tree := v.Tree("endpoint-groups"); tree != nil {
		for _, f := range tree.Fields {
			name := strings.ToUpper(f.Key)
			if !slices.Contains(restGroups, name) {
				label := "it is ignored"
				if near := option.Nearest(name, restGroups); near != "" {
					label = fmt.Sprintf("did you mean %q?", near)
				}
				l.warn(f.KeyPos, "CFG-012", label, "unknown endpoint group %q", f.Key)
				continue
			}
			if on := f.Value.Get("enabled"); on != nil {
				r.Groups[name] = l.boolean(on.Value, "endpoint group "+name)
			}
		}
	}
	l.cfg.RESTV1 = r
}

func (l *loader) boolean(v *hocon.Value, what string) bool {
	if !v.Scalar() || !strings.EqualFold(v.Text, "true") && !strings.EqualFold(v.Text, "false") {
		l.fail(v.Pos, codeValue, "expected true or false", "%s: enabled is neither true nor false", what)
	}
	return strings.EqualFold(v.Text, "true")
}
