// Package rest is SeaTunnel's REST API, in both its versions: V1 below /hazelcast/rest/maps on the
// node's port and V2 on the HTTP port. Each endpoint is a method of API; the paths stand in
// seikan/web.
package rest

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"github.com/labstack/echo/v4"
	"github.com/prometheus/client_golang/prometheus"
)

// Config is how the API behaves. The zero Config is right for tests and small machines.
type Config struct {
	Clock    func() time.Time // nil: time.Now
	Location *time.Location   // of times in answers, which carry no zone; nil: time.Local
	Log      *slog.Logger     // nil: slog.Default()
	// HTTPPort and ContextPath are those of V2 on every node: links to logs lead there.
	HTTPPort    int
	ContextPath string // "" or "/x"
	// MaxBody is the largest request body in bytes; 0: 100 MB.
	MaxBody int64
	// Bodies is shared by everything that takes requests in; nil: room for four of MaxBody.
	Bodies *Bodies
	// BodyWithin is how long a body may take to arrive; 0: two minutes.
	BodyWithin time.Duration
	// InitWithin is how long a submit waits for the job's plan; 0: one minute. The job is
	// submitted even when it takes longer.
	InitWithin time.Duration
	// Stacks gives the stacks of all goroutines as runtime.Stack writes them; nil: from there.
	Stacks func() []byte
	// Poll waits before the job's row is read again; nil: 20 ms.
	Poll func(ctx context.Context) error
}

const defaultMaxBody = 100 << 20

// API answers requests.
type API struct {
	b      Backend
	cfg    Config
	log    *slog.Logger
	bodies *Bodies
	seen   *prometheus.Registry // what SeaTunnel shows
	own    *prometheus.Registry // and what else is worth seeing
}

// New makes the API of a node.
func New(b Backend, cfg Config) *API {
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	if cfg.Location == nil {
		cfg.Location = time.Local
	}
	if cfg.Log == nil {
		cfg.Log = slog.Default()
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = defaultMaxBody
	}
	if cfg.BodyWithin == 0 {
		cfg.BodyWithin = 2 * time.Minute
	}
	if cfg.InitWithin == 0 {
		cfg.InitWithin = time.Minute
	}
	if cfg.Stacks == nil {
		cfg.Stacks = stacks
	}
	if cfg.Poll == nil {
		cfg.Poll = func(ctx context.Context) error { return pause(ctx, 20*time.Millisecond) }
	}
	if cfg.Bodies == nil {
		cfg.Bodies = NewBodies(4 * cfg.MaxBody)
	}
	a := &API{b: b, cfg: cfg, log: cfg.Log, bodies: cfg.Bodies}
	a.seen, a.own = a.registries()
	return a
}

func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}

// Version of the API that a request speaks.
type Version int

// The versions.
const (
	V1 Version = 1
	V2 Version = 2
)

// Call is one request.
type Call struct {
	echo.Context
	Version Version
	// Arg is what follows the endpoint's name in the path, without the slash between them.
	Arg string
}

func (c *Call) ctx() context.Context { return c.Request().Context() }

// json answers with v, 200. <, > and & stay readable.
func (c *Call) json(v any) error {
	text, err := encode(v)
	if err != nil {
		return fmt.Errorf("encode the answer: %w", err)
	}
	return c.Blob(http.StatusOK, echo.MIMEApplicationJSON, text)
}

func encode(v any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}

// Failure is an error with the status it is answered with.
type Failure struct {
	Status  int
	Message string
	Detail  string // where and what exactly; clients of SeaTunnel do not look for it
	Empty   bool   // the answer has no body
}

func (f *Failure) Error() string { return f.Message }

func bad(format string, args ...any) error {
	return &Failure{Status: http.StatusBadRequest, Message: fmt.Sprintf(format, args...)}
}

func empty(status int) error {
	return &Failure{Status: status, Message: http.StatusText(status), Empty: true}
}

// Fail answers with an error: SeaTunnel's {"status":"fail","message":…}.
func Fail(c echo.Context, v Version, err error) error {
	f := failure(err)
	if f.Empty {
		return c.NoContent(f.Status)
	}
	body := struct {
		Status  string  `json:"status"`
		Message *string `json:"message"`
		Detail  string  `json:"detail,omitempty"`
	}{Status: "fail", Detail: f.Detail}
	if f.Message != "" {
		body.Message = &f.Message
	}
	text, err := encode(body)
	if err != nil {
		return fmt.Errorf("encode an error: %w", err)
	}
	kind := echo.MIMEApplicationJSON
	if v == V2 {
		kind += ";charset=UTF-8"
	}
	return c.Blob(f.Status, kind, text)
}

func failure(err error) *Failure {
	var f *Failure
	var h *echo.HTTPError
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &f):
		return f
	case errors.As(err, &large):
		return &Failure{Status: http.StatusRequestEntityTooLarge, Message: fmt.Sprintf(
			"The request body is larger than %d bytes; seatunnel.seikan.max-body-bytes in seatunnel.yaml allows more", large.Limit)}
	case errors.As(err, &h):
		return &Failure{Status: h.Code, Message: fmt.Sprint(h.Message)}
	case errors.Is(err, context.DeadlineExceeded):
		return &Failure{Status: http.StatusInternalServerError, Message: "there was no answer in time: " + err.Error()}
	}
	return &Failure{Status: http.StatusInternalServerError, Message: err.Error()}
}

const maxStacks = 32 << 20 // bytes

func stacks() []byte {
	for n := 1 << 20; ; n *= 2 {
		b := make([]byte, n)
		if got := runtime.Stack(b, true); got < n || n >= maxStacks {
			return b[:got]
		}
	}
}
