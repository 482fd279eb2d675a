package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"seikan/appliance/config"
)

// devCluster is the name that SeaTunnel's files have, so that seatunnel.sh needs no -cn.
const devCluster = "seatunnel"

// devRequest is a small cluster on this machine.
type devRequest struct {
	nodes    int
	dir      string
	port     int // of the first node; 0: any
	httpPort int // of the first node; 0: any
}

// prepare writes the nodes' homes where there are none, and makes sure that nothing else listens
// where they will: a node of another cluster of this name would be taken for one of these.
func (r devRequest) prepare(ctx context.Context, t *terminal) (nodes []devNode, err error) {
	if r.dir, err = filepath.Abs(r.dir); err != nil {
		return nil, err
	}
	if have := r.existing(); have == 0 {
		if err := r.choosePorts(ctx); err != nil {
			return nil, err
		}
		for i := range r.nodes {
			if err := r.writeHome(i); err != nil {
				return nil, fmt.Errorf("write the configuration of node %d: %w", i+1, err)
			}
		}
	} else if have != r.nodes {
		return nil, coded{exitUsage, fmt.Errorf("%s holds a cluster of %d nodes, not %d: say --nodes %d, or choose another --dir", r.dir, have, r.nodes, have)}
	}
	for i := range r.nodes {
		n, cfg, err := r.node(t, i)
		if err != nil {
			return nil, err
		}
		if i == 0 && (r.port != 0 && r.port != cfg.Network.Port || r.httpPort != 0 && r.httpPort != cfg.HTTP.Port) {
			return nil, coded{exitUsage, fmt.Errorf("the cluster in %s has the ports %d and %d, which its nodes know each other by: leave out --port and --http-port",
				r.dir, cfg.Network.Port, cfg.HTTP.Port)}
		}
		for _, addr := range []string{n.addr, strings.TrimPrefix(n.http, "http://")} {
			if addr != "" && !free(ctx, addr) {
				return nil, r.taken(ctx, addr)
			}
		}
		nodes = append(nodes, n)
	}
	return nodes, nil
}

func (r devRequest) home(i int) string { return filepath.Join(r.dir, fmt.Sprintf("node-%d", i+1)) }

// existing is how many nodes have their homes already.
func (r devRequest) existing() int {
	n := 0
	for {
		if _, err := os.Stat(filepath.Join(r.home(n), "config", "hazelcast.yaml")); errors.Is(err, fs.ErrNotExist) {
			return n
		}
		n++
	}
}

// node reads the configuration of a home; its user may have changed it.
func (r devRequest) node(t *terminal, i int) (devNode, *config.Config, error) {
	env := devEnvironment(os.Environ(), r.home(i))
	cfg, problems := config.Load(config.Options{Home: r.home(i), Env: func(name string) string {
		for _, e := range env {
			if k, v, _ := strings.Cut(e, "="); k == name {
				return v
			}
		}
		return ""
	}})
	if problems.Err() != nil {
		t.showFiles(problems)
		return devNode{}, nil, coded{code: exitConfig}
	}
	n := devNode{name: fmt.Sprintf("node-%d", i+1), home: r.home(i), addr: loopback(cfg.Network.Port), votes: min(r.nodes, 2*cfg.BackupCount+1)}
	if n.votes%2 == 0 {
		n.votes--
	}
	if cfg.HTTP.Enabled {
		n.http = "http://" + loopback(cfg.HTTP.Port)
	}
	return n, cfg, nil
}

// devTemp is a folder of the user's cache: what lies in /tmp may be removed while it is used.
func devTemp() (string, error) {
	cache, err := os.UserCacheDir()
	if err == nil {
		err = os.MkdirAll(cache, 0o700)
	}
	if err != nil {
		cache = "" // the system's folder for temporary files is better than none
	}
	return os.MkdirTemp(cache, "seikan-dev-")
}

func loopback(port int) string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)) }

// devEnvironment is the environment of a node: without what would give it other files, members or
// state than its home's.
func devEnvironment(environ []string, home string) []string {
	out := slices.DeleteFunc(slices.Clone(environ), func(e string) bool {
		name, _, _ := strings.Cut(e, "=")
		return slices.Contains([]string{"SEATUNNEL_HOME", "SEATUNNEL_CONFIG", "HAZELCAST_CONFIG", "HAZELCAST_CLIENT_CONFIG", "ST_DOCKER_MEMBER_LIST",
			"SEIKAN_STATE_DIR", "STATE_DIRECTORY", "LOGS_DIRECTORY", "NOTIFY_SOCKET", "WATCHDOG_USEC", daemonMark}, name)
	})
	return append(out, "SEATUNNEL_HOME="+home)
}

