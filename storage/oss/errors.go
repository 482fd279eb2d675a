package oss

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	sdk "github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"

	"seikan/storage"
	"seikan/storage/transfer"
)

// apiError is a refusal of the store, in one line.
type apiError struct{ *sdk.ServiceError }

func (e *apiError) Error() string {
	message, _, _ := strings.Cut(e.Message, "\n") // the next lines are what was signed
	return fmt.Sprintf("%s: %s (HTTP %d, request %s)", e.Code, message, e.StatusCode, e.RequestID)
}

func (e *apiError) Unwrap() error { return e.ServiceError }

func refusal(err error) *sdk.ServiceError {
	var e *sdk.ServiceError
	if errors.As(err, &e) {
		return e
	}
	return &sdk.ServiceError{}
}

func codeOf(err error) string { return refusal(err).Code }

// statusOf is the HTTP status of a refusal, 0 for everything else.
func statusOf(err error) int { return refusal(err).StatusCode }

var errForeign = errors.New("the answer is not one of OSS")

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
	r := refusal(err)
	if r.StatusCode != 0 {
		e.Err = &apiError{r}
	}
	e.Hint = s.hint(r.Code, r.StatusCode, err)
	if r.Code == "NoSuchKey" || r.StatusCode == http.StatusNotFound && r.Code != "NoSuchBucket" {
		e.Err, e.Hint = storage.ErrNotExist, ""
	}
	return e
}

// hint names the key to change.
func (s *Store) hint(code string, status int, err error) string {
	switch code {
	case "NoSuchBucket":
		return fmt.Sprintf("change %s or make the bucket %s at %s", keyBucket, s.c.Bucket, s.c.Endpoint)
	case "InvalidBucketName":
		return "change " + keyBucket
	case "InvalidAccessKeyId":
		return fmt.Sprintf("change %s: %s does not know it", keyAccess, s.c.Endpoint)
	case "SignatureDoesNotMatch":
		return fmt.Sprintf("change %s: it is not the secret of %s; or %s or %s does not fit the bucket", keySecret, keyAccess, keyRegion, keySignature)
	case "InvalidSecurityToken", "SecurityTokenExpired":
		return fmt.Sprintf("renew the temporary credentials: %s, %s and %s", keyAccess, keySecret, keyToken)
	case "RequestTimeTooSkewed":
		return "set the clock of this machine: signatures hold for 15 minutes around the store's time"
	case "AccessDenied":
		return fmt.Sprintf("let the user of %s list, read, write and delete in bucket %s, or change %s: buckets answer only at their own region's endpoint", keyAccess, s.c.Bucket, keyEndpoint)
	case "InvalidArgument":
		return fmt.Sprintf("check %s %s, %s and %s", keyEndpoint, s.c.Endpoint, keyRegion, keySignature)
	}
	switch {
	case errors.Is(err, errNoCredentials):
		return fmt.Sprintf("give %s and %s, or OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET in the environment", keyAccess, keySecret)
	case status == http.StatusForbidden || status == http.StatusUnauthorized:
		return fmt.Sprintf("check %s and %s, and that they may list, read, write and delete in bucket %s", keyAccess, keySecret, s.c.Bucket)
	case status >= 300 && status < 500 && code == "" || errors.Is(err, errForeign) || errors.As(err, new(*sdk.DeserializationError)):
		return fmt.Sprintf("check that %s %s speaks OSS, and %s (now %v)", keyEndpoint, s.c.Endpoint, keyPathStyle, s.c.PathStyle)
	}
	if why := transfer.Unreachable(err); why != "" {
		return fmt.Sprintf("check %s: %s: %s", keyEndpoint, s.c.Endpoint, why)
	}
	return ""
}
