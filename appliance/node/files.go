package node

import (
	"fmt"
	"os"
	"strings"
)

// filesSeen names the tree of files that this process sees: processes of one boot of one machine, in
// one mount namespace, as one user and in one working directory, find the same under every path. ""
// when the system does not tell. A share that several machines mount is not found out this way: its
// data stays with one node.
func filesSeen() string {
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	mounts, err := os.Readlink("/proc/self/ns/mnt")
	if err != nil {
		return ""
	}
	root, err := os.Readlink("/proc/self/root")
	if err != nil {
		return ""
	}
	here, err := os.Getwd()
	if err != nil {
		return ""
	}
	return fmt.Sprintf("%s %s %s %d %s", strings.TrimSpace(string(boot)), mounts, root, os.Getuid(), here)
}
