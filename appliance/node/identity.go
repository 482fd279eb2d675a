package node

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
)

// membership is what a node's disk says of its cluster. It is written when the cluster is formed
// or joined, before the node says that it is in it.
type membership struct {
	path    string
	mu      sync.Mutex
	ID      string `json:"cluster_id"`
	Forming bool   `json:"forming"` // see begin
	Lost    string `json:"lost"`    // the cluster that Recover gave up, until its state is settled
}

func readMembership(dir string) (*membership, error) {
	m := &membership{path: filepath.Join(dir, "cluster.json")}
	data, err := os.ReadFile(m.path)
	if errors.Is(err, fs.ErrNotExist) {
		return m, nil
	}
	if err == nil {
		err = json.Unmarshal(data, m)
	}
	if err != nil {
		return nil, fmt.Errorf("read which cluster this node is in: %w", err)
	}
	return m, nil
}

func (m *membership) cluster() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.ID
}

func (m *membership) lost() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.Lost
}

func (m *membership) set(id string) error { return m.become(id, "") }

func (m *membership) become(id, lost string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	said := map[string]string{"cluster_id": id}
	if lost != "" {
		said["lost"] = lost
	}
	data, err := json.Marshal(said)
	if err != nil {
		return err
	}
	if err := writeDurably(m.path, data); err != nil {
		return fmt.Errorf("note which cluster this node is in: %w", err)
	}
	m.ID, m.Lost = id, lost
	return nil
}

// writeDurably replaces a small file so that a crash leaves the old or the new one.
func writeDurably(path string, data []byte) error {
	f, err := os.OpenFile(path+".new", os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(path+".new", path); err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// readKey reads the cluster key; nil when there is none yet.
func readKey(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return key, err
}

// newKey is a fresh cluster key, in the form of its file.
func newKey() []byte { return []byte(randomID(32) + "\n") }

// writeKey keeps the cluster key where there is none; what stands there wins.
func writeKey(path string, key []byte) ([]byte, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return os.ReadFile(path)
	}
	if err != nil {
		return nil, err
	}
	_, err = f.Write(key)
	return key, errors.Join(err, f.Sync(), f.Close())
}

// randomID is n random bytes in hexadecimal.
func randomID(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}
