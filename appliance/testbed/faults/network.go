package faults

import "fmt"

// network is hosts on one bridge. Nothing outside can be reached from them.
type network struct {
	bridge *space
	hosts  []*space
}

func address(i int) string { return fmt.Sprintf("10.99.0.%d", i+1) }

func hardware(i int) string { return fmt.Sprintf("02:00:00:00:00:%02x", i+1) }

// nobody has this hardware address: what is sent to it is lost without a word.
const nobody = "02:00:00:00:ff:ff"

func newNetwork() (*network, error) {
	s, err := newSpace("ip link add name bridge0 type bridge\nip link set bridge0 up")
	if err != nil {
		return nil, err
	}
	return &network{bridge: s}, nil
}

// connect plugs a host in; its address is that of its number.
func (n *network) connect(host *space) error {
	i := len(n.hosts)
	n.hosts = append(n.hosts, host)
	port := fmt.Sprintf("port%d", i)
	for _, step := range [][]string{
		{"link", "add", port, "type", "veth", "peer", "name", "eth0", "address", hardware(i), "netns", host.pid()},
		{"link", "set", port, "master", "bridge0", "up"},
	} {
		if err := n.bridge.run("ip", step...); err != nil {
			return err
		}
	}
	for _, step := range [][]string{{"addr", "add", address(i) + "/24", "dev", "eth0"}, {"link", "set", "lo", "up"}, {"link", "set", "eth0", "up"}} {
		if err := host.run("ip", step...); err != nil {
			return err
		}
	}
	return nil
}

// silence lets all that i sends to j get lost.
func (n *network) silence(i, j int) error {
	return n.hosts[i].run("ip", "neigh", "replace", address(j), "lladdr", nobody, "dev", "eth0", "nud", "permanent")
}

// heal takes the faults of a host's sending away.
func (n *network) heal(i int) error {
	return n.hosts[i].run("ip", "neigh", "flush", "dev", "eth0", "nud", "permanent")
}

func (n *network) close() {
	for _, h := range n.hosts {
		h.close()
	}
	n.bridge.close()
}
