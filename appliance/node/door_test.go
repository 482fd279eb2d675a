package node

import (
	"log/slog"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"seikan/appliance/port"
	"seikan/web/rest"
)

func TestTheDoorOpensForTheClusterKeyOnly(t *testing.T) {
	t.Parallel()
	key, now := []byte("secret"), time.Now()
	s := &Server{guard: port.NewGuard(port.GuardConfig{Key: append(key, '\n'), Log: slog.New(slog.DiscardHandler)}), bodies: rest.NewBodies(1 << 20)}
	for name, c := range map[string]struct {
		proof, body string
		want        bool
	}{
		"right":         {prove(key, "POST", "/seikan/v1/jobs", []byte("{}"), now), "{}", true},
		"another key":   {prove([]byte("guess"), "POST", "/seikan/v1/jobs", []byte("{}"), now), "{}", false},
		"another body":  {prove(key, "POST", "/seikan/v1/jobs", []byte("{}"), now), `{"x":1}`, false},
		"another path":  {prove(key, "POST", "/seikan/v1/about", []byte("{}"), now), "{}", false},
		"an old one":    {prove(key, "POST", "/seikan/v1/jobs", []byte("{}"), now.Add(-time.Hour)), "{}", false},
		"of the future": {prove(key, "POST", "/seikan/v1/jobs", []byte("{}"), now.Add(time.Hour)), "{}", false},
		"none":          {"", "{}", false},
		"nonsense":      {"x:y", "{}", false},
	} {
		r := httptest.NewRequest("POST", "/seikan/v1/jobs", strings.NewReader(c.body))
		r.Header.Set(proofHeader, c.proof)
		if got := s.proven(r); got != c.want {
			t.Errorf("%s: %v", name, got)
		}
	}
}
