//go:build failpoints

package fault

import (
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
)

// armed is SEIKAN_FAILPOINT: the name of a point, and after a colon how many times it is passed
// before the process is killed (0 kills at the first). If it is a path, the file there holds the
// name: it can be written while the process runs, and is gone when it has done its work.
var (
	armed, skip = arm(os.Getenv("SEIKAN_FAILPOINT"))
	passed      atomic.Int64
)

func arm(text string) (string, int64) {
	name, n, _ := strings.Cut(text, ":")
	k, _ := strconv.ParseInt(n, 10, 64) // absent means 0
	return name, k
}

// Point kills the process, as kill -9 does, when it is the armed one.
func Point(name string) {
	if strings.HasPrefix(armed, "/") {
		if text, err := os.ReadFile(armed); err != nil || string(text) != name || os.Remove(armed) != nil {
			return
		}
	} else if name != armed || passed.Add(1) <= skip {
		return
	}
	_ = syscall.Kill(os.Getpid(), syscall.SIGKILL)
	select {} // nothing more happens in this goroutine
}
