package node

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"
	"slices"
	"sync/atomic"

	"seikan/appliance/config"
)

// certificate is what a process shows of itself; a reload replaces it.
type certificate struct {
	pair atomic.Pointer[tls.Certificate]
}

// read takes the certificate and key that the files hold now, and says whether it is another one.
func (k *certificate) read(c config.TLS) (changed bool, err error) {
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return false, fmt.Errorf("read seatunnel.seikan.tls: %w", err)
	}
	old := k.pair.Swap(&pair)
	return old == nil || !slices.EqualFunc(old.Certificate, pair.Certificate, bytes.Equal), nil
}

func (k *certificate) toCaller(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return k.pair.Load(), nil
}

func (k *certificate) toServer(*tls.CertificateRequestInfo) (*tls.Certificate, error) {
	return k.pair.Load(), nil
}

// certificates reads seatunnel.seikan.tls: what a node shows to callers, and what it calls others
// with. All are nil when TLS is not set.
func certificates(c config.TLS) (own *certificate, serve, call *tls.Config, err error) {
	if c.Cert == "" {
		return nil, nil, nil, nil
	}
	own = &certificate{}
	if _, err := own.read(c); err != nil {
		return nil, nil, nil, err
	}
	serve = &tls.Config{MinVersion: tls.VersionTLS12, GetCertificate: own.toCaller}
	call = &tls.Config{MinVersion: tls.VersionTLS12, GetClientCertificate: own.toServer}
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, nil, nil, fmt.Errorf("read seatunnel.seikan.tls.ca: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, nil, nil, fmt.Errorf("read seatunnel.seikan.tls.ca: %s holds no certificate in PEM form", c.CA)
		}
		serve.ClientCAs, call.RootCAs = pool, pool
	}
	switch c.ClientAuth {
	case "require":
		serve.ClientAuth = tls.RequireAndVerifyClientCert
	case "optional":
		serve.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return own, serve, call, nil
}

// secured puts TLS around a listener when it is set.
func (s *Server) secured(l net.Listener) net.Listener {
	if s.tls == nil {
		return l
	}
	return tls.NewListener(l, s.tls)
}
