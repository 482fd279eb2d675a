package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/mattn/go-isatty"
	"golang.org/x/sys/unix"

	"seikan/appliance/config"
	"seikan/appliance/setup"
	"seikan/storage/open"
)

// questioner asks a person at the terminal.
type questioner struct {
	ctx   context.Context // a Ctrl-C ends the questions
	t     *terminal
	lines *bufio.Reader
	ended bool // there is nobody to answer any more
}

// possible says whether a person sits at both ends.
func (q *questioner) possible() bool {
	f, ok := q.t.in.(*os.File)
	return ok && isatty.IsTerminal(f.Fd()) && q.t.err.screen
}

// one asks until the answer fits. Nothing is the standard answer.
func (q *questioner) one(what, standard string, fits func(string) error) string {
	for {
		fmt.Fprintf(q.t.err, "%s [%s]: ", what, standard)
		text := q.line()
		if text == "" {
			text = standard
		}
		err := fits(text)
		if err == nil || q.ended {
			return text
		}
		fmt.Fprintf(q.t.err, "  %v\n", err)
	}
}

func (q *questioner) line() string {
	if q.lines == nil {
		q.lines = bufio.NewReader(q.t.in)
	}
	type answer struct {
		text string
		err  error
	}
	given := make(chan answer, 1)
	go func() {
		text, err := q.lines.ReadString('\n')
		given <- answer{text, err}
	}()
	select {
	case <-q.ctx.Done():
		q.ended = true
		return ""
	case a := <-given:
		if a.err != nil {
			q.ended = true
			fmt.Fprintln(q.t.err)
		}
		return strings.TrimSpace(a.text)
	}
}

// secret asks for what must not be seen. Nothing keeps what there is.
func (q *questioner) secret(what string) string {
	fmt.Fprintf(q.t.err, "%s [as it is; not shown; ${env:NAME} and ${file:/path} are references]: ", what)
	f, ok := q.t.in.(*os.File)
	if !ok {
		return q.line()
	}
	fd := int(f.Fd())
	saved, err := unix.IoctlGetTermios(fd, unix.TCGETS)
	if err != nil {
		return q.line()
	}
	silent := *saved
	silent.Lflag &^= unix.ECHO
	_ = unix.IoctlSetTermios(fd, unix.TCSETS, &silent) // then it is seen, which the person sees
	text := q.line()
	_ = unix.IoctlSetTermios(fd, unix.TCSETS, saved)
	fmt.Fprintln(q.t.err)
	return text
}

func (q *questioner) yes(what string) bool {
	fmt.Fprintf(q.t.err, "%s [y/N]: ", what)
	return slices.Contains([]string{"y", "yes"}, strings.ToLower(q.line()))
}

// answers asks for everything, with what there is as the standard answer.
func (q *questioner) answers(a setup.Answers) (setup.Answers, error) {
	a.ClusterName = q.one("cluster name, the same on every node and client", a.ClusterName, func(s string) error {
		if s == "" {
			return errors.New("expected a word")
		}
		return nil
	})
	members := q.one("members: host or host:port of every node, this one too, with commas between", strings.Join(a.Members, ","), func(s string) error {
		for m := range strings.SplitSeq(s, ",") {
			if _, err := config.ParseMember(m); err != nil {
				return err
			}
		}
		return nil
	})
	a.Members = nil
	for m := range strings.SplitSeq(members, ",") {
		a.Members = append(a.Members, strings.TrimSpace(m))
	}
	a.Port = q.number("port of the node", a.Port, 1, 65535)
	a.HTTPPort = q.number("port of the console and REST V2, 0 for none", a.HTTPPort, 0, 65535)
	if len(a.Members) > 1 {
		a.BackupCount = q.number("how many nodes may fail at once", a.BackupCount, 0, 6)
	}
	who := "members"
	if a.OpenToAll {
		who = "anyone"
	}
	who = q.one("who may use HTTP from other hosts: members, or anyone without a login", who, func(s string) error {
		if s != "members" && s != "anyone" {
			return errors.New("expected members or anyone")
		}
		return nil
	})
	a.OpenToAll = who == "anyone"
	kind := q.one("where checkpoints are kept: "+strings.Join(open.Kinds, ", "), a.Storage.Kind, func(s string) error {
		if !slices.Contains(open.Kinds, s) {
			return errors.New("expected one of " + strings.Join(open.Kinds, ", "))
		}
		return nil
	})
	if kind != a.Storage.Kind {
		a.Storage = setup.Storage{Kind: kind, Keys: map[string]string{}}
	}
	for _, k := range setup.StorageKeys(kind) {
		now := a.Storage.Keys[k.Name]
		if !setup.Asked(k) && now == "" {
			continue
		}
		what, _, _ := strings.Cut(k.Doc, ". ")
		what = "  " + k.Name + ": " + strings.ReplaceAll(what, "`", "")
		v := ""
		if k.Sensitive {
			v = q.secret(what)
		} else {
			if k.Example != "" && now == "" {
				what += ", such as " + k.Example
			}
			v = q.one(what, now, func(s string) error {
				if s == "" && k.Required {
					return errors.New("it is needed")
				}
				return nil
			})
		}
		if v != "" {
			a.Storage.Keys[k.Name] = v
		}
	}
	if q.ended {
		return a, errors.New("nothing is written: the questions were not all answered")
	}
	return a, nil
}

func (q *questioner) number(what string, standard, low, high int) int {
	text := q.one(what, strconv.Itoa(standard), func(s string) error {
		if n, err := strconv.Atoi(s); err != nil || n < low || n > high {
			return fmt.Errorf("expected a number from %d to %d", low, high)
		}
		return nil
	})
	n, err := strconv.Atoi(text)
	if err != nil { // nobody answered
		return standard
	}
	return n
}
