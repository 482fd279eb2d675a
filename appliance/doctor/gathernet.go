package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"seikan/appliance/config"
	"seikan/appliance/node"
)

// ask makes a client of one node. With an empty name it takes a node of any cluster.
func ask(c *config.Config, name, addr string) (*node.Client, error) {
	m, err := config.ParseMember(addr)
	if err != nil {
		return nil, err
	}
	one := *c
	one.Client = config.ClientSettings{ClusterName: name, Members: []config.Member{m}}
	return node.NewClient(&one, slog.New(slog.DiscardHandler))
}

func aboutAt(ctx context.Context, c *config.Config, name, addr string) (node.About, error) {
	client, err := ask(c, name, addr)
	if err != nil {
		return node.About{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	return client.Connect(ctx)
}

// clusterFacts asks every member that is listed, and every other node that those know.
func clusterFacts(ctx context.Context, c *config.Config) ([]Node, *node.ClusterStatus, string) {
	listed := c.Network.Members
	if c.Role == config.Client {
		listed = c.Client.Members
	}
	var addrs []string
	for _, m := range listed {
		if m.Port == 0 {
			m.Port = c.Network.Port
		}
		addrs = append(addrs, m.String())
	}
	out := askAll(ctx, c, addrs, true)
	var more []string
	for _, n := range out {
		for _, addr := range n.About.Members {
			if !slices.Contains(more, addr) && !slices.ContainsFunc(out, func(n Node) bool { return n.Addr == addr || n.About.Addr == addr }) {
				more = append(more, addr)
			}
		}
	}
	out = append(out, askAll(ctx, c, more, false)...)
	down := "no member is listed"
	for _, n := range out {
		if n.Err != "" {
			down = n.Err
			continue
		}
		if client, err := ask(c, c.ClusterName, n.Addr); err == nil {
			var s node.ClusterStatus
			asking, cancel := context.WithTimeout(ctx, patience)
			err := client.Ask(asking, "cluster.status", struct{}{}, &s)
			cancel()
			if err == nil {
				return out, &s, ""
			}
			down = err.Error()
		}
	}
	return out, nil, down
}

func askAll(ctx context.Context, c *config.Config, addrs []string, listed bool) []Node {
	out := make([]Node, len(addrs))
	var wg sync.WaitGroup
	for i, addr := range addrs {
		wg.Go(func() {
			n := &out[i]
			n.Addr, n.Listed = addr, listed
			var err error
			if n.About, err = aboutAt(ctx, c, c.ClusterName, addr); err != nil {
				n.Err, n.Other = err.Error(), errors.Is(err, node.ErrOtherCluster)
				return
			}
			n.Clock, n.Sure = clockAt(ctx, c, addr)
		})
	}
	wg.Wait()
	var once []Node // a node may be listed by several names
	for _, n := range out {
		if n.Err != "" || !slices.ContainsFunc(once, func(o Node) bool { return o.About.Node == n.About.Node }) {
			once = append(once, n)
		}
	}
	return once
}

// clockAt reads a node's clock from the Date of an answer, which has whole seconds.
func clockAt(ctx context.Context, c *config.Config, addr string) (ahead, sure time.Duration) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	scheme, transport := "http", &http.Transport{DisableKeepAlives: true}
	if c.TLS.Cert != "" {
		scheme, transport.TLSClientConfig = "https", &tls.Config{MinVersion: tls.VersionTLS12, InsecureSkipVerify: true} // nothing is told, and only the time is read
		if pair, err := tls.LoadX509KeyPair(c.TLS.Cert, c.TLS.Key); err == nil {
			transport.TLSClientConfig.Certificates = []tls.Certificate{pair}
		}
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, scheme+"://"+addr+"/-/live", nil)
	if err != nil {
		return 0, 0
	}
	began := time.Now()
	got, err := (&http.Client{Transport: transport}).Do(r)
	if err != nil {
		return 0, 0
	}
	took := time.Since(began)
	_ = got.Body.Close()
	at, err := http.ParseTime(got.Header.Get("Date"))
	if err != nil {
		return 0, 0
	}
	const half = 500 * time.Millisecond
	return at.Add(half).Sub(began.Add(took / 2)), half + took/2
}

// portFacts look at the two ports of the node of this host.
func portFacts(ctx context.Context, c *config.Config) []Port {
	hosts := []string{"127.0.0.1"}
	if c.Network.BindAddress != "" {
		hosts = []string{c.Network.BindAddress}
	}
	for _, p := range resolved(ctx, c.Network.Members) {
		if len(p.Addrs) > 0 && local(p.Addrs[0]) && !slices.Contains(hosts, p.Addrs[0].String()) {
			hosts = append(hosts, p.Addrs[0].String())
		}
	}
	p := Port{Setting: "hazelcast.network.port", Addr: net.JoinHostPort(c.Network.BindAddress, strconv.Itoa(c.Network.Port))}
	for _, h := range hosts {
		if a, err := aboutAt(ctx, c, "", net.JoinHostPort(h, strconv.Itoa(c.Network.Port))); err == nil {
			p.Node = &a
			break
		}
	}
	out := []Port{p}
	if c.HTTP.Enabled {
		h := Port{Setting: "seatunnel.engine.http.port", Addr: net.JoinHostPort(c.HTTP.BindAddress, strconv.Itoa(c.HTTP.Port))}
		if p.Node != nil && strings.HasSuffix(p.Node.HTTP, ":"+strconv.Itoa(c.HTTP.Port)) {
			h.Node = p.Node
		}
		out = append(out, h)
	}
	for i := range out {
		if p := &out[i]; p.Node == nil {
			l, err := new(net.ListenConfig).Listen(ctx, "tcp", p.Addr)
			switch {
			case err == nil:
				_ = l.Close()
			case strings.Contains(err.Error(), "address already in use"):
				p.Other = true
			default:
				p.Err = err.Error()
			}
		}
	}
	return out
}

// local says whether an address is one of this host's.
func local(a netip.Addr) bool {
	addrs, err := net.InterfaceAddrs()
	return err == nil && slices.ContainsFunc(addrs, func(i net.Addr) bool {
		p, err := netip.ParsePrefix(i.String())
		return err == nil && p.Addr().Unmap() == a
	})
}

// certificateFacts look at the node's certificate. peers are the members with their addresses.
func certificateFacts(c *config.Config, peers []config.Peer) []Certificate {
	if c.TLS.Cert == "" {
		return nil
	}
	out := Certificate{Path: c.TLS.Cert, KeyFile: file(c.TLS.Key)}
	text, err := os.ReadFile(c.TLS.Cert)
	if err != nil {
		out.Err = err.Error()
		return []Certificate{out}
	}
	chain, err := certificatesIn(text)
	if err != nil || len(chain) == 0 {
		out.Err = "it holds no certificate that can be read"
		return []Certificate{out}
	}
	leaf := chain[0]
	out.NotBefore, out.NotAfter, out.Names = leaf.NotBefore, leaf.NotAfter, slices.Clone(leaf.DNSNames)
	for _, ip := range leaf.IPAddresses {
		out.Names = append(out.Names, ip.String())
	}
	if c.TLS.CA != "" {
		out.Untrusted = untrusted(c.TLS.CA, chain)
	}
	for _, p := range peers {
		if slices.ContainsFunc(p.Addrs, local) && leaf.VerifyHostname(p.Member.Host) != nil {
			out.Misses = append(out.Misses, p.Member.Host)
		}
	}
	return []Certificate{out}
}

func certificatesIn(text []byte) (out []*x509.Certificate, err error) {
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return out, nil
		}
		if block.Type != "CERTIFICATE" {
			continue
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
}

// untrusted says why the CA does not vouch for a chain; "" when it does, whatever the time.
func untrusted(ca string, chain []*x509.Certificate) string {
	text, err := os.ReadFile(ca)
	if err != nil {
		return err.Error()
	}
	roots, between := x509.NewCertPool(), x509.NewCertPool()
	if !roots.AppendCertsFromPEM(text) {
		return ca + " holds no certificate"
	}
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err = chain[0].Verify(x509.VerifyOptions{Roots: roots, Intermediates: between, CurrentTime: chain[0].NotBefore.Add(time.Second),
		KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageAny}})
	if err != nil {
		return err.Error()
	}
	return ""
}
