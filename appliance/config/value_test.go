package config

import (
	"context"
	"errors"
	"fmt"
	"math"
	"net/netip"
	"strings"
	"testing"

	"seikan/engine/job/hocon"
	"seikan/engine/option"
)

func TestSizesOfTheJVM(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int64{
		"2g": 2 << 30, "2G": 2 << 30, "512m": 512 << 20, "100k": 100 << 10, "1t": 1 << 40, "1048576": 1 << 20, " 3 ": 3, "0": 0,
		"3GiB": 3 << 30, "64mb": 64 << 20, "7B": 7, "8388607t": 8388607 << 40, "9223372036854775807": math.MaxInt64,
	} {
		if got, err := ParseSize(text); err != nil || got != want {
			t.Errorf("%q: got %d, %v; want %d", text, got, err, want)
		}
	}
	for _, text := range []string{"", "g", "-1g", "+1", "1.5g", "2 g", "2x", "8388608t", "9223372036854775808", "0x10", "1_000", "2gg", "i", "b", "1e3"} {
		if got, err := ParseSize(text); err == nil {
			t.Errorf("%q is read as %d", text, got)
		}
	}
}

func TestMembersAreParsed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"host": "host", "host:5801": "host:5801", " 10.0.0.1:1 ": "10.0.0.1:1", "::1": "::1", "[::1]": "::1", "[fe80::1]:5801": "[fe80::1]:5801",
	} {
		if got, err := ParseMember(text); err != nil || got.String() != want {
			t.Errorf("%q: got %q, %v", text, got, err)
		}
	}
	for _, text := range []string{"", ":", "host:", ":5801", "host:0", "host:65536", "host:x", "a b", "http://host", "[host]:1", "[::1", "a:b:c", "u@h", strings.Repeat("x", 300)} {
		if got, err := ParseMember(text); err == nil {
			t.Errorf("%q is read as %q", text, got)
		}
	}
}

func TestMemberListsSplitExpandAndJoin(t *testing.T) {
	t.Parallel()
	var ps hocon.Problems
	var got []string
	for _, m := range parseMembers([]string{"a,b:1", " a ", "10.0.0.254-255:7", "10.0.0.9-8", "node-1.x-2"}, func(int) hocon.Pos { return hocon.Pos{} }, &ps) {
		got = append(got, m.String())
	}
	if text := strings.Join(got, " "); text != "a b:1 10.0.0.254:7 10.0.0.255:7 10.0.0.9-8 node-1.x-2" || len(ps) > 0 {
		t.Errorf("got %s, %v", text, ps)
	}
	many := strings.Repeat("10.0.0.0-255,10.0.1.0-255,10.0.2.0-255,10.0.3.0-255,", 2)
	if n := len(parseMembers([]string{many}, func(int) hocon.Pos { return hocon.Pos{} }, &ps)); n != maxMembers || len(ps) != 1 {
		t.Errorf("%d members, %v", n, ps)
	}
}

type names map[string][]string

func (n names) LookupHost(_ context.Context, host string) ([]string, error) {
	if a, ok := n[host]; ok {
		return a, nil
	}
	return nil, errors.New("no such host")
}

func TestNamesResolveToSeveralAddresses(t *testing.T) {
	t.Parallel()
	members := []Member{{Host: "svc"}, {Host: "10.0.0.1", Port: 5801}, {Host: "gone"}, {Host: "empty"}}
	peers := Resolve(t.Context(), names{"svc": {"10.0.0.3", "10.0.0.2", "10.0.0.3", "what"}, "empty": nil}, members)
	if got := fmt.Sprint(peers[0].Addrs, peers[0].Candidates(5801, 2)); got != "[10.0.0.2 10.0.0.3] [10.0.0.2:5801 10.0.0.3:5801 10.0.0.2:5802 10.0.0.3:5802]" {
		t.Errorf("got %s", got)
	}
	if got := fmt.Sprint(peers[1].Candidates(1, 9)); got != "[10.0.0.1:5801]" {
		t.Errorf("an entry with a port has candidates %s", got)
	}
	if peers[2].Err == nil || peers[3].Err == nil || len(peers[0].Candidates(65535, 5)) != 2 {
		t.Errorf("got %+v", peers)
	}
	local := []netip.Addr{netip.MustParseAddr("10.0.0.2"), netip.MustParseAddr("10.0.0.3")}
	if !OnlyThisHost(peers[:1], local) || OnlyThisHost(peers[:2], local) || OnlyThisHost(peers[2:], local) {
		t.Error("OnlyThisHost is wrong")
	}
}

