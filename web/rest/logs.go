package rest

import (
	"errors"
	"fmt"
	"html"
	"io"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"
)

const htmlType = "text/html; charset=UTF-8"

// V1Prefix is what the paths of V1 begin with.
const V1Prefix = "/hazelcast/rest/maps"

type logEntry struct {
	Node    string `json:"node"`
	LogLink string `json:"logLink"`
	LogName string `json:"logName"`
}

// Logs lists the log files of all nodes, those whose names contain the argument; or, when the
// argument is the name of a file, shows that file of this node.
func (a *API) Logs(c *Call) error {
	if strings.Contains(c.Arg, ".log") {
		return a.showLog(c)
	}
	query, err := c.query()
	if err != nil {
		return err
	}
	if _, err := a.localLogs(c); err != nil {
		return err
	}
	files, err := a.b.ListLogs(c.ctx())
	if err != nil {
		return err
	}
	scheme := "http://"
	if c.IsTLS() {
		scheme = "https://"
	}
	list := []logEntry{}
	for _, f := range files {
		if !strings.Contains(f.Name, c.Arg) {
			continue
		}
		port, prefix := f.Port, V1Prefix
		if c.Version == V2 {
			port, prefix = a.cfg.HTTPPort, a.cfg.ContextPath
		}
		node := net.JoinHostPort(f.Host, strconv.Itoa(port))
		list = append(list, logEntry{node, scheme + node + prefix + "/logs/" + url.PathEscape(f.Name), f.Name})
	}
	slices.SortFunc(list, func(x, y logEntry) int {
		return strings.Compare(x.Node+" "+x.LogName, y.Node+" "+y.LogName)
	})
	if strings.EqualFold(query.Get("format"), "json") {
		return c.json(list)
	}
	var items [][2]string
	for _, e := range list {
		items = append(items, [2]string{e.LogLink, e.Node + "-" + e.LogName})
	}
	return c.Blob(http.StatusOK, htmlType, page(items))
}

// Log lists the log files of this node, or shows the one that the argument names.
func (a *API) Log(c *Call) error {
	if c.Arg != "" {
		return a.showLog(c)
	}
	names, err := a.localLogs(c)
	if err != nil {
		return err
	}
	about := a.b.About()
	node := net.JoinHostPort(about.Host, strconv.Itoa(about.Port))
	var items [][2]string
	for _, name := range names {
		items = append(items, [2]string{"log/" + url.PathEscape(name), node + "-" + name})
	}
	return c.Blob(http.StatusOK, htmlType, page(items))
}

// LogNames names the log files of this node.
func (a *API) LogNames(c *Call) error {
	names, err := a.localLogs(c)
	if err != nil {
		return err
	}
	return c.json(append([]string{}, names...))
}

func (a *API) localLogs(c *Call) ([]string, error) {
	names, err := a.b.LocalLogs(c.ctx())
	if errors.Is(err, ErrNoLogs) {
		return nil, empty(http.StatusNotFound)
	}
	return slices.Sorted(slices.Values(names)), err
}

// showLog sends a file as it is, or the part of it that a Range header asks for (RFC 9110, 14).
// The request has no deadline, but a client that takes nothing for a while is left.
func (a *API) showLog(c *Call) error {
	name := c.Arg
	if plainName(name) == "" {
		return empty(http.StatusBadRequest)
	}
	f, err := a.b.OpenLog(c.ctx(), name)
	if errors.Is(err, ErrNoLogs) {
		return empty(http.StatusNotFound)
	}
	if err != nil {
		a.log.Debug("a log file cannot be shown", "file", name, "error", err)
		return empty(http.StatusBadRequest)
	}
	defer f.Close()
	c.Response().Header().Set(echo.HeaderContentType, "text/plain; charset=UTF-8")
	if file, ok := f.(io.ReadSeeker); ok {
		out := &slowly{c.Response(), patient{c.Response(), http.NewResponseController(c.Response())}}
		http.ServeContent(out, c.Request(), "", time.Time{}, file)
		return nil
	}
	c.Response().WriteHeader(http.StatusOK)
	if _, err := io.Copy(&patient{c.Response(), http.NewResponseController(c.Response())}, f); err != nil {
		return fmt.Errorf("send log file %s: %w", name, err)
	}
	return nil
}

// plainName is the name, or "" when it would lead out of the log folder.
func plainName(name string) string {
	if name == "." || name == ".." || strings.ContainsAny(name, "/\\\x00") {
		return ""
	}
	return name
}

const logPatience = time.Minute

// patient gives each piece its own time to be taken.
type patient struct {
	w io.Writer
	c *http.ResponseController
}

func (p *patient) Write(b []byte) (int, error) {
	// A server that knows no deadlines waits as long as its connection does.
	if err := p.c.SetWriteDeadline(time.Now().Add(logPatience)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return 0, err
	}
	return p.w.Write(b)
}

// slowly is an answer that is taken by a patient client.
type slowly struct {
	http.ResponseWriter
	out patient
}

func (s *slowly) Write(b []byte) (int, error) { return s.out.Write(b) }

func page(items [][2]string) []byte {
	var b strings.Builder
	b.WriteString("<html><head><title>Seatunnel log</title></head>\n<body>\n<h2>Seatunnel log</h2>\n<ul>\n")
	for _, i := range items {
		fmt.Fprintf(&b, "<li><a href=\"%s\">%s</a></li>\n", html.EscapeString(i[0]), html.EscapeString(i[1]))
	}
	b.WriteString("</ul>\n</body></html>\n")
	return []byte(b.String())
}
