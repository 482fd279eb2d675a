package web

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"seikan/web/auth"
	"seikan/web/rest"
)

// Config is how requests are taken in.
type Config struct {
	ContextPath string      // of V2: "" or "/x"
	V1          V1          // what V1 answers
	Guard       *auth.Guard // nil: this host alone. Health checks pass it always
	// Within bounds each request, apart from logs and submits of several jobs; 0: two minutes.
	Within time.Duration
	Log    *slog.Logger // nil: slog.Default()
}

// V1 is network.rest-api of hazelcast.yaml.
type V1 struct {
	Enabled bool
	Groups  map[string]bool // endpoint groups that are enabled
}

func (c Config) filled() Config {
	if c.Log == nil {
		c.Log = slog.Default()
	}
	if c.Within == 0 {
		c.Within = 2 * time.Minute
	}
	guard := auth.Guard{Log: c.Log}
	if c.Guard != nil {
		guard = *c.Guard
	}
	also := guard.Open
	guard.Open = func(r *http.Request) bool { return open(r) || also != nil && also(r) }
	c.Guard = &guard
	return c
}

// Handler answers V2, on the HTTP port.
func Handler(cfg Config, api *rest.API) http.Handler {
	cfg = cfg.filled()
	e := cfg.echo(rest.V2)
	for i := range Routes {
		r := &Routes[i]
		if !r.V2 {
			continue
		}
		methods := []string{r.Method}
		if r.Method == get {
			methods = append(methods, http.MethodHead)
		}
		path := r.Path
		if path == "" {
			path = cfg.ContextPath + "/" + r.Name
		}
		serve := func(c echo.Context) error {
			arg := strings.TrimPrefix(strings.TrimPrefix(c.Request().URL.Path, path), "/")
			return cfg.serve(r, api, &rest.Call{Context: c, Version: rest.V2, Arg: arg})
		}
		pattern := strings.ReplaceAll(path, ":", `\:`) // or echo takes it for a parameter
		e.Match(methods, pattern, serve)
		if r.Path == "" || r.Deep {
			e.Match(methods, pattern+"/*", serve)
		}
	}
	return cfg.Guard.Wrap(e)
}

// V1Handler answers V1, on the node's own port.
func V1Handler(cfg Config, api *rest.API) http.Handler {
	cfg = cfg.filled()
	e := cfg.echo(rest.V1)
	e.Any("/*", func(c echo.Context) error {
		request := c.Request()
		r, arg := matchV1(request.Method, request.URL.EscapedPath())
		if r == nil {
			return echo.ErrNotFound
		}
		if r.Group != "" && (!cfg.V1.Enabled || !cfg.V1.Groups[r.Group]) {
			return &rest.Failure{Status: http.StatusForbidden, Message: fmt.Sprintf(
				"This endpoint is switched off: set hazelcast.network.rest-api.enabled: true and endpoint-groups.%s.enabled: true in hazelcast.yaml", r.Group)}
		}
		return cfg.serve(r, api, &rest.Call{Context: c, Version: rest.V1, Arg: arg})
	})
	return cfg.Guard.Wrap(e)
}

// serve runs an endpoint within its time.
func (c *Config) serve(r *Route, api *rest.API, call *rest.Call) error {
	ctx, cancel := context.WithCancel(call.Request().Context())
	defer cancel() // what the request holds is given back
	if !r.Slow {
		ctx, cancel = context.WithTimeout(ctx, c.Within)
		defer cancel()
	}
	call.SetRequest(call.Request().WithContext(ctx))
	if !r.Slow {
		// The answer may take as long again to be taken by the client.
		err := http.NewResponseController(call.Response()).SetWriteDeadline(time.Now().Add(2 * c.Within))
		if err != nil && !errors.Is(err, http.ErrNotSupported) {
			return err
		}
	}
	return r.Do(api, call)
}

// echo makes a router that logs at debug level, keeps panics in and answers errors as version does.
func (c *Config) echo(version rest.Version) *echo.Echo {
	e := echo.New()
	e.HideBanner, e.HidePort = true, true
	e.HTTPErrorHandler = func(err error, ctx echo.Context) {
		path := ctx.Request().URL.Path
		switch {
		case errors.Is(err, echo.ErrNotFound):
			err = &rest.Failure{Status: http.StatusNotFound, Message: "There is no " + path}
		case errors.Is(err, echo.ErrMethodNotAllowed):
			err = &rest.Failure{Status: http.StatusMethodNotAllowed, Message: fmt.Sprintf("%s takes no %s", path, ctx.Request().Method)}
		}
		if ctx.Response().Committed {
			c.Log.Debug("an answer is cut off", "path", path, "error", err)
			return
		}
		if err := rest.Fail(ctx, version, err); err != nil {
			c.Log.Debug("an error could not be sent", "path", path, "error", err)
		}
	}
	e.Use(c.access, c.recover)
	return e
}

func (c *Config) access(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ctx echo.Context) error {
		began := time.Now()
		ctx.Response().Header().Set(echo.HeaderXContentTypeOptions, "nosniff")
		err := next(ctx)
		half := err != nil && ctx.Response().Committed
		if err != nil {
			ctx.Error(err)
		}
		r := ctx.Request()
		c.Log.Debug("http", "method", r.Method, "path", r.URL.Path, "status", ctx.Response().Status, "bytes", ctx.Response().Size,
			"took", time.Since(began), "peer", r.RemoteAddr)
		if half {
			panic(http.ErrAbortHandler) // the client must see that it did not get all
		}
		return nil
	}
}

func (c *Config) recover(next echo.HandlerFunc) echo.HandlerFunc {
	return func(ctx echo.Context) (err error) {
		defer func() {
			p := recover()
			switch {
			case p == nil:
			case p == http.ErrAbortHandler:
				panic(p)
			default:
				c.Log.Error("a request broke its handler", "path", ctx.Request().URL.Path, "panic", p, "stack", string(debug.Stack()))
				err = &rest.Failure{Status: http.StatusInternalServerError, Message: "This request met a defect of the program; the log of this node has the details."}
			}
		}()
		return next(ctx)
	}
}
