package config

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"seikan/engine/job/hocon"
)

// Member is an entry of a member list.
type Member struct {
	Host string // name or address, without brackets
	Port int    // 0: none is given
	Pos  hocon.Pos
}

func (m Member) String() string {
	if m.Port == 0 {
		return m.Host
	}
	return net.JoinHostPort(m.Host, strconv.Itoa(m.Port))
}

// ParseMember reads host, host:port, [ip6]:port or a bare IPv6 address.
func ParseMember(s string) (Member, error) {
	s = strings.TrimSpace(s)
	host, port := s, ""
	if _, err := netip.ParseAddr(s); err != nil && strings.ContainsAny(s, ":[]") {
		switch {
		case strings.HasPrefix(s, "[") && strings.HasSuffix(s, "]"):
			host = s[1 : len(s)-1]
		default:
			if host, port, err = net.SplitHostPort(s); err != nil {
				return Member{}, fmt.Errorf("%q is not host, host:port or [ip6]:port", s)
			}
		}
		if strings.ContainsAny(s, "[]") || strings.Contains(host, ":") {
			if _, err := netip.ParseAddr(host); err != nil {
				return Member{}, fmt.Errorf("%q is not an IPv6 address", host)
			}
		}
	}
	if host == "" || len(host) > 253 || strings.ContainsAny(host, " \t\r\n/@,\\\x00") {
		return Member{}, fmt.Errorf("%q names no host", s)
	}
	m := Member{Host: host}
	if port != "" || strings.HasSuffix(s, ":") && host != s {
		n, err := strconv.Atoi(port)
		if err != nil || n < 1 || n > 65535 {
			return Member{}, fmt.Errorf("%q is not a port between 1 and 65535", port)
		}
		m.Port = n
	}
	return m, nil
}

const maxMembers = 1000

// parseMembers reads entries; one may hold several, split by commas, and an IPv4 range such as
// 10.0.0.1-5.
func parseMembers(entries []string, at func(i int) hocon.Pos, ps *hocon.Problems) []Member {
	var out []Member
	for i, entry := range entries {
		for part := range strings.SplitSeq(entry, ",") {
			if strings.TrimSpace(part) == "" {
				continue
			}
			for _, host := range expandRange(strings.TrimSpace(part)) {
				if len(out) >= maxMembers {
					ps.Add(hocon.Problem{Code: codeMember, Pos: at(i), Message: "the member list is too long", Label: fmt.Sprintf("at most %d members", maxMembers)})
					return out
				}
				m, err := ParseMember(host)
				if err != nil {
					ps.Add(hocon.Problem{Code: codeMember, Pos: at(i), Message: "member list: " + err.Error()})
					continue
				}
				m.Pos = at(i)
				if !slices.ContainsFunc(out, func(o Member) bool { return o.Host == m.Host && o.Port == m.Port }) {
					out = append(out, m)
				}
			}
		}
	}
	return out
}

// expandRange makes the addresses of a range in the last part, such as 10.0.0.1-5:5801.
func expandRange(s string) []string {
	host, port, hasPort := strings.Cut(s, ":")
	i, dash := strings.LastIndex(host, "."), strings.LastIndex(host, "-")
	if i < 0 || dash < i || strings.Trim(host, "0123456789.-") != "" {
		return []string{s}
	}
	low, err1 := strconv.ParseUint(host[i+1:dash], 10, 8)
	high, err2 := strconv.ParseUint(host[dash+1:], 10, 8)
	if err1 != nil || err2 != nil || low > high {
		return []string{s}
	}
	var out []string
	for n := low; n <= high; n++ {
		a := host[:i+1] + strconv.FormatUint(n, 10)
		if hasPort {
			a += ":" + port
		}
		out = append(out, a)
	}
	return out
}

// Resolver finds the addresses of a name; *net.Resolver is one.
type Resolver interface {
	LookupHost(ctx context.Context, host string) ([]string, error)
}

