package rest

import (
	"bufio"
	"bytes"
	"cmp"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

type thread struct {
	ThreadName  string `json:"threadName"`
	ThreadID    int64  `json:"threadId"`
	ThreadState string `json:"threadState"`
	StackTrace  string `json:"stackTrace"`
}

type namedThread struct {
	ThreadName  string `json:"threadName"`
	ClassLoader string `json:"classLoader"`
}

// ThreadDump shows this node's goroutines in the form of Java's threads.
func (a *API) ThreadDump(c *Call) error { return c.json(goroutines(a.cfg.Stacks())) }

// RunningThreads names them; what stands for the class loader is the package they began in.
func (a *API) RunningThreads(c *Call) error {
	out := []namedThread{}
	for _, t := range goroutines(a.cfg.Stacks()) {
		out = append(out, namedThread{t.ThreadName, packageOf(t.ThreadName)})
	}
	slices.SortFunc(out, func(x, y namedThread) int {
		return cmp.Or(cmp.Compare(x.ThreadName, y.ThreadName), cmp.Compare(x.ClassLoader, y.ClassLoader))
	})
	return c.json(out)
}

var (
	goroutineLine = regexp.MustCompile(`^goroutine (\d+)(?: [^\[]*)? ?\[([^\]]*)\]:$`)
	arguments     = regexp.MustCompile(`\([^()]*\)$`)
)

// goroutines reads what runtime.Stack writes. A thread is named after the function it began in;
// the values of arguments are left out.
func goroutines(text []byte) []thread {
	out := []thread{}
	var t *thread
	var frames []string
	var function string
	flush := func() {
		if t != nil {
			t.StackTrace = strings.Join(frames, "\n")
			t.ThreadName = cmp.Or(t.ThreadName, "unknown")
			out = append(out, *t)
		}
		t, frames, function = nil, nil, ""
	}
	lines := bufio.NewScanner(bytes.NewReader(text))
	lines.Buffer(nil, len(text)+1)
	for lines.Scan() {
		line := lines.Text()
		switch m := goroutineLine.FindStringSubmatch(line); {
		case m != nil:
			flush()
			id, _ := strconv.ParseInt(m[1], 10, 64) // digits, by the expression; 0 if too many
			t = &thread{ThreadID: id, ThreadState: javaState(m[2])}
		case t == nil || line == "":
		case strings.HasPrefix(line, "\t"):
			place, _, _ := strings.Cut(strings.TrimSpace(line), " ")
			frames = append(frames, function+" ("+path.Base(place)+")")
		case strings.HasPrefix(line, "created by "):
			function = "created by " + strings.TrimPrefix(line, "created by ")
		default:
			function = arguments.ReplaceAllString(line, "")
			t.ThreadName = function
		}
	}
	flush()
	return out
}

// javaState is the nearest of Java's thread states.
func javaState(s string) string {
	what, _, _ := strings.Cut(s, ",")
	switch {
	case what == "running" || what == "runnable" || what == "syscall" || what == "copystack" || what == "preempted":
		return "RUNNABLE"
	case what == "sleep":
		return "TIMED_WAITING"
	case strings.HasPrefix(what, "sync.Mutex") || strings.HasPrefix(what, "sync.RWMutex"):
		return "BLOCKED"
	}
	return "WAITING"
}

// packageOf takes the function off: "seikan/engine/task.(*Chain).Run" is of seikan/engine/task.
func packageOf(function string) string {
	dir, last := path.Split(function)
	name, _, _ := strings.Cut(last, ".")
	return dir + name
}
