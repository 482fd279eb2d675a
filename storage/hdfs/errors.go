package hdfs

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"github.com/colinmarc/hdfs/v2"

	"seikan/storage"
	"seikan/storage/transfer"
)

// refusal is an exception of a NameNode without its stack.
type refusal struct {
	remote hdfs.Error
	err    error
}

func (e refusal) Unwrap() error { return e.err }

func (e refusal) Error() string {
	message, _, _ := strings.Cut(e.remote.Message(), "\n")
	exception := e.remote.Exception()
	return exception[strings.LastIndexByte(exception, '.')+1:] + ": " + message
}

// gone says that no object has the name: it is free, or a part of it is an object.
func gone(err error) bool {
	var e hdfs.Error
	return errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) || errors.As(err, &e) && strings.HasSuffix(e.Exception(), ".ParentNotDirectoryException")
}

// fail wraps an error with what was attempted and the key to change. nil stays nil.
func (s *Store) fail(ctx context.Context, op, name string, err error) error {
	if err == nil {
		return nil
	}
	e := &storage.Error{Op: op, Path: s.String(), Err: err}
	if name != "" {
		e.Path += "/" + name
	}
	if cerr := ctx.Err(); cerr != nil {
		if !errors.Is(err, cerr) {
			e.Err = fmt.Errorf("%w: %w", cerr, err)
		}
		return e
	}
	writing := op == "put" || op == "create"
	var login *loginError
	var remote hdfs.Error
	if errors.As(err, &remote) {
		e.Err = refusal{remote, err}
	}
	switch {
	case errors.As(err, &login):
		e.Hint = fmt.Sprintf("check %s %s, %s %s and %s %s, and the clock of this machine", keyPrincipal, s.c.Principal, keyKeytab, s.c.Keytab, keyKrb5, s.c.Krb5)
	case writing && (errors.Is(err, syscall.EISDIR) || gone(err)):
		e.Hint = "in a folder a name cannot be both an object and a part of another object's name; choose another name"
	case gone(err) && !writing && op != "open":
		e.Err = storage.ErrNotExist
	case op == "create" && errors.Is(err, os.ErrExist):
		e.Err = storage.ErrExist
	case errors.Is(err, os.ErrPermission) || remote != nil && strings.HasSuffix(remote.Exception(), ".AccessControlException"):
		e.Hint = fmt.Sprintf("let %s read and write in %s, or change namespace, %s", s.who(), s.c.Root, s.whoKey())
	case remote != nil:
		e.Hint = remoteHint(remote)
	case strings.Contains(err.Error(), "no available namenodes") || op == "open":
		e.Hint = s.unreachable(err)
	case connectionLost(err):
		e.Hint = fmt.Sprintf("the NameNode or a DataNode does not answer: is it up, can this machine reach it, should %sdfs.client.use.datanode.hostname be true?", hadoopPrefix)
	}
	return e
}

func (s *Store) who() string {
	if s.c.Principal != "" {
		return s.c.Principal
	}
	if s.client != nil {
		return s.client.User()
	}
	return "the user"
}

func (s *Store) whoKey() string {
	if s.c.Principal != "" {
		return keyPrincipal
	}
	return keyUser
}

func remoteHint(e hdfs.Error) string {
	switch exception := e.Exception()[strings.LastIndexByte(e.Exception(), '.')+1:]; exception {
	case "SafeModeException":
		return "the NameNode is in safe mode; wait, or look why it does not leave it"
	case "DSQuotaExceededException", "NSQuotaExceededException", "QuotaByStorageTypeExceededException":
		return "the folder's quota is used up; raise it or make room"
	case "StandbyException":
		return "no NameNode is active"
	}
	if strings.Contains(e.Message(), "could only be written to 0 of") {
		return "no DataNode takes the block: they are down, full, or not reachable from the NameNode"
	}
	return ""
}

func (s *Store) unreachable(err error) string {
	where := keyFS + " (" + strings.Join(s.c.Addresses, ", ") + ")"
	text := err.Error()
	switch {
	case strings.Contains(text, "StandbyException"):
		return "no NameNode of " + where + " is active"
	case strings.Contains(text, "SASL") || strings.Contains(text, "SIMPLE authentication is not enabled"):
		return fmt.Sprintf("the NameNode wants Kerberos or refuses the ticket: check %s, %s and %s", keyPrincipal, keyKeytab, keyNameService)
	case strings.Contains(text, "connection refused"):
		return "check " + where + ": nothing listens there"
	case strings.Contains(text, "no such host"):
		return "check " + where + ": no address is known for the host"
	}
	if why := transfer.Unreachable(err); why != "" {
		return "check " + where + ": " + why
	}
	return fmt.Sprintf("check %s: is it the RPC port of a NameNode, and does it ask for Kerberos (%s, %s)?", where, keyPrincipal, keyKeytab)
}