func TestListenAddress(t *testing.T) {
	t.Parallel()
	local := []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("10.3.10.5"), netip.MustParseAddr("192.168.1.7")}
	for _, c := range []struct {
		n    Network
		only bool
		want string
	}{
		{Network{}, true, "127.0.0.1"},
		{Network{}, false, ""},
		{Network{BindAddress: "0.0.0.0"}, true, "0.0.0.0"},
		{Network{PublicAddress: "x"}, true, ""},
		{Network{Interfaces: []string{"10.3.11.*", "192.168.1.4-18"}}, true, "192.168.1.7"},
		{Network{Interfaces: []string{"10.3.10.*"}}, false, "10.3.10.5"},
		{Network{Interfaces: []string{"10.3.10.9"}}, false, "error"},
		{Network{Interfaces: []string{"10.3.10.6-9"}}, false, "error"},
	} {
		got, err := c.n.Listen(local, c.only)
		if err != nil {
			got = "error"
		}
		if got != c.want {
			t.Errorf("%+v: got %q, want %q", c.n, got, c.want)
		}
	}
}

func TestStorageIsNormalised(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		keys, want string // want: the location, or the beginning of an error
	}{
		{"", "/state/checkpoint/"},
		{"storage.type=local namespace=/data/cp", "/data/cp/"},
		{"storage.type=hdfs fs.defaultFS=file:///tmp/ namespace=/data/cp/", "/data/cp/"},
		{"namespace=cp", "/state/cp/"},
		{"storage.type=hdfs fs.defaultFS=hdfs://nn:9000", "hdfs://nn:9000/seatunnel/checkpoint/"},
		{"storage.type=LOCAL fs.defaultFS=hdfs://nn:9000/ namespace=cp", "hdfs://nn:9000/cp/"},
		{"storage.type=hdfs", `checkpoint storage: fs.defaultFS: it is missing`},
		{"storage.type=hdfs fs.defaultFS=hdfs://nn kerberosPrincipal=p", "checkpoint storage: kerberosPrincipal: it and"},
		{"storage.type=hdfs fs.defaultFS=s3a://b", "checkpoint storage: fs.defaultFS"},
		{"storage.type=s3 s3.bucket=s3a://b namespace=/../x", "s3://b/x/"},
		{"storage.type=s3 s3.bucket=b", "s3://b/seatunnel/checkpoint/"},
		{"storage.type=s3", `checkpoint storage: s3.bucket: it is missing`},
		{"storage.type=s3 s3.bucket=oss://b", "checkpoint storage: s3.bucket"},
		{"storage.type=s3 s3.bucket=s3a://b fs.s3a.access.key=k", "checkpoint storage: fs.s3a.access.key: it and"},
		{"storage.type=oss oss.bucket=oss://b/ fs.oss.endpoint=e fs.oss.accessKeyId=i fs.oss.accessKeySecret=s", "oss://b/seatunnel/checkpoint/"},
		{"storage.type=oss oss.bucket=oss://b", `checkpoint storage: fs.oss.endpoint: it is missing`},
		{"storage.type=swift swift.container=swift://c swift.auth-url=http://k/v3 swift.user=u swift.key=p swift.region=r swift.domain=d", "swift://c/seatunnel/checkpoint/"},
		{"storage.type=swift swift.container=swift://c fs.swift.auth.url=http://k/v3 fs.swift.username=u fs.swift.password=p", "swift://c/seatunnel/checkpoint/"},
		{"storage.type=swift swift.container=c fs.swift.username=u fs.swift.password=p", `checkpoint storage: swift.auth-url: it is missing`},
		{"storage.type=swift swift.container=c swift.auth-url=http://k/v1 swift.usr=u swift.user=u swift.key=p", `unknown key "swift.usr" of checkpoint storage`},
		{"storage.type=cos", `checkpoint storage: storage.type: expected one of`},
		{"localfile=1 namespace=/data", "/data/"},
	} {
		var ps hocon.Problems
		in := storageInput{where: "checkpoint storage", kind: "hdfs", namespace: "/seatunnel/checkpoint/", local: "/state/checkpoint", base: "/state"}
		for _, kv := range strings.Fields(c.keys) {
			k, v, _ := strings.Cut(kv, "=")
			if k == "localfile" {
				in.kind = k
				continue
			}
			in.pairs = append(in.pairs, option.Pair{Key: k, Value: v})
		}
		got := readStorage(in, &ps).String()
		if len(ps) > 0 {
			got = ps[0].Message
		}
		if !strings.HasPrefix(got, c.want) || len(ps) > 1 {
			t.Errorf("%s: got %s %v, want %s", c.keys, got, ps, c.want)
		}
	}
}

