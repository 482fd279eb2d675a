package rest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"net/http"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sync/semaphore"

	"seikan/engine/job/hocon"
)

const (
	emptyBody   = "Request body is empty."
	invalidJSON = "Invalid JSON format in request body."
	noJobID     = "jobId cannot be empty."
)

// body reads the request's body, which must not be empty. The room it takes is given back when
// the request ends.
func (a *API) body(c *Call) ([]byte, error) {
	if c.Request().ContentLength > a.cfg.MaxBody {
		return nil, &http.MaxBytesError{Limit: a.cfg.MaxBody}
	}
	// The deadline must not outlive the reading: when it passes, the request ends.
	control := http.NewResponseController(c.Response())
	timed := control.SetReadDeadline(time.Now().Add(a.cfg.BodyWithin)) == nil
	text, release, err := a.bodies.Read(http.MaxBytesReader(c.Response(), c.Request().Body, a.cfg.MaxBody), c.Request().ContentLength)
	context.AfterFunc(c.ctx(), release)
	if timed && err == nil {
		err = control.SetReadDeadline(time.Time{})
	}
	var large *http.MaxBytesError
	switch {
	case errors.As(err, &large):
		return nil, err
	case errors.Is(err, ErrCrowded):
		return nil, &Failure{Status: http.StatusServiceUnavailable, Message: err.Error()}
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, &Failure{Status: http.StatusRequestTimeout, Message: fmt.Sprintf("the request body did not arrive within %v", a.cfg.BodyWithin)}
	case err != nil:
		return nil, bad("the request body did not arrive whole: %v", err)
	case len(bytes.TrimSpace(text)) == 0:
		return nil, bad(emptyBody)
	case bytes.Count(text, []byte{','}) > maxValues:
		return nil, &Failure{Status: http.StatusRequestEntityTooLarge, Message: fmt.Sprintf("The request body has more than %d values", maxValues)}
	}
	return text, nil
}

// maxValues bounds what a body may come to once it is understood: a value takes a hundred times
// the room of its text.
const maxValues = 1 << 20

// ErrCrowded says that the bodies of other requests take all the room there is for them.
var ErrCrowded = errors.New("too many large requests at once; send it again in a moment")

// Bodies bounds what the bodies of all requests hold together.
type Bodies struct{ room *semaphore.Weighted }

// NewBodies makes room for a number of bytes.
func NewBodies(bytes int64) *Bodies { return &Bodies{semaphore.NewWeighted(bytes)} }

// Read reads r whole. size is what it is said to have, -1 if unknown. release, never nil, gives the
// room back; call it once, when the text is not needed any more.
func (b *Bodies) Read(r io.Reader, size int64) (text []byte, release func(), err error) {
	held := int64(0)
	release = func() { b.room.Release(held) }
	const least = 4096
	next := max(size+1, least) // one more than there is, so that the end is seen
	for {
		if !b.room.TryAcquire(next) {
			return nil, release, ErrCrowded
		}
		text = append(make([]byte, 0, next), text...)
		b.room.Release(held)
		held = next
		for len(text) < cap(text) {
			n, err := r.Read(text[len(text):cap(text)])
			text = text[:len(text)+n]
			if errors.Is(err, io.EOF) {
				return text, release, nil
			}
			if err != nil {
				return nil, release, err
			}
		}
		next = 2 * held
	}
}

// jsonBody reads a body that must be JSON of a kind, and gives its text too.
func (a *API) jsonBody(c *Call, kind hocon.Kind) (*hocon.Value, []byte, error) {
	text, err := a.body(c)
	if err != nil {
		return nil, nil, err
	}
	v, err := hocon.ParseJSON("body", text)
	if err != nil {
		return nil, nil, &Failure{Status: http.StatusBadRequest, Message: invalidJSON, Detail: err.Error()}
	}
	return v, text, mustBe(v, kind)
}

func mustBe(v *hocon.Value, kind hocon.Kind) error {
	if v.Kind == kind {
		return nil
	}
	return &Failure{Status: http.StatusBadRequest, Message: invalidJSON, Detail: fmt.Sprintf("expected %s, this is %s", kind, v.Kind)}
}

// query reads the parameters of the URL.
func (c *Call) query() (url.Values, error) {
	q, err := url.ParseQuery(c.Request().URL.RawQuery)
	if err != nil {
		return nil, &Failure{Status: http.StatusBadRequest, Message: "Unsupported encoding exists in the parameter.", Detail: err.Error()}
	}
	return q, nil
}

// long reads a number as Java's Long.parseLong does, with its message.
func long(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, bad("For input string: %q", clip(text))
	}
	return n, nil
}

// clip keeps text of a request from making a message endless.
func clip(text string) string {
	const limit = 200
	if len(text) <= limit {
		return text
	}
	return strings.ToValidUTF8(text[:limit], "") + "…"
}

// jobID reads an id and gives the form in which the rows have it.
func jobID(text string) (string, error) {
	n, err := long(text)
	return strconv.FormatInt(n, 10), err
}

// isTrue is Java's Boolean.parseBoolean.
func isTrue(text string) bool { return strings.EqualFold(text, "true") }

// double writes a number as Java's Double.toString does.
func double(f float64) string {
	switch abs := math.Abs(f); {
	case math.IsNaN(f):
		return "NaN"
	case math.IsInf(f, 0):
		return strings.TrimPrefix(strconv.FormatFloat(f, 'f', -1, 64), "+") + "inity"
	case abs == 0 || abs >= 1e-3 && abs < 1e7:
		text := strconv.FormatFloat(f, 'f', -1, 64)
		if !strings.Contains(text, ".") {
			text += ".0"
		}
		return text
	}
	mantissa, exponent, _ := strings.Cut(strconv.FormatFloat(f, 'E', -1, 64), "E")
	if !strings.Contains(mantissa, ".") {
		mantissa += ".0"
	}
	sign, digits := "", strings.TrimLeft(exponent, "+0")
	if strings.HasPrefix(exponent, "-") {
		sign, digits = "-", strings.TrimLeft(exponent, "-0")
	}
	return mantissa + "E" + sign + digits
}
