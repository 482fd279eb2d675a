package member

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"github.com/hashicorp/memberlist"

	"seikan/appliance/port"
)

// transport carries memberlist over the node's port: streams of a kind of their own, packets in
// UDP on the same number.
type transport struct {
	port      *port.Port
	streams   net.Listener
	dialer    *port.Dialer
	advertise netip.AddrPort
	keyed     bool // packets prove the key by themselves

	accepted chan net.Conn
	packets  chan *memberlist.Packet
	ctx      context.Context // ends with the transport
	cancel   context.CancelFunc
	wg       sync.WaitGroup

	mu    sync.Mutex
	names map[string]string // address -> host name that it was resolved from
}

func newTransport(p *port.Port, advertise netip.AddrPort, keyed bool) *transport {
	t := &transport{
		port: p, streams: p.Listener(port.Gossip), dialer: p.Dialer(port.Gossip), advertise: advertise, keyed: keyed,
		accepted: make(chan net.Conn), packets: make(chan *memberlist.Packet), names: make(map[string]string),
	}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	_ = p.Packets().SetReadDeadline(time.Time{})
	t.wg.Go(t.acceptStreams)
	t.wg.Go(t.readPackets)
	return t
}

func (t *transport) acceptStreams() {
	for {
		c, err := t.streams.Accept()
		if err != nil {
			return // the listener is closed
		}
		select {
		case t.accepted <- c:
		case <-t.ctx.Done():
			_ = c.Close()
			return
		}
	}
}

func (t *transport) readPackets() {
	conn := t.port.Packets()
	buf := make([]byte, 64<<10)
	for {
		n, from, err := conn.ReadFrom(buf)
		at := time.Now()
		if errors.Is(err, net.ErrClosed) || errors.Is(err, os.ErrDeadlineExceeded) {
			return
		}
		// A port that is closed on the other side can show up as an error here; go on.
		if err != nil || n == 0 || !t.keyed && !t.port.Guard().TrustsNow(from, conn.LocalAddr()) {
			continue
		}
		select {
		case t.packets <- &memberlist.Packet{Buf: append([]byte(nil), buf[:n]...), From: from, Timestamp: at}:
		case <-t.ctx.Done():
			return
		}
	}
}

// FinalAdvertiseAddr implements memberlist.Transport.
func (t *transport) FinalAdvertiseAddr(string, int) (net.IP, int, error) {
	return t.advertise.Addr().AsSlice(), int(t.advertise.Port()), nil
}

// WriteTo implements memberlist.Transport.
func (t *transport) WriteTo(b []byte, addr string) (time.Time, error) {
	to, err := net.ResolveUDPAddr("udp", addr)
	if err != nil {
		return time.Time{}, err
	}
	_, err = t.port.Packets().WriteTo(b, to)
	return time.Now(), err
}

// PacketCh implements memberlist.Transport.
func (t *transport) PacketCh() <-chan *memberlist.Packet { return t.packets }

// StreamCh implements memberlist.Transport.
func (t *transport) StreamCh() <-chan net.Conn { return t.accepted }

// DialTimeout implements memberlist.Transport. memberlist knows addresses only; certificates are
// for names.
func (t *transport) DialTimeout(addr string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(t.ctx, timeout)
	defer cancel()
	t.mu.Lock()
	name := t.names[addr]
	t.mu.Unlock()
	return t.dialer.DialAs(ctx, addr, name)
}

// WriteToAddress implements memberlist.NodeAwareTransport.
func (t *transport) WriteToAddress(b []byte, a memberlist.Address) (time.Time, error) {
	return t.WriteTo(b, a.Addr)
}

// DialAddressTimeout implements memberlist.NodeAwareTransport.
func (t *transport) DialAddressTimeout(a memberlist.Address, timeout time.Duration) (net.Conn, error) {
	return t.DialTimeout(a.Addr, timeout)
}

// call remembers the name of an address.
func (t *transport) call(addr, hostPort string) {
	host, _, err := net.SplitHostPort(hostPort)
	if err != nil {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.names[addr] = host
}

// forget drops the name of an address.
func (t *transport) forget(addr string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.names, addr)
}

// Shutdown implements memberlist.Transport. The port stays open.
func (t *transport) Shutdown() error {
	if t.ctx.Err() != nil {
		return nil // memberlist may have done it, and failed afterwards
	}
	t.cancel()
	err := t.streams.Close()
	err = errors.Join(err, t.port.Packets().SetReadDeadline(time.Unix(1, 0)))
	t.wg.Wait()
	if errors.Is(err, net.ErrClosed) {
		return nil // the port was closed first
	}
	return err
}
