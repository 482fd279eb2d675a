package member

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"
)

// Host is what a machine knows of its own addresses.
type Host struct {
	Name  string       // as os.Hostname
	Addrs []netip.Addr // of its interfaces
}

// InterfaceAddrs are the addresses of this machine's interfaces that others may reach, IPv4 first.
func InterfaceAddrs() ([]netip.Addr, error) {
	all, err := net.InterfaceAddrs()
	if err != nil {
		return nil, err
	}
	var out []netip.Addr
	for _, a := range all {
		p, err := netip.ParsePrefix(a.String())
		if err == nil && p.Addr().IsGlobalUnicast() {
			out = append(out, p.Addr().Unmap())
		}
	}
	slices.SortStableFunc(out, func(a, b netip.Addr) int { return a.BitLen() - b.BitLen() })
	return out, nil
}

// OnlyLoopback says whether a member list names nothing but this host, by loopback names: then
// nobody else is to reach the node, and its ports are bound to 127.0.0.1.
func OnlyLoopback(list []string) bool {
	return !slices.ContainsFunc(list, func(entry string) bool {
		host, _ := split(entry, 0)
		return !loopbackName(host)
	})
}

func loopbackName(host string) bool {
	a, err := netip.ParseAddr(host)
	return strings.EqualFold(host, "localhost") || err == nil && a.Unmap().IsLoopback()
}

// split takes an entry of a member list apart; port is for those without one.
func split(entry string, port int) (host, number string) {
	entry = strings.TrimSpace(entry)
	if host, number, err := net.SplitHostPort(entry); err == nil {
		return host, number
	}
	return strings.Trim(entry, "[]"), strconv.Itoa(port)
}

// Advertised is the host:port under which the others reach this node: the way the member list
// names it, so that certificates fit, else an address of the host. port is the bound one.
func Advertised(ctx context.Context, list []string, port int, h Host, look func(context.Context, string) ([]netip.Addr, error)) string {
	if look == nil {
		look = lookup
	}
	number := strconv.Itoa(port)
	for _, samePort := range []bool{true, false} { // an auto-incremented port is in no list
		for _, entry := range list {
			host, listed := split(entry, port)
			if (listed == number) != samePort {
				continue
			}
			if name, ok := h.isNamed(ctx, host, look); ok {
				return net.JoinHostPort(name, number)
			}
		}
	}
	if len(h.Addrs) > 0 {
		return net.JoinHostPort(h.Addrs[0].String(), number)
	}
	return net.JoinHostPort("127.0.0.1", number)
}

// isNamed says whether host is this machine, and what to call it then. A name that several
// machines share does not do.
func (h Host) isNamed(ctx context.Context, host string, look func(context.Context, string) ([]netip.Addr, error)) (string, bool) {
	if strings.EqualFold(host, "localhost") {
		return "127.0.0.1", true
	}
	if a, err := netip.ParseAddr(host); err == nil {
		return host, a.Unmap().IsLoopback() || slices.Contains(h.Addrs, a.Unmap())
	}
	if strings.EqualFold(host, h.Name) {
		return host, true
	}
	addrs, err := look(ctx, host)
	if err != nil {
		return "", false
	}
	i := slices.IndexFunc(addrs, func(a netip.Addr) bool { return slices.Contains(h.Addrs, a.Unmap()) })
	if i < 0 {
		return "", false
	}
	for k, a := range addrs {
		if k != i && a.Unmap().BitLen() == addrs[i].Unmap().BitLen() {
			return addrs[i].Unmap().String(), true
		}
	}
	return host, true
}

// reachable picks the address to gossip under. Debian gives a host's name 127.0.1.1, which means
// something else on every machine.
func reachable(host string, addrs []netip.AddrPort, own []netip.Addr) netip.AddrPort {
	for _, a := range addrs {
		if !a.Addr().IsLoopback() {
			return a
		}
	}
	if !loopbackName(host) && len(own) > 0 {
		return netip.AddrPortFrom(own[0], addrs[0].Port())
	}
	return addrs[0]
}

func lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	return net.DefaultResolver.LookupNetIP(ctx, "ip", host)
}

// resolve makes addresses of a host:port.
func resolve(ctx context.Context, look func(context.Context, string) ([]netip.Addr, error), hostPort string) ([]netip.AddrPort, error) {
	host, text, err := net.SplitHostPort(hostPort)
	if err != nil {
		return nil, fmt.Errorf("address %q: %w; it must be host:port", hostPort, err)
	}
	number, err := strconv.ParseUint(text, 10, 16)
	if err != nil {
		return nil, fmt.Errorf("address %q: the port must be a number from 1 to 65535", hostPort)
	}
	var addrs []netip.Addr
	if a, err := netip.ParseAddr(host); err == nil {
		addrs = []netip.Addr{a}
	} else if addrs, err = look(ctx, host); err != nil {
		return nil, fmt.Errorf("address %q: %w", hostPort, err)
	}
	if len(addrs) == 0 {
		return nil, fmt.Errorf("address %q: the name has no address", hostPort)
	}
	out := make([]netip.AddrPort, len(addrs))
	for i, a := range addrs {
		out[i] = netip.AddrPortFrom(a.Unmap(), uint16(number))
	}
	return out, nil
}
