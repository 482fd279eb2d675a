package storagetest

import (
	"crypto/rand"
	"encoding/hex"
	"net"
	"testing"
)

// Folder is a name nobody else uses.
func Folder() string {
	var b [6]byte
	_, _ = rand.Read(b[:])
	return "test-" + hex.EncodeToString(b[:])
}

// DeadAddress is one that refuses connections.
func DeadAddress(t testing.TB) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}
