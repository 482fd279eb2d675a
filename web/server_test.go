package web_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"seikan/web"
	"seikan/web/auth"
	"seikan/web/rest"
	"seikan/web/rest/resttest"
)

type errReader struct{}

func (errReader) Read([]byte) (int, error) { return 0, errors.New("disk is gone") }

// broken is a backend that breaks in its own ways.
type broken struct {
	*resttest.Backend
	members func(context.Context) ([]rest.Member, error)
	file    io.Reader
}

func (b *broken) Members(ctx context.Context) ([]rest.Member, error) { return b.members(ctx) }

func (b *broken) OpenLog(context.Context, string) (io.ReadCloser, error) {
	return io.NopCloser(b.file), nil
}

func TestLargeBodyIsRefused(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(_ *resttest.Backend, c *rest.Config, _ *web.Config) { c.MaxBody = 64 })
	for _, path := range []string{"/submit-job", "/submit-jobs", "/stop-job", "/stop-jobs", "/encrypt-config", "/update-tags"} {
		v1, v2 := s.both("POST", path, strings.Repeat(" ", 65))
		for _, got := range []string{v1, v2} {
			if !strings.HasPrefix(got, "413 ") || !strings.Contains(got, "larger than 64 bytes; seatunnel.seikan.max-body-bytes") {
				t.Errorf("%s: %s", path, got)
			}
		}
	}
}

func TestSubmitAnswersWhenTheJobIsPlanned(t *testing.T) {
	t.Parallel()
	s := newSite(t)
	s.Plan = s.Unplannable
	if got := ask(s.v2, "POST", "/submit-job?jobId=5", oneJob); got != "500 application/json;charset=UTF-8\n"+
		`{"status":"fail","message":"Plugin 'Nowhere' is not known","detail":"job 5"}` {
		t.Errorf("a job that cannot be planned: %s", got)
	}

	s.Fill(t) // a run that is gone on with has a plan already: that of the run before
	if got := ask(s.v2, "POST", "/submit-job?isStartWithSavePoint=true&jobId="+finishedID, oneJob); !strings.HasPrefix(got, "500 ") {
		t.Errorf("a restart that cannot be planned: %s", got)
	}

	reads := 0
	late := newSite(t, func(b *resttest.Backend, c *rest.Config, _ *web.Config) {
		b.Plan = func(string) {}
		c.Poll = func(context.Context) error {
			if reads++; reads == 3 {
				b.Planned("5")
			}
			return nil
		}
	})
	if got := ask(late.v2, "POST", "/submit-job?jobId=5", oneJob); !strings.HasPrefix(got, "200 ") || reads != 3 {
		t.Errorf("after %d reads: %s", reads, got)
	}

	slow := newSite(t, func(b *resttest.Backend, c *rest.Config, _ *web.Config) {
		b.Plan = func(string) {}
		c.InitWithin = time.Nanosecond
		c.Poll = func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }
	})
	if got := ask(slow.v2, "POST", "/submit-job?jobId=5", oneJob); !strings.HasPrefix(got, "200 ") {
		t.Errorf("a job that is submitted but not planned in time: %s", got)
	}
}

func TestLateRequestFailsWithinItsTime(t *testing.T) {
	t.Parallel()
	b := &broken{Backend: resttest.New(t), members: func(ctx context.Context) ([]rest.Member, error) { <-ctx.Done(); return nil, ctx.Err() }}
	h := web.Handler(web.Config{Guard: &auth.Guard{AllowRemote: true}, Within: time.Millisecond}, rest.New(b, rest.Config{}))
	if got := ask(h, "GET", "/overview", ""); !strings.HasPrefix(got, "500 ") || !strings.Contains(got, "there was no answer in time") {
		t.Errorf("answer is %s", got)
	}
}

func TestSlowBodyIsGivenUp(t *testing.T) {
	t.Parallel()
	s := newSite(t, func(_ *resttest.Backend, c *rest.Config, _ *web.Config) { c.BodyWithin = 20 * time.Millisecond })
	l, stop := serve(t, s.v2)
	defer stop()
	c, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	fmt.Fprintf(c, "POST /submit-job HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100\r\n\r\n{")
	answer, err := io.ReadAll(c)
	if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 408 ") {
		t.Errorf("answer is %q (%v)", answer, err)
	}
}

func TestShutdownLetsRequestsEnd(t *testing.T) {
	t.Parallel()
	begun, end := make(chan struct{}), make(chan struct{})
	l, stop := serve(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(begun)
		<-end
		_, _ = io.WriteString(w, "whole")
	}))
	got := make(chan string, 1)
	go func() {
		r, err := http.Get("http://" + l.Addr().String())
		if err != nil {
			got <- err.Error()
			return
		}
		defer r.Body.Close()
		text, err := io.ReadAll(r.Body)
		got <- fmt.Sprint(string(text), err)
	}()
	<-begun
	time.AfterFunc(10*time.Millisecond, func() { close(end) })
	stop()
	if text := <-got; text != "whole<nil>" {
		t.Errorf("the request got %q", text)
	}
	if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
		t.Error("the port still answers")
	}
}

// serve runs a server until stop.
func serve(t *testing.T, h http.Handler) (net.Listener, func()) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- web.Serve(ctx, web.NewServer(h, slog.New(slog.DiscardHandler)), l, 10*time.Second) }()
	return l, func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}
