package port

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"
)

func (p *Port) bind(ctx context.Context) error {
	last := p.cfg.Port
	if p.cfg.AutoIncrement && p.cfg.Port != 0 {
		last = min(p.cfg.Port+p.cfg.Count-1, 65535)
	}
	var err error
	for number := p.cfg.Port; number <= last; number++ {
		if err = p.bindTo(ctx, number); err == nil {
			p.incremented = number != p.cfg.Port
			return nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
	if last != p.cfg.Port {
		return fmt.Errorf("ports %d to %d are all in use: %w; set network.port.port in hazelcast.yaml to a free one", p.cfg.Port, last, err)
	}
	return fmt.Errorf("%w; stop the program that uses it, or set network.port.port or network.port.auto-increment: true in hazelcast.yaml", err)
}

func (p *Port) bindTo(ctx context.Context, number int) error {
	const attempts = 10 // a free TCP port may be taken in UDP
	var lc net.ListenConfig
	for try := 1; ; try++ {
		tcp, err := lc.Listen(ctx, "tcp", net.JoinHostPort(p.cfg.Host, strconv.Itoa(number)))
		if err != nil {
			return err
		}
		got := tcp.Addr().(*net.TCPAddr).Port
		udp, err := lc.ListenPacket(ctx, "udp", net.JoinHostPort(p.cfg.Host, strconv.Itoa(got)))
		if err == nil {
			_ = udp.(*net.UDPConn).SetReadBuffer(1 << 20) // bursts of gossip; less is no error
			p.tcp, p.udp = tcp, udp
			return nil
		}
		_ = tcp.Close()
		if number != 0 || try == attempts || !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
}
