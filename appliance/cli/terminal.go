package cli

import (
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

	"github.com/mattn/go-isatty"

	"seikan/appliance/unit"
	"seikan/engine/job/hocon"
)

// terminal is where a command reads and writes. While progress bars are shown, what goes to a
// screen appears above them; what is redirected to a file or a pipe still goes there.
type terminal struct {
	in       io.Reader
	program  string // how the program was called
	out, err *stream
	mu       sync.Mutex
	above    io.Writer // the bars' writer while there are bars
}

// stream is one of a terminal's two outputs. Each Write comes out whole.
type stream struct {
	t      *terminal
	w      io.Writer
	screen bool // a person sees it
}

func newTerminal(in io.Reader, out, errw io.Writer) *terminal {
	t := &terminal{in: in}
	t.out = &stream{t, out, isScreen(out)}
	t.err = &stream{t, errw, isScreen(errw)}
	return t
}

func isScreen(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && isatty.IsTerminal(f.Fd())
}

func (s *stream) Write(p []byte) (int, error) {
	s.t.mu.Lock()
	defer s.t.mu.Unlock()
	if s.screen && s.t.above != nil {
		return s.t.above.Write(p)
	}
	return s.w.Write(p)
}

// bars reports whether progress bars can be drawn: stderr is a screen that can move its cursor.
func (s *stream) bars() bool { return s.screen && os.Getenv("TERM") != "dumb" }

// color reports whether colours are welcome (https://no-color.org).
func (s *stream) color() bool { return s.bars() && os.Getenv("NO_COLOR") == "" }

// setAbove sends what goes to the screen to w, which draws it above the bars; nil ends that.
func (t *terminal) setAbove(w io.Writer) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.above = w
}

// home puts the cursor back to where the bars expect it: the terminal has just echoed ^C.
func (t *terminal) home() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.above != nil {
		_, _ = io.WriteString(t.err.w, "\r") // nothing depends on it
	}
}

// show prints what is wrong in a file with the place marked, or a plain error. text finds the
// text of a file, nil when there is none to show.
func (t *terminal) show(err error, text func(file string) []byte) {
	var ps hocon.Problems
	if errors.As(err, &ps) {
		if hocon.Render(t.err, ps, text, t.err.color()) == nil {
			return
		}
	}
	fmt.Fprintln(t.err, "error:", unit.Explain(err))
}
