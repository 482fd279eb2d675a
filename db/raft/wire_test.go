package raft

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"math/big"
	"net"
	"testing"
	"time"
)

// tlsPair is a self-signed identity of 127.0.0.1.
func tlsPair(t *testing.T) (server, client *tls.Config) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(leaf)
	return &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}},
		&tls.Config{RootCAs: roots}
}

// plain and secure are layers of one listener each.
type plain struct{ net.Listener }

func (plain) Dial(address string, timeout time.Duration) (net.Conn, error) {
	return net.DialTimeout("tcp", address, timeout)
}

type secure struct {
	net.Listener
	client *tls.Config
}

func (s secure) Dial(address string, timeout time.Duration) (net.Conn, error) {
	return tls.DialWithDialer(&net.Dialer{Timeout: timeout}, "tcp", address, s.client)
}

func TestNothingIsSentOnAConnectionThatIsDead(t *testing.T) {
	t.Parallel()
	server, client := tlsPair(t)
	for name, layer := range map[string]Layer{
		"plain": plain{listen(t, "127.0.0.1:0")},
		"TLS":   secure{tls.NewListener(listen(t, "127.0.0.1:0"), server), client},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			there := make(chan net.Conn)
			go func() {
				conn, err := layer.Accept()
				if err == nil {
					_, err = conn.Read(make([]byte, 1)) // also shakes hands
				}
				if err == nil {
					_, err = conn.Write([]byte("a"))
				}
				if err != nil {
					t.Error(err)
				}
				there <- conn
			}()
			g := newGate(layer, "here:1", false, true)
			conn, err := g.Dial(layer.Addr().String(), 5*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Write([]byte("q")); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			other := <-there
			if _, err := conn.Write([]byte("q")); err != nil {
				t.Errorf("a living connection: %v", err)
			}
			if _, err := other.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			if _, err := other.Write([]byte("a")); err != nil {
				t.Fatal(err)
			}
			if _, err := conn.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
			if err := alive(conn.(*tracked).Conn); err != nil {
				t.Errorf("a living connection: %v", err)
			}
			_ = other.Close() // TLS leaves a notice unread
			until(t, "the end has come through", func() bool { return alive(conn.(*tracked).Conn) != nil })
			if n, err := conn.Write([]byte("q")); err == nil || n != 0 {
				t.Errorf("%d bytes are sent on a dead connection (%v)", n, err)
			}
			if err := g.Close(); err != nil {
				t.Fatal(err)
			}
			_ = layer.Close()
		})
	}
}
