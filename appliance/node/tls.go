package node

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"os"

	"seikan/appliance/config"
)

// certificates reads seatunnel.seikan.tls: what a node shows to callers, and what it calls others
// with. Both are nil when TLS is not set.
func certificates(c config.TLS) (serve, call *tls.Config, err error) {
	if c.Cert == "" {
		return nil, nil, nil
	}
	pair, err := tls.LoadX509KeyPair(c.Cert, c.Key)
	if err != nil {
		return nil, nil, fmt.Errorf("read seatunnel.seikan.tls: %w", err)
	}
	serve = &tls.Config{MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{pair}}
	call = serve.Clone()
	if c.CA != "" {
		pem, err := os.ReadFile(c.CA)
		if err != nil {
			return nil, nil, fmt.Errorf("read seatunnel.seikan.tls.ca: %w", err)
		}
		pool := x509.NewCertPool()
		if !pool.AppendCertsFromPEM(pem) {
			return nil, nil, fmt.Errorf("read seatunnel.seikan.tls.ca: %s holds no certificate in PEM form", c.CA)
		}
		serve.ClientCAs, call.RootCAs = pool, pool
	}
	switch c.ClientAuth {
	case "require":
		serve.ClientAuth = tls.RequireAndVerifyClientCert
	case "optional":
		serve.ClientAuth = tls.VerifyClientCertIfGiven
	}
	return serve, call, nil
}

// secured puts TLS around a listener when it is set.
func (s *Server) secured(l net.Listener) net.Listener {
	if s.tls == nil {
		return l
	}
	return tls.NewListener(l, s.tls)
}
