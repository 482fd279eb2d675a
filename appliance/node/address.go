package node

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"seikan/appliance/config"
	"seikan/appliance/port"
	"seikan/engine/rpc"
	"strconv"
)

func (s *Server) openPort(ctx context.Context) error {
	key, err := readKey(s.cfg.ClusterKeyFile)
	if err != nil {
		return fmt.Errorf("read the cluster key: %w", err)
	}
	s.guard = port.NewGuard(port.GuardConfig{Members: memberTexts(s.cfg.Network.Members), Log: s.log})
	if err := s.useKey(key); err != nil {
		return err
	}
	peers := config.Resolve(ctx, net.DefaultResolver, s.cfg.Network.Members)
	s.alone = config.OnlyThisHost(peers, localAddresses())
	host, err := s.cfg.Network.Listen(localAddresses(), s.alone)
	if err != nil {
		return err
	}
	s.bindHost = host
	own, serve, call, err := certificates(s.cfg.TLS)
	if err != nil {
		return err
	}
	s.own, s.tls = own, serve
	s.port, err = port.Listen(ctx, port.Config{Host: host, TLS: serve, ClientTLS: call, Port: s.cfg.Network.Port, AutoIncrement: s.cfg.Network.AutoIncrement,
		Count: s.cfg.Network.PortCount, Identity: s.identity, Guard: s.guard, Log: s.log})
	return err
}

func memberTexts(members []config.Member) []string {
	out := make([]string, len(members))
	for i, m := range members {
		out[i] = m.String()
	}
	return out
}

func localAddresses() []netip.Addr {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return nil
	}
	var out []netip.Addr
	for _, a := range addrs {
		if n, ok := a.(*net.IPNet); ok {
			if ip, ok := netip.AddrFromSlice(n.IP); ok {
				out = append(out, ip.Unmap())
			}
		}
	}
	return out
}

// advertised is the host:port under which the others reach this node.
func (s *Server) advertised() string {
	bound := s.port.Addr()
	if public := s.cfg.Network.PublicAddress; public != "" {
		if _, _, err := net.SplitHostPort(public); err == nil {
			return public
		}
		return net.JoinHostPort(public, strconv.Itoa(bound.Port))
	}
	if !bound.IP.IsUnspecified() {
		return bound.String()
	}
	host := "127.0.0.1"
	for _, a := range localAddresses() {
		if a.Is4() && !a.IsLoopback() && !a.IsLinkLocalUnicast() {
			host = a.String()
			break
		}
	}
	return net.JoinHostPort(host, strconv.Itoa(bound.Port))
}

func (s *Server) identity() port.Identity {
	id := port.Identity{ClusterName: s.cfg.ClusterName, ClusterID: s.disk.cluster(), Role: string(s.cfg.Role), Version: s.version}
	if s.raft != nil {
		id.NodeID = s.raft.ID()
	}
	if s.port != nil {
		id.Addr, id.Incremented = s.advertised(), s.port.Incremented()
	}
	return id
}

func (s *Server) info() rpc.NodeInfo {
	slots := s.cfg.Slots.Num
	if s.cfg.Slots.Dynamic {
		slots = 0
	}
	return rpc.NodeInfo{ID: s.raft.ID(), Incarnation: s.incarnation, Addr: s.advertised(), Role: string(s.cfg.Role), Version: s.version,
		Tags: s.tags.get(), Slots: slots, MemoryBytes: memoryLimit(s.cfg), Draining: s.draining.get(), Files: s.files}
}
