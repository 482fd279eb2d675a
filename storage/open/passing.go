package open

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"slices"
	"strings"
	"syscall"

	oss "github.com/aliyun/alibabacloud-oss-go-sdk-v2/oss"
	smithy "github.com/aws/smithy-go/transport/http"
	hadoop "github.com/colinmarc/hdfs/v2"
	swift "github.com/ncw/swift/v2"
)

// away are errors of a system that is not there now.
var away = []error{context.DeadlineExceeded, os.ErrDeadlineExceeded, io.EOF, io.ErrUnexpectedEOF, net.ErrClosed, syscall.ECONNREFUSED, syscall.ECONNRESET,
	syscall.ECONNABORTED, syscall.EPIPE, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EHOSTDOWN, syscall.ETIMEDOUT, syscall.ESTALE,
	syscall.ENOSPC, syscall.EDQUOT}

// awayTexts are the same where only their text is passed on.
var awayTexts = []string{"connection refused", "i/o timeout", "no available namenodes", "no route to host", "StandbyException", "SafeModeException", "could only be written to 0 of"}

// MayPass says whether an error of a store may go away by itself: the system is down, cannot be
// reached, is busy or full. All others, such as refused credentials, a missing bucket, a host that
// has no address, an answer in another protocol or a folder that cannot be written, stay until
// somebody changes a key or the system. A system that is down and an address where there never was
// one look alike, so that the latter counts as passing.
func MayPass(err error) bool {
	var dns *net.DNSError
	text := err.Error()
	switch status := statusOf(err); {
	case status != 0:
		return status >= 500 && status != http.StatusNotImplemented || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
	case errors.As(err, &dns):
		return !dns.IsNotFound
	case strings.Contains(text, "no such host"), strings.Contains(text, "x509: "), strings.Contains(text, "tls: "), strings.Contains(text, "server gave HTTP response"):
		return false
	case slices.ContainsFunc(away, func(known error) bool { return errors.Is(err, known) }):
		return true
	}
	var refused hadoop.Error
	if errors.As(err, &refused) {
		text = refused.Exception() + ": " + refused.Message()
	}
	return slices.ContainsFunc(awayTexts, func(known string) bool { return strings.Contains(text, known) })
}

// statusOf is the HTTP status of a refusal, 0 when there was no answer.
func statusOf(err error) int {
	var s3 *smithy.ResponseError
	var alibaba *oss.ServiceError
	var openStack *swift.Error
	switch {
	case errors.As(err, &s3):
		return s3.HTTPStatusCode()
	case errors.As(err, &alibaba):
		return alibaba.StatusCode
	case errors.As(err, &openStack):
		return openStack.StatusCode
	}
	return 0
}
