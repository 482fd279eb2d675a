package swift

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"regexp"
	"strings"

	sdk "github.com/ncw/swift/v2"

	"seikan/storage"
	"seikan/storage/transfer"
)

// authError happened before Swift itself was asked.
type authError struct{ err error }

func (e *authError) Error() string { return "authentication: " + plain(e.err) }

func (e *authError) Unwrap() error { return e.err }

// apiError is a refusal without the page of HTML that Swift sends with it.
type apiError struct{ err error }

func (e *apiError) Error() string { return plain(e.err) }

func (e *apiError) Unwrap() error { return e.err }

var tags = regexp.MustCompile(`(?s)<[^>]*>|\s+`)

// plain is the text of an error on one line, at most 300 bytes of it.
func plain(err error) string {
	text := strings.TrimSpace(tags.ReplaceAllString(err.Error(), " "))
	text = strings.Join(strings.Fields(text), " ")
	return text[:min(len(text), 300)]
}

// statusOf is the HTTP status of a refusal, 0 for everything else.
func statusOf(err error) int {
	var e *sdk.Error
	if errors.As(err, &e) {
		return e.StatusCode
	}
	return 0
}

// mayPass reports whether the same request may succeed a moment later.
func mayPass(err error) bool {
	switch status := statusOf(err); status {
	case 0:
		return true // the connection
	case http.StatusRequestTimeout, http.StatusTooManyRequests, 498, http.StatusConflict:
		return true
	default:
		return status >= 500
	}
}

// fail wraps an error with what was attempted and the key to change. nil stays nil.
func (s *Store) fail(ctx context.Context, op, name string, err error) error {
	if err == nil {
		return nil
	}
	var done *storage.Error
	if errors.As(err, &done) {
		return &storage.Error{Op: op, Path: done.Path, Hint: done.Hint, Err: done.Err}
	}
	e := &storage.Error{Op: op, Path: s.String(), Err: transfer.Brief(err)}
	if name != "" {
		e.Path += "/" + name
	}
	if cerr := ctx.Err(); cerr != nil {
		if !errors.Is(err, cerr) {
			e.Err = fmt.Errorf("%w: %w", cerr, transfer.Brief(err))
		}
		return e
	}
	e.Hint = s.hint(err)
	status := statusOf(err)
	var auth *authError
	switch {
	case status == http.StatusNotFound && !errors.Is(err, sdk.ContainerNotFound) && !errors.As(err, &auth):
		e.Err, e.Hint = storage.ErrNotExist, ""
	case status != 0:
		e.Err = &apiError{err}
	}
	return e
}

// hint names the key to change.
func (s *Store) hint(err error) string {
	var auth *authError
	status := statusOf(err)
	who := keyUser + " and " + keyKey
	if s.c.Credential != "" {
		who = keyCredential + " and " + keySecret
	}
	switch {
	case errors.Is(err, storage.ErrNotSupported):
		return ""
	case strings.Contains(err.Error(), "Response didn't have storage url"):
		return fmt.Sprintf("check %s (%q), %s and %s: the catalogue has no object store for them, and check %s", keyRegion, s.c.Region, keyEndpointType, keyTenant, keyAuthURL)
	case errors.As(err, &auth) && (status == http.StatusUnauthorized || status == http.StatusForbidden || status == http.StatusBadRequest):
		hint := "change " + who
		if s.c.Version == 3 {
			hint += fmt.Sprintf(", or %s (%q), %s or %s", keyDomain, s.c.Domain, keyTenant, keyTenantDomain)
		}
		return hint + ": " + s.c.AuthURL + " refuses them"
	case errors.As(err, &auth) && status != 0:
		return fmt.Sprintf("check %s: %s does not answer as version %d of the authentication", keyAuthURL, s.c.AuthURL, s.c.Version)
	case errors.As(err, &auth):
		if why := transfer.Unreachable(err); why != "" {
			return fmt.Sprintf("check %s: %s: %s", keyAuthURL, s.c.AuthURL, why)
		}
		return fmt.Sprintf("check %s %s and %s", keyAuthURL, s.c.AuthURL, keyVersion)
	case errors.Is(err, sdk.ContainerNotFound):
		return fmt.Sprintf("change %s or make the container %s", keyContainer, s.c.Container)
	case status == http.StatusUnauthorized || status == http.StatusForbidden:
		return fmt.Sprintf("let %s read, write and delete in the container %s and in %s, or change %s", s.c.User, s.c.Container, s.c.Segments, who)
	case status == http.StatusRequestEntityTooLarge:
		return fmt.Sprintf("the account's or the container's quota is full, or lower %s", keySegmentSize)
	case status == http.StatusInsufficientStorage:
		return "the store is full; make room and try again"
	}
	if why := transfer.Unreachable(err); why != "" {
		return fmt.Sprintf("the object store that %s names: %s; check %s and %s", s.c.AuthURL, why, keyRegion, keyEndpointType)
	}
	return ""
}
