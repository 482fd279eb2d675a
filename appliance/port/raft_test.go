package port

import (
	"context"
	"crypto/tls"
	"log/slog"
	"testing"
	"time"

	"seikan/db/raft"
)

// TestStateStoreRunsOverThePort: the streams of the real store, between two nodes, with and
// without TLS.
func TestStateStoreRunsOverThePort(t *testing.T) {
	t.Parallel()
	server, client := authority(t)
	server.ClientAuth = tls.RequireAndVerifyClientCert
	for name, change := range map[string][]func(*setup){"plain": {key("k")}, "mutual tls": {key("k"), secured(server, client)}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithTimeout(t.Context(), 60*time.Second)
			defer cancel()
			var stores []*raft.Node
			var addrs []string
			for range 2 {
				p := open(t, change...)
				addrs = append(addrs, p.Addr().String())
				st, err := raft.Open(raft.Config{Dir: t.TempDir(), Advertise: p.Addr().String(), Raft: p.Layer(Raft), Cluster: p.Layer(Store),
					MinFreeBytes: 1, Log: slog.New(slog.DiscardHandler), Fatal: func(err error) { t.Error(err) }})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = st.Close() })
				stores = append(stores, st)
			}
			if err := stores[0].Bootstrap(); err != nil {
				t.Fatal(err)
			}
			for stores[1].Join(ctx, addrs[:1], false) != nil { // until the first one leads
				if ctx.Err() != nil {
					t.Fatal(ctx.Err())
				}
			}
			peers, err := stores[0].Nodes(ctx, 10*time.Second)
			if err != nil || len(peers) != 2 || !peers[0].Reachable || !peers[1].Reachable {
				t.Errorf("%+v, %v", peers, err)
			}
		})
	}
}
