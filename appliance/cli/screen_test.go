package cli_test

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"seikan/appliance/testbed"
	"seikan/appliance/testbed/lacking"
)

// openTerminal makes a terminal of 160 columns: what is written to person's side is typed,
// what is read there is on the screen.
func openTerminal(t *testing.T) (person, program *os.File) {
	t.Helper()
	person, err := os.OpenFile("/dev/ptmx", os.O_RDWR, 0)
	if err != nil {
		lacking.Skip(t, "this machine gives no terminal: %v", err)
	}
	t.Cleanup(func() { _ = person.Close() })
	fd := int(person.Fd())
	if err := unix.IoctlSetPointerInt(fd, unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(fd, unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	if err := unix.IoctlSetWinsize(fd, unix.TIOCSWINSZ, &unix.Winsize{Row: 40, Col: 160}); err != nil {
		t.Fatal(err)
	}
	program, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = program.Close() })
	return person, program
}

var steering = regexp.MustCompile("\x1b\\[[0-9;]*[A-Za-z]|\r")

func TestBarsStandBelowTheRowsOfTheConsole(t *testing.T) {
	b := newBench(t)
	job := b.file("slow.conf", `env { }
source { FakeSource { row.num = 40, split.num = 20, schema { fields { id = bigint } } } }
sink { Console { log.print.delay.ms = 10 } }`)
	person, program := openTerminal(t)
	c := testbed.Command(t, b.state, "run", job)
	c.Env = append(c.Env, "TERM=xterm", "NO_COLOR=")
	c.Stdin, c.Stdout, c.Stderr = program, program, program
	if err := c.Start(); err != nil {
		t.Fatal(err)
	}
	_ = program.Close() // the program has its own
	var screen strings.Builder
	for buf := make([]byte, 4096); ; {
		n, err := person.Read(buf)
		screen.Write(buf[:n])
		if err != nil { // EIO: nobody holds the other side any more
			break
		}
	}
	if err := c.Wait(); err != nil {
		t.Fatalf("%v\n%s", err, screen.String())
	}
	rows, last := map[string]int{}, ""
	for _, line := range strings.Split(steering.ReplaceAllString(screen.String(), ""), "\n") {
		if _, row, ok := strings.Cut(line, "rowIndex="); ok {
			if strings.Contains(line, "pipeline-1 Source") {
				t.Errorf("a row and a bar share a line: %q", line)
			}
			row, _, _ = strings.Cut(row, ":")
			rows[row]++
		}
		if strings.HasPrefix(line, "pipeline-1 Source[0]-FakeSource") {
			last = line
		}
	}
	if len(rows) != 40 {
		t.Errorf("%d rows on the screen", len(rows))
	}
	if !strings.Contains(last, "[====================]  100%  40 rows") {
		t.Errorf("the bar ends as %q", last)
	}
	if t.Failed() {
		t.Log(screen.String())
	}
}