func TestStorageInTmpIsWarnedOf(t *testing.T) {
	t.Parallel()
	text := "seatunnel: {engine: {checkpoint: {storage: {type: hdfs, plugin-config: {namespace: /tmp/seatunnel/checkpoint_snapshot, storage.type: hdfs, 'fs.defaultFS': 'file:///tmp/'}}}}}"
	c, ps := Load(Options{Env: environment(), ReadFile: files(map[string]string{"seatunnel.yaml": text})})
	if ps.Err() != nil || len(ps) != 1 || ps[0].Code != codeUnsafe || c.Checkpoint.Storage.String() != "/tmp/seatunnel/checkpoint_snapshot/" {
		t.Errorf("got %v, %+v", ps, c.Checkpoint.Storage)
	}
}

func TestMemoryLimitPrecedence(t *testing.T) {
	t.Parallel()
	m := map[string]string{"jvm_options": "-Xmx1g\n-Xmx2g"}
	o := Options{Env: environment(), ReadFile: files(m)}
	for i, step := range []struct {
		change func()
		want   int64
	}{
		{func() {}, 2 << 30},
		{func() { m["seatunnel.yaml"] = "seatunnel: {seikan: {memory-bytes: 3g}}" }, 3 << 30},
		{func() { o.Env = environment("JvmOption=-Xmx4g") }, 4 << 30},
		{func() { o.JVMOption = "-Xmx5G -XX:+UseZGC" }, 5 << 30},
		{func() { o.Env = environment("GOMEMLIMIT=6GiB") }, 6 << 30},
		{func() { o.Env = environment("GOMEMLIMIT=off") }, math.MaxInt64},
	} {
		step.change()
		c, ps := Load(o)
		if ps.Err() != nil || c.MemoryBytes != step.want {
			t.Errorf("step %d: got %d, %v", i, c.MemoryBytes, ps)
		}
	}
}

func TestSecretsAreNotShown(t *testing.T) {
	t.Parallel()
	for key, value := range map[string]string{
		"fs.s3a.secret.key": "hidden", "fs.oss.accessKeySecret": "hidden", "fs.swift.password": "hidden", "x.plugin-config.swift.key": "hidden", "jvm.-Ddb.Password": "hidden", "headers.Authorization": "hidden",
		"url": "https://user:hidden@host/x", "bad url": "ht tp://user:hidden@host",
	} {
		if got := show(key, value); strings.Contains(got, "hidden") {
			t.Errorf("%s is shown as %s", key, got)
		}
	}
}

func TestTLSNeedsItsParts(t *testing.T) {
	t.Parallel()
	pem := map[string]string{"config/c": "", "config/k": "", "config/a": ""}
	for tls, want := range map[string]string{
		"cert: c, key: k, ca: a":              "",
		"cert: c, key: k, client-auth: none":  "",
		"cert: c, key: k":                     "cannot be checked without ca",
		"cert: c":                             "cert and key belong together",
		"ca: a":                               "turns nothing on",
		"cert: c, key: k, ca: gone":           "config/gone cannot be read",
		"cert: c, key: k, ca: a, client: all": "",
	} {
		m := map[string]string{"config/seatunnel.yaml": "seatunnel: {seikan: {tls: {" + tls + "}}}"}
		for k, v := range pem {
			m[k] = v
		}
		_, ps := Load(Options{SeaTunnelFile: "config/seatunnel.yaml", Env: environment(), ReadFile: files(m)})
		if err := ps.Err(); (err == nil) != (want == "") || err != nil && !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %q", tls, ps, want)
		}
	}
}

func TestKubernetesServiceIsAMember(t *testing.T) {
	t.Parallel()
	c, ps := loadHazelcast(t, map[string]string{"h.yaml": "hazelcast: {network: {join: {kubernetes: {enabled: true, service-dns: st.default.svc, service-port: 5801}}}}"})
	if ps.Err() != nil || !c.Network.Discover || len(c.Network.Members) != 1 || c.Network.Members[0].String() != "st.default.svc:5801" {
		t.Errorf("got %+v, %v", c.Network, ps)
	}
}
