package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

const (
	stalledAfter = time.Minute
	maxReopens   = 4
)

// Body is one answer to a request for a range.
type Body struct {
	io.ReadCloser
	Size int64  // bytes that follow
	ETag string // of the whole object
}

// OpenFunc asks for length bytes from offset (length < 0: to the end) of the object that has this
// ETag; "" is any.
type OpenFunc func(ctx context.Context, offset, length int64, etag string) (Body, error)

// Open reads a range. When the connection breaks or stalls for a minute, it goes on where it
// was, as long as the object is still the same one; fail describes what is final.
func Open(ctx context.Context, offset, length int64, open OpenFunc, fail func(error) error) (io.ReadCloser, error) {
	r := &reader{ctx: ctx, open: open, fail: fail, offset: offset}
	if err := r.start(length, ""); err != nil {
		return nil, fail(err)
	}
	return r, nil
}

type reader struct {
	ctx    context.Context
	open   OpenFunc
	fail   func(error) error
	body   Body
	cancel context.CancelCauseFunc
	watch  *time.Timer

	offset, left int64
	reopens      int
	err          error // final
}

func (r *reader) start(length int64, etag string) error {
	ctx, cancel := context.WithCancelCause(r.ctx)
	watch := time.AfterFunc(stalledAfter, func() { cancel(fmt.Errorf("no data for %v", stalledAfter)) })
	body, err := r.open(ctx, r.offset, length, etag)
	watch.Stop()
	if err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		cancel(nil)
		return err
	}
	r.body, r.cancel, r.watch, r.left = body, cancel, watch, body.Size
	return nil
}

func (r *reader) Read(p []byte) (int, error) {
	if r.err != nil || len(p) == 0 {
		return 0, r.err
	}
	if r.left == 0 {
		r.err = io.EOF
		return 0, io.EOF
	}
	if err := r.ctx.Err(); err != nil {
		return 0, r.end(err)
	}
	r.watch.Reset(stalledAfter)
	n, err := r.body.Read(p[:min(int64(len(p)), r.left)])
	r.watch.Stop()
	r.offset, r.left = r.offset+int64(n), r.left-int64(n)
	if n > 0 {
		r.reopens = 0
		return n, nil // an error comes again
	}
	if err == nil {
		return 0, nil
	}
	if err == io.EOF {
		err = io.ErrUnexpectedEOF
	}
	if r.ctx.Err() != nil {
		return 0, r.end(fmt.Errorf("%w: %w", r.ctx.Err(), err))
	}
	if err := r.resume(err); err != nil {
		return 0, r.end(err)
	}
	return 0, nil
}

// resume asks for the rest after the connection broke by cause.
func (r *reader) resume(cause error) error {
	for {
		if r.reopens++; r.reopens > maxReopens {
			return fmt.Errorf("%d bytes before the end: %w", r.left, cause)
		}
		_ = r.body.Close()
		r.cancel(nil)
		wait := time.NewTimer(time.Duration(r.reopens-1) * time.Second)
		select {
		case <-wait.C:
		case <-r.ctx.Done():
			wait.Stop()
			return r.ctx.Err()
		}
		left := r.left
		err := r.start(left, r.body.ETag)
		if err == nil && r.left != left {
			return fmt.Errorf("%d bytes before the end the object has another size", left)
		}
		if err == nil || final(err) {
			return err
		}
		cause = err
	}
}

// Final marks an error after which reading again cannot help.
type Final struct{ Err error }

func (e Final) Error() string { return e.Err.Error() }

func (e Final) Unwrap() error { return e.Err }

func final(err error) bool { var f Final; return errors.As(err, &f) }

func (r *reader) end(err error) error {
	r.err = r.fail(err)
	return r.err
}

func (r *reader) Close() error {
	r.watch.Stop()
	err := r.body.Close()
	r.cancel(nil)
	if r.err == nil {
		r.err = r.fail(errors.New("it is closed"))
	}
	return err
}
