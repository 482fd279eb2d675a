package storagetest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"seikan/storage"
)

// Server is a real server of the test's own, to be killed.
type Server struct {
	t      *testing.T
	script string
	env    []string
	data   string
	Env    map[string]string // what the script exports
}

// OwnServer starts a second instance of a part on free ports; parts is the folder of the start
// scripts, env is added to the environment. It is removed when the test ends.
func OwnServer(t *testing.T, parts, part string, env ...string) *Server {
	t.Helper()
	if testing.Short() {
		t.Skip("starts a server of its own")
	}
	root, err := os.MkdirTemp("", "storage-"+part+"-") // not t.TempDir: servers run as other users
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(root, 0o755); err != nil {
		t.Fatal(err)
	}
	upper := strings.ToUpper(part)
	s := &Server{t: t, script: filepath.Join(parts, part+".sh"), data: filepath.Join(root, "data")}
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
func freePorts(t *testing.T) int {
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
	s.Env = map[string]string{}
	for line := range strings.Lines(out) {
		name, value, _ := strings.Cut(strings.TrimPrefix(strings.TrimSpace(line), "export "), "=")
		s.Env[name] = value
	}
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

// KilledServer kills the server in the middle of a Put, of a new name and of a taken one, and looks
// what is there afterwards. open gives a store without objects that is connected to the server.
func KilledServer(t *testing.T, server *Server, open func(t *testing.T) storage.Store) {
	s := open(t)
	put(t, s, "old", "content")
	for _, name := range []string{"old", "new"} {
		source := io.MultiReader(io.LimitReader(&noise{}, 40<<20), &calling{do: server.Kill}, io.LimitReader(&noise{}, 40<<20))
		_, err := s.Put(t.Context(), name, source)
		var e *storage.Error
		if !errors.As(err, &e) || e.Op != "put" || e.Hint == "" {
			t.Errorf("put %s into a killed server: %v is no storage.Error with a hint", name, err)
		} else {
			t.Log(err)
		}
		_ = s.Close()
		server.Start()
		s = open(t)
		if got := get(t, s, "old", 0, -1); got != "content" {
			t.Errorf("the old object has %d bytes", len(got))
		}
		if got := names(t, s, "", 10); len(got) != 1 || got[0] != "old" {
			t.Errorf("objects are %q", got)
		}
	}
	put(t, s, "new", "after")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// calling does something when it is read, once.
type calling struct{ do func() }

func (c *calling) Read([]byte) (int, error) {
	c.do()
	return 0, io.EOF
}