// Peer is a member and the addresses its host has now.
type Peer struct {
	Member Member
	Addrs  []netip.Addr // sorted
	Err    error        // why there are none
}

// Resolve finds the addresses of every member. A name that cannot be resolved has an Err and
// does not hold up the others.
func Resolve(ctx context.Context, r Resolver, members []Member) []Peer {
	out := make([]Peer, len(members))
	for i, m := range members {
		out[i].Member = m
		if a, err := netip.ParseAddr(m.Host); err == nil {
			out[i].Addrs = []netip.Addr{a.Unmap()}
			continue
		}
		names, err := r.LookupHost(ctx, m.Host)
		for _, n := range names {
			if a, err := netip.ParseAddr(n); err == nil {
				out[i].Addrs = append(out[i].Addrs, a.Unmap())
			}
		}
		slices.SortFunc(out[i].Addrs, netip.Addr.Compare)
		out[i].Addrs = slices.Compact(out[i].Addrs)
		if len(out[i].Addrs) == 0 {
			if err == nil {
				err = errors.New("the name has no address")
			}
			out[i].Err = fmt.Errorf("resolve member %s: %w", m, err)
		}
	}
	return out
}

// Candidates are where the peer may listen: its port, or base and the ports after it, tries in
// all, when it is listed without one.
func (p Peer) Candidates(base, tries int) []netip.AddrPort {
	if p.Member.Port != 0 {
		base, tries = p.Member.Port, 1
	}
	var out []netip.AddrPort
	for port := base; port < base+max(1, tries) && port <= 65535; port++ {
		for _, a := range p.Addrs {
			out = append(out, netip.AddrPortFrom(a, uint16(port)))
		}
	}
	return out
}

// OnlyThisHost reports whether every peer resolves to addresses of this host alone; local are
// the addresses of its interfaces.
func OnlyThisHost(peers []Peer, local []netip.Addr) bool {
	for _, p := range peers {
		if len(p.Addrs) == 0 {
			return false
		}
		for _, a := range p.Addrs {
			if !a.IsLoopback() && !slices.Contains(local, a) {
				return false
			}
		}
	}
	return true
}

// OnlyLoopback reports whether the member list, as written, names nothing but loopback.
func (n Network) OnlyLoopback() bool {
	for _, m := range n.Members {
		a, err := netip.ParseAddr(m.Host)
		if !strings.EqualFold(m.Host, "localhost") && (err != nil || !a.IsLoopback()) {
			return false
		}
	}
	return true
}

// Listen chooses the address to listen at: BindAddress; else the first of local that fits
// Interfaces; else loopback when onlyThisHost and no PublicAddress is set; else "", every address.
func (n Network) Listen(local []netip.Addr, onlyThisHost bool) (string, error) {
	if n.BindAddress != "" {
		return n.BindAddress, nil
	}
	for _, pattern := range n.Interfaces {
		for _, a := range local {
			if matchInterface(pattern, a.String()) {
				return a.String(), nil
			}
		}
	}
	switch {
	case len(n.Interfaces) > 0:
		return "", fmt.Errorf("no address of this host fits hazelcast.network.interfaces: %s", strings.Join(n.Interfaces, ", "))
	case onlyThisHost && n.PublicAddress == "":
		return "127.0.0.1", nil
	}
	return "", nil
}

func matchInterface(pattern, addr string) bool {
	pp, aa := strings.Split(pattern, "."), strings.Split(addr, ".")
	if len(pp) != 4 || len(aa) != 4 {
		return pattern == addr
	}
	for i := range pp {
		low, high, isRange := strings.Cut(pp[i], "-")
		l, err1 := strconv.Atoi(low)
		h, err2 := strconv.Atoi(high)
		n, err3 := strconv.Atoi(aa[i])
		if pp[i] != "*" && pp[i] != aa[i] && (!isRange || err1 != nil || err2 != nil || err3 != nil || n < l || n > h) {
			return false
		}
	}
	return true
}
