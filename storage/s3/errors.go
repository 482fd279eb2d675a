package s3

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/aws/smithy-go"
	smithyhttp "github.com/aws/smithy-go/transport/http"

	"seikan/storage"
	"seikan/storage/transfer"
)

// apiError is a refusal of the store, in one line.
type apiError struct {
	code, message string
	status        int
	err           error
}

func (e *apiError) Error() string {
	s := cmp.Or(e.code, http.StatusText(e.status))
	if e.message != "" && e.message != s {
		s += ": " + e.message
	}
	if e.status != 0 {
		s += fmt.Sprintf(" (HTTP %d)", e.status)
	}
	return s
}

func (e *apiError) Unwrap() error { return e.err }

func codeOf(err error) string {
	var api smithy.APIError
	if errors.As(err, &api) {
		return api.ErrorCode()
	}
	return ""
}

// statusOf is the HTTP status of a refusal, 0 for everything else.
func statusOf(err error) int {
	var resp *smithyhttp.ResponseError
	if errors.As(err, &resp) {
		return resp.HTTPStatusCode()
	}
	return 0
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
	code, status := codeOf(err), statusOf(err)
	var api smithy.APIError
	if errors.As(err, &api) {
		e.Err = &apiError{code: code, message: api.ErrorMessage(), status: status, err: err}
	}
	var own *apiError
	if errors.As(err, &own) {
		code = own.code
	}
	e.Hint = s.hint(code, status, err)
	if code == "NoSuchKey" || status == http.StatusNotFound && code != "NoSuchBucket" {
		e.Err, e.Hint = storage.ErrNotExist, ""
	}
	return e
}

// hint names the key to change.
func (s *Store) hint(code string, status int, err error) string {
	where := cmp.Or(s.c.Endpoint, "Amazon S3")
	switch code {
	case "NoSuchBucket":
		return fmt.Sprintf("change %s or make the bucket %s at %s", keyBucket, s.c.Bucket, where)
	case "InvalidBucketName":
		return "change " + keyBucket
	case "InvalidAccessKeyId":
		return fmt.Sprintf("change %s: %s does not know it", keyAccess, where)
	case "SignatureDoesNotMatch":
		return fmt.Sprintf("change %s: it is not the secret of %s", keySecret, keyAccess)
	case "ExpiredToken", "InvalidToken", "TokenRefreshRequired":
		return fmt.Sprintf("renew the temporary credentials: %s, %s and %s", keyAccess, keySecret, keyToken)
	case "RequestTimeTooSkewed", "RequestExpired":
		return "set the clock of this machine: signatures hold for 15 minutes around the store's time"
	case "PermanentRedirect", "AuthorizationHeaderMalformed", "IllegalLocationConstraintException", "TemporaryRedirect":
		return fmt.Sprintf("change %s or %s: the bucket is in another region", keyRegion, keyEndpoint)
	case "AccessDenied", "Forbidden", "AllAccessDisabled", "AccountProblem":
		return fmt.Sprintf("let the user of %s list, read, write and delete in bucket %s, or change %s", keyAccess, s.c.Bucket, keyAccess)
	case "EntityTooLarge":
		return "raise " + keyPartSize
	case "QuotaExceeded", "XMinioStorageFull", "XMinioAdminBucketQuotaExceeded":
		return "the store or the bucket's quota is full; make room and try again"
	case "NotImplemented":
		return "the store lacks this operation of S3"
	}
	switch {
	case errors.Is(err, errNoCredentials):
		return fmt.Sprintf("give %s and %s, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment", keyAccess, keySecret)
	case status == http.StatusForbidden || status == http.StatusUnauthorized:
		return fmt.Sprintf("check %s and %s, and that they may list, read, write and delete in bucket %s", keyAccess, keySecret, s.c.Bucket)
	case status == http.StatusMovedPermanently:
		return fmt.Sprintf("change %s or %s: the bucket is in another region", keyRegion, keyEndpoint)
	case status == http.StatusBadRequest || status == http.StatusMethodNotAllowed || isForeign(err):
		return fmt.Sprintf("check that %s %s speaks S3, and %s (now %v)", keyEndpoint, where, keyPathStyle, s.c.PathStyle)
	}
	if why := transfer.Unreachable(err); why != "" {
		hint := fmt.Sprintf("check %s: %s: %s", keyEndpoint, where, why)
		if !s.c.PathStyle && s.c.Endpoint != "" {
			hint += fmt.Sprintf("; stores other than Amazon's mostly need %s: true", keyPathStyle)
		}
		return hint
	}
	return ""
}

var errForeign = errors.New("the answer is not one of S3")

// isForeign reports that something answered which does not speak S3.
func isForeign(err error) bool {
	var d *smithy.DeserializationError
	return errors.Is(err, errForeign) || errors.As(err, &d)
}
