package port

import (
	"context"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
)

// shared is a port with everything on it, as a node has it.
func shared(t testing.TB, change ...func(*setup)) *node {
	n := open(t, change...)
	for _, kind := range []Kind{Raft, Store, Gossip} {
		echo(t, n.Port, kind)
	}
	rpc := grpc.NewServer()
	grpc_health_v1.RegisterHealthServer(rpc, health.NewServer())
	rest := http.NewServeMux()
	rest.HandleFunc("/echo", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Proto", r.Proto)
		w.Header().Set("X-Tls", fmt.Sprint(r.TLS != nil))
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	})
	web := n.Server(rest, rpc)
	var wg sync.WaitGroup
	web1, rpc1 := n.Listener(HTTP), n.Listener(RPC)
	wg.Go(func() { _ = web.Serve(web1) })
	wg.Go(func() { _ = rpc.Serve(rpc1) })
	t.Cleanup(func() {
		rpc.Stop()
		_ = web.Close()
		wg.Wait()
	})
	return n
}

func post(client *http.Client, url, body string) (*http.Response, error) {
	resp, err := client.Post(url, "text/plain", strings.NewReader(body))
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	got, err := io.ReadAll(resp.Body)
	if err == nil && string(got) != body {
		err = fmt.Errorf("%d: %.200q", resp.StatusCode, got)
	}
	return resp, err
}

func check(conn *grpc.ClientConn) error {
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	_, err := grpc_health_v1.NewHealthClient(conn).Check(ctx, &grpc_health_v1.HealthCheckRequest{})
	return err
}

func between(t testing.TB, from, to *node) *grpc.ClientConn {
	t.Helper()
	d := from.Dialer(RPC)
	conn, err := grpc.NewClient("passthrough:///"+to.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()), // TLS, if any, is in the dialer
		grpc.WithContextDialer(func(ctx context.Context, addr string) (net.Conn, error) { return d.DialContext(ctx, addr) }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func tool(t testing.TB, to *node, creds credentials.TransportCredentials) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient("passthrough:///"+to.Addr().String(), grpc.WithTransportCredentials(creds))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

func TestHTTPAndGRPCShareThePort(t *testing.T) {
	t.Parallel()
	server, client := authority(t)
	for _, c := range []struct {
		name   string
		scheme string
		change []func(*setup)
		creds  credentials.TransportCredentials
	}{
		{"plain", "http", nil, insecure.NewCredentials()},
		{"tls", "https", []func(*setup){secured(server, client)}, credentials.NewTLS(client)},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			a, b := shared(t, append(c.change, key("k"))...), open(t, append(c.change, key("k"))...)
			for proto, set := range map[string]func(*http.Protocols){
				"HTTP/1.1": func(p *http.Protocols) { p.SetHTTP1(true) },
				"HTTP/2.0": func(p *http.Protocols) { p.SetHTTP2(true); p.SetUnencryptedHTTP2(true) },
			} {
				tr := &http.Transport{TLSClientConfig: client.Clone(), Protocols: new(http.Protocols)}
				set(tr.Protocols)
				resp, err := post(&http.Client{Transport: tr}, c.scheme+"://"+a.Addr().String()+"/echo", strings.Repeat("abc", 50_000))
				tr.CloseIdleConnections()
				if err != nil {
					t.Fatalf("%s: %v", proto, err)
				}
				if resp.Header.Get("X-Proto") != proto || resp.Header.Get("X-Tls") != fmt.Sprint(c.scheme == "https") {
					t.Errorf("%s: %v", proto, resp.Header)
				}
			}
			if err := check(between(t, b, a)); err != nil {
				t.Errorf("between nodes: %v", err)
			}
			if err := check(tool(t, a, c.creds)); err != nil {
				t.Errorf("from a tool: %v", err)
			}
		})
	}
}

func TestGRPCOfAnotherClusterFails(t *testing.T) {
	t.Parallel()
	a, b := shared(t, key("one")), open(t, key("two"))
	if err := check(between(t, b, a)); status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), "different cluster keys") {
		t.Error(err)
	}
}

func TestAllProtocolsShareThePortUnderLoad(t *testing.T) {
	t.Parallel()
	server, client := authority(t)
	for _, secure := range []bool{false, true} {
		t.Run(fmt.Sprintf("tls=%v", secure), func(t *testing.T) {
			t.Parallel()
			change, scheme := []func(*setup){key("k")}, "http"
			if secure {
				change, scheme = append(change, secured(server, client)), "https"
			}
			a, b := shared(t, change...), open(t, change...)
			rpc := between(t, b, a)
			tr := &http.Transport{TLSClientConfig: client.Clone(), DisableKeepAlives: true}
			defer tr.CloseIdleConnections()
			web := &http.Client{Transport: tr}
			var wg sync.WaitGroup
			const each, rounds = 3, 8
			run := func(what string, do func() error) {
				for range each {
					wg.Go(func() {
						for range rounds {
							if err := do(); err != nil {
								t.Errorf("%s: %v", what, err)
								return
							}
						}
					})
				}
			}
			for _, kind := range []Kind{Raft, Store, Gossip} {
				run(kind.String(), func() error { return tryEcho(b.Port, a.Addr().String(), kind, strings.Repeat(kind.String(), 3000)) })
			}
			run("http", func() error {
				_, err := post(web, scheme+"://"+a.Addr().String()+"/echo", strings.Repeat("http", 3000))
				return err
			})
			run("rpc", func() error { return check(rpc) })
			run("who", func() error { _, err := b.Ask(context.Background(), a.Addr().String()); return err })
			run("noise", func() error {
				c, err := net.Dial("tcp", a.Addr().String())
				if err != nil {
					return err
				}
				_, err = io.WriteString(c, "\x00noise")
				_ = c.Close()
				return err
			})
			wg.Wait()
		})
	}
}

func TestALPNIsAnsweredOnTheSharedPort(t *testing.T) {
	t.Parallel()
	server, client := authority(t)
	a := shared(t, secured(server, client))
	cfg := client.Clone()
	cfg.NextProtos = []string{"h2", "http/1.1"}
	c, err := tls.Dial("tcp", a.Addr().String(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if p := c.ConnectionState().NegotiatedProtocol; p != "h2" {
		t.Errorf("%q", p)
	}
}
