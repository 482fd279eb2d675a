package unit

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
)

// Explain adds to an error the setting of the unit that is in the way, where the kernel shows that
// there is one; every other error comes back as it is.
func Explain(err error) error {
	if err == nil || !Running() {
		return err
	}
	return here().explain(err)
}

var here = sync.OnceValue(func() confinement {
	read := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			return "" // then nothing is known, and nothing is said
		}
		return string(text)
	}
	return confinementOf(read("/proc/self/mountinfo"), read("/proc/self/cgroup"), read("/proc/self/status"))
})

// confinement is what a unit keeps its process from, as the kernel tells it.
type confinement struct {
	unit     string // seikan.service; "" when it is not known
	mounts   []mount
	filtered bool // system calls are
}

type mount struct {
	root, at, kind string
	readOnly       bool // the mount; the file system itself can be written
}

func confinementOf(mountinfo, cgroup, status string) confinement {
	c := confinement{filtered: strings.Contains(status, "Seccomp:\t2")}
	for line := range strings.Lines(mountinfo) { // proc_pid_mountinfo(5)
		own, super, _ := strings.Cut(line, " - ")
		f, s := strings.Fields(own), strings.Fields(super)
		if len(f) < 6 || len(s) < 3 {
			continue
		}
		c.mounts = append(c.mounts, mount{root: unescape(f[3]), at: unescape(f[4]), kind: s[0], readOnly: has(f[5], "ro") && !has(s[len(s)-1], "ro")})
	}
	for line := range strings.Lines(cgroup) { // cgroups(7): 0::/system.slice/seikan.service
		parts := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(parts) == 3 && (parts[1] == "" || parts[1] == "name=systemd") && strings.HasSuffix(parts[2], ".service") {
			c.unit = filepath.Base(parts[2])
		}
	}
	return c
}

func has(options, word string) bool {
	for o := range strings.SplitSeq(options, ",") {
		if o == word {
			return true
		}
	}
	return false
}

var unescape = strings.NewReplacer(`\040`, " ", `\011`, "\t", `\012`, "\n", `\134`, `\`).Replace

// mountOf is where a path lies: of the mounts above it the longest, of those the last.
func (c confinement) mountOf(path string) (found mount) {
	for _, m := range c.mounts {
		if len(m.at) >= len(found.at) && (m.at == "/" || path == m.at || strings.HasPrefix(path, m.at+"/")) {
			found = m
		}
	}
	return found
}

func (c confinement) explain(err error) error {
	path := pathOf(err)
	hint := ""
	switch {
	case path != "" && errors.Is(err, syscall.EROFS):
		hint = c.readOnly(path)
	case path != "" && (errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission)):
		hint = c.hidden(path)
	}
	if hint == "" && c.filtered && errors.Is(err, syscall.EPERM) {
		hint = "SystemCallFilter= does not let it through, or a capability is missing that CapabilityBoundingSet= has dropped"
	}
	if hint == "" && errors.Is(err, syscall.ENOMEM) {
		hint = "MemoryMax= may be too small"
	}
	if hint == "" {
		return err
	}
	name := strings.TrimSuffix(c.unit, ".service")
	if name == "" {
		return fmt.Errorf("%w (the systemd unit of this process: %s)", err, hint)
	}
	return fmt.Errorf("%w (the unit %s: %s; `systemctl edit %s` changes it)", err, name, hint, name)
}

// pathOf is the absolute path that an error is about.
func pathOf(err error) string {
	var p *fs.PathError
	var l *os.LinkError
	path := ""
	switch {
	case errors.As(err, &p):
		path = p.Path
	case errors.As(err, &l):
		path = l.New
	}
	if !filepath.IsAbs(path) {
		return ""
	}
	return filepath.Clean(path)
}

func (c confinement) readOnly(path string) string {
	if !c.mountOf(path).readOnly {
		return "" // the disk itself is read-only
	}
	setting := "ProtectSystem=strict"
	for _, at := range []string{"/usr", "/boot", "/efi", "/etc"} {
		if below(path, at) {
			setting = "ProtectSystem="
		}
	}
	if inHome(path) {
		setting = "ProtectHome=read-only"
	}
	return setting + " keeps it from writing here; ReadWritePaths=" + filepath.Dir(path) + " opens this directory"
}

// hidden says why a path that an administrator sees is not there, or out of reach.
func (c confinement) hidden(path string) string {
	m := c.mountOf(path)
	switch {
	case (below(path, "/tmp") || below(path, "/var/tmp")) && strings.Contains(m.root, "/systemd-private-"):
		return "PrivateTmp=yes gives it a " + m.at + " of its own; put the file elsewhere, or set PrivateTmp=no"
	case m.at == "/dev" && m.kind == "tmpfs" && m.readOnly:
		return "PrivateDevices=yes and DevicePolicy=closed hide devices from it; DeviceAllow=" + path + " rw and PrivateDevices=no open this one"
	case strings.Contains(m.root, "/inaccessible/"):
		if inHome(path) {
			return "ProtectHome=yes hides it; ProtectHome=no, or BindPaths=" + filepath.Dir(path) + ", opens it"
		}
		return "InaccessiblePaths= hides it"
	case (m.at == "/home" || m.at == "/root" || m.at == "/run/user") && m.kind == "tmpfs" && m.root == "/":
		return "ProtectHome=tmpfs hides it; BindPaths=" + filepath.Dir(path) + " opens this directory"
	}
	return ""
}

func below(path, dir string) bool { return path == dir || strings.HasPrefix(path, dir+"/") }

func inHome(path string) bool {
	return below(path, "/home") || below(path, "/root") || below(path, "/run/user")
}
