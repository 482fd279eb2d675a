package worker

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc"

	"seikan/engine/rpc"
)

// silent is a connection to a host that does not answer.
type silent struct{}

func (silent) Invoke(ctx context.Context, _ string, _, _ any, _ ...grpc.CallOption) error {
	<-ctx.Done()
	return ctx.Err()
}

func (silent) NewStream(ctx context.Context, _ *grpc.StreamDesc, _ string, _ ...grpc.CallOption) (grpc.ClientStream, error) {
	<-ctx.Done()
	return nil, ctx.Err()
}

func TestASilentMasterIsLeftWhenAnotherTakesOver(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var master atomic.Value
		master.Store("old")
		dialed := make(chan string, 10)
		w := New(Config{Info: func() rpc.NodeInfo { return rpc.NodeInfo{} }, Log: slog.New(slog.DiscardHandler), Master: func() string { return master.Load().(string) },
			Dial: func(addr string) (grpc.ClientConnInterface, error) {
				dialed <- addr
				return silent{}, nil
			}})
		ctx, cancel := context.WithCancelCause(t.Context())
		done := make(chan error, 1)
		go func() { done <- w.Run(ctx) }()
		if addr := <-dialed; addr != "old" {
			t.Fatalf("dialed %s first", addr)
		}
		master.Store("new")
		select {
		case addr := <-dialed:
			if addr != "new" {
				t.Errorf("dialed %s next", addr)
			}
		case <-time.After(time.Second):
			t.Error("it still waits for the old master")
		}
		cancel(errors.New("the test is over"))
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}
