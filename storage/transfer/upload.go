// Package transfer moves objects to and from stores that are reached by HTTP: in parts, in
// bounded memory, with an end to every wait.
package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"golang.org/x/sync/errgroup"
)

const (
	// PartSize is the size of a part when nothing else is configured, in bytes. Objects up to
	// this size are written by one request.
	PartSize = 8 << 20
	// MaxParts is the most parts one object may have, in S3 and OSS; Swift's default is 1000 and
	// its backend makes parts larger.
	MaxParts = 10_000
	// RequestTimeout ends a single request that is never answered.
	RequestTimeout = 5 * time.Minute

	inFlight     = 24 << 20 // bytes of parts on their way at once, or one part
	abortTimeout = 30 * time.Second
	givenUp      = time.Second
	firstRead    = 64 << 10
)

// Object is one object being written to a store. Parts come concurrently, in any order.
type Object interface {
	// Whole writes the object by one request.
	Whole(ctx context.Context, body []byte) error
	// Begin starts an object of several parts.
	Begin(ctx context.Context) error
	// Part writes part n, counted from 1.
	Part(ctx context.Context, n int, body []byte) error
	// Complete makes an object of the n parts; only now it becomes visible.
	Complete(ctx context.Context, n int) error
	// Abort removes the parts.
	Abort(ctx context.Context) error
}

// Upload writes all of r as o and returns the number of bytes. At most four parts are held in
// memory, or two when parts are larger than 12 MiB. A source that fails, and a context that
// ends, leave nothing behind.
func Upload(ctx context.Context, r io.Reader, partSize, maxParts int, o Object) (int64, error) {
	first, end, err := fill(ctx, r, nil, partSize)
	if err != nil {
		return 0, err
	}
	if end {
		err := request(ctx, func(ctx context.Context) error { return o.Whole(ctx, first) })
		return int64(len(first)), err
	}
	if err := request(ctx, o.Begin); err != nil {
		return 0, err
	}
	size, parts, err := uploadParts(ctx, r, first, partSize, maxParts, o)
	if err == nil {
		err = request(ctx, func(ctx context.Context) error { return o.Complete(ctx, parts) })
	}
	if err != nil {
		if aerr := abort(ctx, o); aerr != nil {
			err = fmt.Errorf("%w; the parts written so far are left: %w", Brief(err), Brief(aerr))
		}
		return 0, err
	}
	return size, nil
}

// abort removes the parts, whatever has become of the context. Who has given up waiting waits for
// that a moment only; it goes on behind.
func abort(ctx context.Context, o Object) error {
	patience := abortTimeout
	if ctx.Err() != nil {
		patience = givenUp
	}
	done := make(chan error, 1)
	go func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), abortTimeout)
		defer cancel()
		done <- o.Abort(ctx)
	}()
	select {
	case err := <-done:
		return err
	case <-time.After(patience):
		return fmt.Errorf("no answer in %v", patience)
	}
}

func uploadParts(ctx context.Context, r io.Reader, body []byte, partSize, maxParts int, o Object) (size int64, parts int, err error) {
	atOnce := max(1, inFlight/partSize)
	free := make(chan []byte, atOnce+1) // buffers to use again: the memory does not wait for a collection
	g, gctx := errgroup.WithContext(ctx)
	g.SetLimit(atOnce)
	for end := false; len(body) > 0; {
		if parts++; parts > maxParts {
			err = fmt.Errorf("the object is larger than %d parts of %d bytes; make parts larger", maxParts, partSize)
			break
		}
		n, b := parts, body
		size += int64(len(b))
		g.Go(func() error {
			defer func() { free <- b }()
			return request(gctx, func(ctx context.Context) error { return o.Part(ctx, n, b) })
		})
		if end {
			break
		}
		var buf []byte
		select {
		case buf = <-free:
		default:
			buf = make([]byte, 0, partSize)
		}
		if body, end, err = fill(gctx, r, buf, partSize); err != nil {
			break
		}
	}
	perr := g.Wait()
	if perr != nil && (err == nil || errors.Is(err, context.Canceled)) {
		err = perr // the source was not read on because a part failed
	}
	return size, parts, err
}

// request bounds the time of one request.
func request(ctx context.Context, do func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, RequestTimeout, fmt.Errorf("no answer in %v", RequestTimeout))
	defer cancel()
	err := do(ctx)
	if cause := context.Cause(ctx); err != nil && cause != nil && !errors.Is(err, cause) {
		err = fmt.Errorf("%w: %w", cause, err)
	}
	return err
}

// fill reads up to size bytes into buf, which grows as needed; end says that r has no more.
func fill(ctx context.Context, r io.Reader, buf []byte, size int) (_ []byte, end bool, err error) {
	buf = buf[:0]
	for len(buf) < size {
		if err := context.Cause(ctx); err != nil {
			return nil, false, err
		}
		if len(buf) == cap(buf) {
			bigger := make([]byte, len(buf), min(size, max(firstRead, 4*cap(buf))))
			copy(bigger, buf)
			buf = bigger
		}
		n, err := r.Read(buf[len(buf):min(size, cap(buf))])
		buf = buf[:len(buf)+n]
		if err == io.EOF {
			return buf, true, nil
		}
		if err != nil {
			return nil, false, err
		}
	}
	return buf, false, nil
}
