package unit

import (
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"time"
)

// What systemd 252 shows a unit with ProtectSystem=, ProtectHome=, PrivateTmp=yes, PrivateDevices=yes.
const (
	fullMounts = `202 149 254:0 / / rw,relatime shared:68 master:1 - ext4 /dev/vda rw,discard
203 202 0:39 / /tmp rw,nosuid,nodev shared:84 - tmpfs tmpfs rw
360 202 0:57 / /dev ro,nosuid,noexec shared:128 - tmpfs tmpfs rw,size=4096k
362 360 0:43 / /dev/shm rw,nosuid,nodev shared:129 - tmpfs tmpfs rw
226 202 254:0 /etc /etc ro,relatime shared:133 master:1 - ext4 /dev/vda rw,discard
227 202 0:44 /systemd/inaccessible/dir /home ro,nosuid,nodev,noexec shared:134 - tmpfs tmpfs rw
344 203 0:39 /systemd-private-df6d-run-u3.service-8toAQR/tmp /tmp rw,nosuid,nodev shared:85 - tmpfs tmpfs rw
345 202 254:0 /usr /usr ro,relatime shared:136 master:1 - ext4 /dev/vda rw,discard
400 202 254:9 / /mnt/cd\040rom ro,relatime - iso9660 /dev/sr0 ro
`
	strictMounts = `202 149 254:0 / / ro,relatime shared:68 master:1 - ext4 /dev/vda rw,discard
227 202 0:58 / /home rw,relatime shared:134 - tmpfs tmpfs rw
228 202 254:0 /var/lib/seikan /var/lib/seikan rw,relatime shared:134 - ext4 /dev/vda rw
`
	plainMounts = `202 149 254:0 / / rw,relatime - ext4 /dev/vda rw
203 202 0:39 / /tmp rw,nosuid,nodev - tmpfs tmpfs rw
204 202 0:40 / /home rw - nfs4 server:/home rw
`
	cgroup = "9:name=systemd:/system.slice/seikan.service\n8:pids:/user.slice\n"
)

func about(path string, errno syscall.Errno) error {
	return fmt.Errorf("write the file: %w", &fs.PathError{Op: "open", Path: path, Err: errno})
}

func TestErrorsOfHardeningNameTheSetting(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		mounts, status string
		err            error
		want           string // "" when there is nothing to add
	}{
		"ProtectSystem=full":       {fullMounts, "", about("/etc/cron.d/x", syscall.EROFS), "ProtectSystem= keeps it from writing here; ReadWritePaths=/etc/cron.d opens"},
		"ProtectSystem=strict":     {strictMounts, "", about("/srv/data/x", syscall.EROFS), "ProtectSystem=strict keeps it from writing here; ReadWritePaths=/srv/data opens"},
		"a disk that is read-only": {fullMounts, "", about("/mnt/cd rom/x", syscall.EROFS), ""},
		"ProtectHome=yes":          {fullMounts, "", about("/home/joe/in.csv", syscall.EACCES), "ProtectHome=yes hides it; ProtectHome=no, or BindPaths=/home/joe"},
		"ProtectHome=tmpfs":        {strictMounts, "", about("/home/joe/in.csv", syscall.ENOENT), "ProtectHome=tmpfs hides it; BindPaths=/home/joe"},
		"PrivateTmp":               {fullMounts, "", about("/tmp/in.csv", syscall.ENOENT), "PrivateTmp=yes gives it a /tmp of its own"},
		"PrivateDevices":           {fullMounts, "", about("/dev/sr0", syscall.ENOENT), "PrivateDevices=yes"},
		"SystemCallFilter":         {plainMounts, "Seccomp:\t2\n", about("/srv/x", syscall.EPERM), "SystemCallFilter="},
		"MemoryMax":                {plainMounts, "", fmt.Errorf("map: %w", syscall.ENOMEM), "MemoryMax="},
		"no unit in the way":       {plainMounts, "", about("/tmp/in.csv", syscall.ENOENT), ""},
		"a home on another server": {plainMounts, "", about("/home/joe/in.csv", syscall.EACCES), ""},
		"a plain missing file":     {fullMounts, "", about("/srv/in.csv", syscall.ENOENT), ""},
		"a mode that forbids it":   {fullMounts, "", about("/srv/in.csv", syscall.EACCES), ""},
		"a relative path":          {strictMounts, "", about("x", syscall.EROFS), ""},
		"no error of a file":       {strictMounts, "Seccomp:\t2\n", errors.New("no such column"), ""},
	} {
		got := confinementOf(c.mounts, cgroup, c.status).explain(c.err)
		if !errors.Is(got, c.err) {
			t.Errorf("%s: %v hides %v", name, got, c.err)
		}
		if c.want == "" {
			if got.Error() != c.err.Error() {
				t.Errorf("%s: %v, want it as it was", name, got)
			}
			continue
		}
		if text := got.Error(); !strings.Contains(text, "(the unit seikan: "+c.want) || !strings.Contains(text, "`systemctl edit seikan`") {
			t.Errorf("%s: %v, want %s", name, got, c.want)
		}
	}
}

func TestOutsideOfAUnitNothingIsAdded(t *testing.T) {
	t.Setenv("INVOCATION_ID", "")
	if err := about("/etc/x", syscall.EROFS); Explain(err).Error() != err.Error() {
		t.Error(Explain(err))
	}
}

func TestNotifierAsksForMoreTimeNowAndThenAndRepeatsNoStatus(t *testing.T) {
	t.Parallel()
	var sent []string
	now := time.Unix(1000, 0)
	n := &Notifier{now: func() time.Time { return now }, send: func(s string) error { sent = append(sent, s); return nil }}
	say := func(text string) {
		t.Helper()
		if err := errors.Join(n.Status(text), n.Extend()); err != nil {
			t.Fatal(err)
		}
	}
	say("waiting for\nn2")
	now = now.Add(9 * time.Second)
	say("waiting for n2")
	now = now.Add(time.Second)
	say(strings.Repeat("é", 2000))
	want := []string{"STATUS=waiting for n2", "EXTEND_TIMEOUT_USEC=60000000", "STATUS=" + strings.Repeat("é", 500) + "…", "EXTEND_TIMEOUT_USEC=60000000"}
	if strings.Join(sent, "|") != strings.Join(want, "|") {
		t.Errorf("sent %q", sent)
	}
}
