package cli

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"seikan/appliance/config"
)

const compatClusterUsage = `Usage: seatunnel-cluster.sh [options]
  Options:
    -cn, --cluster name
      The name of cluster
    -d, --daemon
      The cluster daemon mode (default: false)
    -h, --help
      Show the usage message
    -r, --role role
      The cluster node role, default is master_and_worker, support master, worker, master_and_worker (default: master_and_worker)
`

// compatCluster is seatunnel-cluster.sh.
func compatCluster(ctx context.Context, t *terminal, argv []string) int {
	r := serverRequest{role: config.Hybrid, compat: true}
	for i := 0; i < len(argv); i++ {
		word, value, inline := strings.Cut(argv[i], "=")
		if strings.Contains(word, "JvmOption") {
			r.jvm = strings.TrimSpace(r.jvm + " " + value)
			continue
		}
		switch word {
		case "-h", "--help":
			fmt.Fprint(t.out, compatClusterUsage)
			return compatUsageCode
		case "-d", "--daemon":
			r.daemon = true
		case "-r", "--role", "-cn", "--cluster":
			if !inline {
				if i++; i >= len(argv) {
					fmt.Fprintf(t.err, "expected a value after parameter %s\n%s", word, compatClusterUsage)
					return compatUsageCode
				}
				value = argv[i]
			}
			if word == "-r" || word == "--role" {
				r.role = config.Role(strings.ToLower(value))
			} else {
				r.cluster = value
			}
		default:
			fmt.Fprintf(t.err, "unknown option: %s\n%s", argv[i], compatClusterUsage)
			return compatUsageCode
		}
	}
	if !slices.Contains([]config.Role{config.Hybrid, config.Master, config.Worker}, r.role) {
		fmt.Fprintln(t.out, "Unknown node role:", r.role)
		return exitFailed
	}
	return runServer(ctx, t, r)
}

// compatStop is stop-seatunnel-cluster.sh: it sends SIGTERM to the servers of this host that run
// this program file, so that other installations are left alone.
func compatStop(t *terminal, argv []string) int {
	name := ""
	for i := 0; i < len(argv); i++ {
		word, value, inline := strings.Cut(argv[i], "=")
		switch {
		case word == "-h" || word == "--help":
			fmt.Fprintln(t.out, "Usage: stop-seatunnel-cluster.sh [-cn|--cluster NAME]")
			return exitOK
		case word == "-cn" || word == "--cluster":
			if !inline && i+1 < len(argv) {
				i++
				value = argv[i]
			}
			name = value
		}
	}
	exe, err := os.Executable()
	if err != nil {
		t.show(fmt.Errorf("find the program: %w", err), nil)
		return exitFailed
	}
	stopped := 0
	entries, err := os.ReadDir("/proc")
	if err != nil {
		t.show(err, nil)
		return exitFailed
	}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		// A program file that was replaced by an upgrade is still the same installation.
		if path, err := os.Readlink(filepath.Join("/proc", e.Name(), "exe")); err != nil || strings.TrimSuffix(path, " (deleted)") != exe {
			continue
		}
		line, err := os.ReadFile(filepath.Join("/proc", e.Name(), "cmdline"))
		if err == nil && isServer(strings.Split(string(bytes.TrimRight(line, "\x00")), "\x00"), name) && syscall.Kill(pid, syscall.SIGTERM) == nil {
			stopped++
		}
	}
	if stopped == 0 {
		if name == "" {
			name = "seatunnel_default_cluster"
		}
		fmt.Fprintf(t.out, "%s is not running. Please check the correct name of the running cluster.\n", name)
	}
	return exitOK
}

// isServer says whether a command line is that of a node started with this cluster name, or
// without any.
func isServer(argv []string, cluster string) bool {
	if len(argv) == 0 {
		return false
	}
	switch strings.TrimSuffix(filepath.Base(argv[0]), ".sh") {
	case "seatunnel-cluster":
	case "seikan":
		if len(argv) < 2 || argv[1] != "server" {
			return false
		}
	default:
		return false
	}
	named := ""
	for i, word := range argv[1:] {
		flag, value, inline := strings.Cut(word, "=")
		if flag == "-cn" || flag == "--cluster" {
			if named = value; !inline && i+2 < len(argv) {
				named = argv[i+2]
			}
		}
	}
	return named == cluster
}
