package hdfs

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/colinmarc/hdfs/v2"
	krb "github.com/jcmturner/gokrb5/v8/client"
	"github.com/jcmturner/gokrb5/v8/config"
	"github.com/jcmturner/gokrb5/v8/keytab"
)

const (
	dialTimeout = 10 * time.Second
	ioTimeout   = time.Minute      // one read or write that makes no progress
	failover    = 20 * time.Second // how long to look for an active NameNode
)

func connect(c Config) (*hdfs.Client, error) {
	o := hdfs.ClientOptionsFromConf(c.Hadoop)
	o.Addresses, o.User, o.KerberosClient = c.Addresses, c.User, nil
	o.NamenodeDialFunc, o.DatanodeDialFunc = dial(true), dial(false)
	if c.Principal != "" {
		k, err := login(c)
		if err != nil {
			return nil, err
		}
		o.KerberosClient = k
	} else if o.User == "" {
		u, err := user.Current()
		if err != nil {
			return nil, fmt.Errorf("find the user: %w", err)
		}
		o.User = u.Username
	}
	client, err := hdfs.NewClient(o)
	if err != nil {
		return nil, err
	}
	if _, err := client.ServerDefaults(); err != nil { // kept by the client; also the first real answer
		_ = client.Close()
		return nil, err
	}
	return client, nil
}

// loginError is a failure before the NameNode was asked.
type loginError struct{ err error }

func (e *loginError) Error() string { return "Kerberos: " + e.err.Error() }

func (e *loginError) Unwrap() error { return e.err }

func login(c Config) (*krb.Client, error) {
	conf, err := config.Load(c.Krb5)
	if err != nil {
		return nil, &loginError{fmt.Errorf("read %s: %w", c.Krb5, err)}
	}
	kt, err := keytab.Load(c.Keytab)
	if err != nil {
		return nil, &loginError{fmt.Errorf("read %s: %w", c.Keytab, err)}
	}
	name, realm, _ := strings.Cut(c.Principal, "@")
	k := krb.NewWithKeytab(name, realm, kt, conf, krb.DisablePAFXFAST(true))
	if err := k.Login(); err != nil {
		return nil, &loginError{err}
	}
	return k, nil
}

// dial bounds every wait. After an error a connection to a NameNode is closed, which makes the
// client connect again; it would otherwise take a late answer for the next one.
func dial(nameNode bool) func(context.Context, string, string) (net.Conn, error) {
	d := &net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		c, err := d.DialContext(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &conn{Conn: c, fragile: nameNode}, nil
	}
}

type conn struct {
	net.Conn
	fragile bool
}

func (c *conn) Read(p []byte) (int, error) {
	n, err := 0, c.SetReadDeadline(time.Now().Add(ioTimeout))
	if err == nil {
		n, err = c.Conn.Read(p)
	}
	return n, c.broken(err)
}

func (c *conn) Write(p []byte) (int, error) {
	n, err := 0, c.SetWriteDeadline(time.Now().Add(ioTimeout))
	if err == nil {
		n, err = c.Conn.Write(p)
	}
	return n, c.broken(err)
}

func (c *conn) broken(err error) error {
	if err != nil && c.fragile {
		_ = c.Close()
	}
	return err
}

// within runs f, which cannot be cancelled, and leaves it alone when the context ends. What f
// uses must then not be used again; late is called with its result.
func within[T any](ctx context.Context, f func() (T, error), late func(T)) (T, error) {
	var none T
	if err := ctx.Err(); err != nil {
		return none, err
	}
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1)
	go func() {
		v, err := f()
		done <- result{v, err}
	}()
	select {
	case r := <-done:
		return r.value, r.err
	case <-ctx.Done():
		go func() {
			if r := <-done; r.err == nil && late != nil {
				late(r.value)
			}
		}()
		return none, ctx.Err()
	}
}

// ask is within for a question that may be repeated: while no NameNode is active it asks again.
func ask[T any](ctx context.Context, f func() (T, error), late func(T)) (T, error) {
	for start := time.Now(); ; {
		v, err := within(ctx, f, late)
		if err == nil || !connectionLost(err) || ctx.Err() != nil || time.Since(start) > failover {
			return v, err
		}
		select {
		case <-ctx.Done():
			return v, ctx.Err()
		case <-time.After(time.Second):
		}
	}
}

// connectionLost reports that no NameNode has answered, neither yes nor no.
func connectionLost(err error) bool {
	var refused hdfs.Error
	if errors.As(err, &refused) || errors.Is(err, os.ErrNotExist) || errors.Is(err, os.ErrExist) || errors.Is(err, os.ErrPermission) || errors.Is(err, os.ErrInvalid) {
		return false
	}
	var netErr net.Error // also a broken pipe
	text := err.Error()
	return errors.As(err, &netErr) || strings.Contains(text, "no available namenodes") || strings.HasSuffix(text, "EOF") || strings.Contains(text, "closed network connection")
}