// The usual ports, and how many are tried when they are in use.
const (
	nodePort  = 5801
	httpPort  = 8080
	portTries = 100
)

// choosePorts settles the ports that were left open: the usual ones, or the next that are free. A
// cluster at the usual ones is where seatunnel.sh would go, so a second one must be asked for.
func (r *devRequest) choosePorts(ctx context.Context) error {
	if r.port == 0 {
		for port := nodePort; port < nodePort+r.nodes; port++ {
			if a, err := aboutNode(ctx, loopback(port)); err == nil {
				return fmt.Errorf("a node of cluster %q (%s) runs on this machine at 127.0.0.1:%d, where seatunnel.sh finds it; stop it first, or start these beside it: "+
					"seikan dev --port %d", a.ClusterName, a.Version, port, nodePort+100)
			}
		}
		r.port = freePorts(ctx, nodePort, r.nodes)
	}
	if r.httpPort == 0 {
		r.httpPort = freePorts(ctx, httpPort, r.nodes)
	}
	if r.port < r.httpPort+r.nodes && r.httpPort < r.port+r.nodes {
		return coded{exitUsage, fmt.Errorf("--port %d and --http-port %d: the ports of %d nodes overlap", r.port, r.httpPort, r.nodes)}
	}
	return nil
}

// freePorts is the first of n free ports in a row, from base on; base when there are none.
func freePorts(ctx context.Context, base, n int) int {
	for first := base; first < base+portTries; first++ {
		ok := true
		for port := first; port < first+n && ok; port++ {
			ok = free(ctx, loopback(port))
		}
		if ok {
			return first
		}
	}
	return base
}

// free says whether an address can be listened at. Nobody else listens on all addresses then, either.
func free(ctx context.Context, addr string) bool {
	l, err := new(net.ListenConfig).Listen(ctx, "tcp", addr)
	return err == nil && l.Close() == nil
}

// taken says who listens where a node should.
func (r devRequest) taken(ctx context.Context, addr string) error {
	who := "something else"
	if a, err := aboutNode(ctx, addr); err == nil {
		who = fmt.Sprintf("a node of cluster %q", a.ClusterName)
	}
	return fmt.Errorf("%s listens at %s; --port and --http-port choose other ports for a cluster in a new --dir", who, addr)
}

// writeHome writes the SEATUNNEL_HOME of a node.
func (r devRequest) writeHome(i int) error {
	dir := filepath.Join(r.home(i), "config")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	var members strings.Builder
	for k := range r.nodes {
		fmt.Fprintf(&members, "          - 127.0.0.1:%d\n", r.port+k)
	}
	files := []struct{ name, text string }{
		{"seatunnel.yaml", fmt.Sprintf(`seatunnel:
  engine:
    backup-count: 1
    http:
      enable-http: true
      port: %d
    telemetry:
      metric:
        enabled: true
    checkpoint:
      storage:
        type: hdfs
        max-retained: 3
        plugin-config:
          namespace: %q
          storage.type: hdfs
          fs.defaultFS: file:///
  seikan:
    state-dir: %q
    cluster-key-file: %q
`, r.httpPort+i, filepath.Join(r.dir, "checkpoints"), filepath.Join(r.home(i), "state"), filepath.Join(r.dir, "seikan-cluster.key"))},
		{"hazelcast-client.yaml", fmt.Sprintf(`hazelcast-client:
  cluster-name: %s
  connection-strategy:
    connection-retry:
      cluster-connect-timeout-millis: 3000
  network:
    cluster-members:
%s`, devCluster, strings.ReplaceAll(members.String(), "          -", "      -"))},
		{"hazelcast.yaml", fmt.Sprintf(`hazelcast:
  cluster-name: %s
  network:
    rest-api:
      enabled: true
      endpoint-groups:
        CLUSTER_WRITE:
          enabled: true
        DATA:
          enabled: true
    join:
      tcp-ip:
        enabled: true
        member-list:
%s    port:
      auto-increment: false
      port: %d
`, devCluster, members.String(), r.port+i)}, // last: a home with it is whole
	}
	for _, f := range files {
		if err := os.WriteFile(filepath.Join(dir, f.name), []byte(f.text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
