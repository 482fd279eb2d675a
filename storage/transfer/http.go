package transfer

import (
	"errors"
	"net"
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"time"
)

// HTTPTransport connects within ten seconds and expects the head of an answer within a minute.
func HTTPTransport() *http.Transport {
	return &http.Transport{
		Proxy:                 http.ProxyFromEnvironment,
		DialContext:           (&net.Dialer{Timeout: 10 * time.Second, KeepAlive: 30 * time.Second}).DialContext,
		TLSHandshakeTimeout:   10 * time.Second,
		ResponseHeaderTimeout: time.Minute,
		ExpectContinueTimeout: time.Second,
		IdleConnTimeout:       90 * time.Second,
		MaxIdleConnsPerHost:   64,
		WriteBufferSize:       64 << 10,
		ReadBufferSize:        64 << 10,
	}
}

// IsAddress reports whether a URL's host is an IP address or localhost, which cannot have a
// bucket's name in front of it.
func IsAddress(endpoint string) bool {
	u, err := url.Parse(endpoint)
	if err != nil {
		return false
	}
	host := strings.ToLower(u.Hostname())
	return host == "localhost" || net.ParseIP(host) != nil
}

// Unreachable says why a server could not be reached, or "" when it was.
func Unreachable(err error) string {
	var dns *net.DNSError
	var op *net.OpError
	switch {
	case errors.As(err, &dns):
		return "no address is known for the host " + dns.Name
	case errors.Is(err, syscall.ECONNREFUSED):
		return "nothing listens there"
	case strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		return "the server speaks http, not https"
	case strings.Contains(err.Error(), "tls: ") || strings.Contains(err.Error(), "x509: "):
		return "TLS fails"
	case errors.As(err, &op) && op.Op == "dial":
		return "it cannot be reached"
	}
	return ""
}

// ImpossiblePrefix reports that no object's name can begin so: a part of it is empty, "." or "..".
func ImpossiblePrefix(prefix string) bool {
	parts := strings.Split(prefix, "/")
	for _, part := range parts[:len(parts)-1] {
		if part == "" || part == "." || part == ".." {
			return true
		}
	}
	return strings.IndexByte(prefix, 0) >= 0
}

// brief is an error in fewer words.
type brief struct {
	text string
	err  error
}

func (e *brief) Error() string { return e.text }

func (e *brief) Unwrap() error { return e.err }

// Brief leaves out what an SDK puts around a request that got no answer.
func Brief(err error) error {
	var u *url.Error
	if !errors.As(err, &u) {
		return err
	}
	where := u.URL
	if at, perr := url.Parse(u.URL); perr == nil {
		where = at.Host
	}
	return &brief{strings.ToUpper(u.Op) + " to " + where + ": " + u.Err.Error(), err}
}
