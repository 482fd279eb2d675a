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
	path string
	mu   sync.Mutex
	ID   string `json:"cluster_id"`
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

func (m *membership) set(id string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	data, err := json.Marshal(map[string]string{"cluster_id": id})
	if err != nil {
		return err
	}
	if err := writeDurably(m.path, data); err != nil {
		return fmt.Errorf("note which cluster this node is in: %w", err)
	}
	m.ID = id
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

// clusterKey reads the cluster key, or makes one where it may: without it, values of sensitive
// options cannot be sealed.
func clusterKey(path string) ([]byte, error) {
	key, err := os.ReadFile(path)
	if err == nil || !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	key = []byte(randomID(32) + "\n")
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	// Nodes of one directory may start at the same time: the first one's key is everyone's.
	own := path + "." + randomID(4)
	if err := writeDurably(own, key); err != nil {
		return nil, err
	}
	err = os.Link(own, path)
	if err = errors.Join(err, os.Remove(own)); errors.Is(err, fs.ErrExist) {
		return os.ReadFile(path)
	}
	return key, err
}

// randomID is n random bytes in hexadecimal.
func randomID(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails (crypto/rand)
	return hex.EncodeToString(b)
}
