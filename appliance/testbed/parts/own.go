package parts

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// Server is a real server of the test's own, to be killed.
type Server struct {
	t      testing.TB
	script string
	env    []string
	data   string
	Env    map[string]string // what the script exports
}

// Own starts an instance of a part on free ports; env is added to the environment. It is removed
// when the test ends. Where the shared instance is not running, the test is skipped as by Env.
func Own(t testing.TB, part string, env ...string) *Server {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a server of its own")
	}
	upper := strings.ToUpper(part)
	Env(t, part, upper+"_ADDR")
	root, err := os.MkdirTemp("", "parts-"+part+"-") // not t.TempDir: servers run as other users
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	s := &Server{t: t, script: script(part), data: filepath.Join(root, "data")}
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, upper+"_") {
			s.env = append(s.env, e)
		}
	}
	s.env = append(s.env, upper+"_PORT="+strconv.Itoa(freePorts(t)), upper+"_DATA="+s.data)
	s.env = append(s.env, env...)
	t.Cleanup(func() {
		if out, err := s.run("wipe"); err != nil {
			t.Errorf("remove the server: %v\n%s", err, out)
		}
		_ = os.RemoveAll(root)
	})
	s.Start()
	return s
}

// freePorts finds eight ports in a row that nobody listens on.
func freePorts(t testing.TB) int {
	for range 100 {
		first := 20_000 + rand.IntN(12_000) // below what outgoing connections use
		free := true
		for p := first; free && p < first+8; p++ {
			l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", p))
			if free = err == nil; free {
				_ = l.Close()
			}
		}
		if free {
			return first
		}
	}
	t.Fatal("no free ports")
	return 0
}

// Run runs the script with a command of its own.
func (s *Server) Run(command ...string) {
	s.t.Helper()
	if out, err := s.run(command...); err != nil {
		s.t.Fatalf("%s %v: %v\n%s", s.script, command, err, out)
	}
}

func (s *Server) run(command ...string) (string, error) {
	var out, diag bytes.Buffer
	c := exec.Command(s.script, command...)
	c.Env, c.Stdout, c.Stderr = s.env, &out, &diag
	if err := c.Run(); err != nil {
		return diag.String(), err
	}
	return out.String(), nil
}

// Start starts it again, with its data.
func (s *Server) Start() {
	s.t.Helper()
	out, err := s.run("start")
	if err != nil {
		s.t.Fatalf("start %s: %v\n%s", s.script, err, out)
	}
	s.Env = exports(out)
}

// Kill ends its processes at once, without a chance to clean up.
func (s *Server) Kill() {
	files, err := filepath.Glob(filepath.Join(s.data, "run", "*.pid"))
	if err == nil && len(files) == 0 {
		err = errors.New("no process to kill")
	}
	for _, f := range files {
		text, rerr := os.ReadFile(f)
		first, _, _ := strings.Cut(string(text), " ")
		pid, aerr := strconv.Atoi(first)
		if err = errors.Join(err, rerr, aerr); aerr == nil && pid > 1 {
			err = errors.Join(err, syscall.Kill(-pid, syscall.SIGKILL)) // the session that the script made
		}
	}
	if err != nil {
		s.t.Errorf("kill %s: %v", s.script, err)
	}
}
