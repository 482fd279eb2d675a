package cli

import (
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"seikan/appliance/config"
)

// Where the packages keep configuration, and what systemd gives their units. Only tests change it.
var (
	packagedConfig = "/etc/seikan"
	packagedState  = "/var/lib/seikan"
	packagedLogs   = "/var/log/seikan"
)

// packaged says whether a configuration directory is that of the packages.
func packaged(dir string) bool {
	real, err := filepath.EvalSymlinks(dir)
	return err == nil && (real == packagedConfig || strings.HasPrefix(real, packagedConfig+"/"))
}

// ownState refuses root where the state belongs to another user, who could not read what root writes.
func ownState(dir string) error {
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("look at the state: %w", err)
	}
	s, ok := info.Sys().(*syscall.Stat_t)
	if !ok || os.Geteuid() != 0 || s.Uid == 0 {
		return nil
	}
	name := strconv.Itoa(int(s.Uid))
	if u, err := user.LookupId(name); err == nil {
		name = u.Username
	}
	return coded{exitUsage, fmt.Errorf("%s belongs to %s: run this as that user, runuser -u %s -- seikan …", dir, name, name)}
}

// asUnit lets a command that a shell runs find the state and the logs of the packages' unit, whose
// directories only systemd names.
func asUnit(o config.Options) config.Options {
	for _, name := range []string{"SEIKAN_STATE_DIR", "STATE_DIRECTORY"} {
		if os.Getenv(name) != "" {
			return o
		}
	}
	if cfg, _ := config.Load(o); !packaged(cfg.Dir) {
		return o
	}
	o.Env = func(name string) string {
		switch v := os.Getenv(name); {
		case v != "":
			return v
		case name == "STATE_DIRECTORY":
			return packagedState
		case name == "LOGS_DIRECTORY":
			return packagedLogs
		default:
			return ""
		}
	}
	return o
}
