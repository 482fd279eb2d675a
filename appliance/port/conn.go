package port

import (
	"net"
)

// conn is a connection of which the first bytes were looked at; Read gives them again.
type conn struct {
	net.Conn
	seen []byte
}

// look reads until the first bytes tell what the peer speaks.
func (c *conn) look() (speech, error) {
	buf := make([]byte, 0, 16)
	for {
		n, err := c.Conn.Read(buf[len(buf):cap(buf)])
		buf = buf[:len(buf)+n]
		c.seen = buf
		if s := tell(buf); s != unclear {
			return s, nil
		}
		if err != nil {
			return unclear, err
		}
	}
}

// Read implements net.Conn.
func (c *conn) Read(p []byte) (int, error) {
	if len(c.seen) > 0 {
		n := copy(p, c.seen)
		if c.seen = c.seen[n:]; len(c.seen) == 0 {
			c.seen = nil
		}
		return n, nil
	}
	return c.Conn.Read(p)
}

// NetConn is the connection inside, as of crypto/tls.Conn.
func (c *conn) NetConn() net.Conn { return c.Conn }
