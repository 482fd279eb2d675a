package raft

import (
	"crypto/rand"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// The files of a node's directory. Those of rqlite are in a folder of their own, which is
// moved away as a whole when it is damaged.
const (
	lockFile    = "lock"
	idFile      = "node-id"
	membersFile = "members.json"
	storeDir    = "store"
	damagedDir  = "store.damaged"
)

// lock keeps a second process out: bbolt would wait for ever in its place.
func lock(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockFile), os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB); err != nil {
		return nil, errors.Join(fmt.Errorf("%s is used by another process; stop it or choose another directory", dir), f.Close())
	}
	return f, nil
}

// identity reads the node's id, or keeps the proposed one, or a random one.
func identity(dir, proposed string) (string, error) {
	path := filepath.Join(dir, idFile)
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		if proposed == "" {
			proposed = newID()
		}
		return proposed, replace(path, []byte(proposed+"\n"))
	}
	if err != nil {
		return "", err
	}
	id := strings.TrimSpace(string(text))
	if id == "" {
		return "", fmt.Errorf("%s is empty; put the node's id back, or remove the whole directory and let the node join anew", path)
	}
	return id, nil
}

func newID() string {
	var b [8]byte
	_, _ = rand.Read(b[:]) // crypto/rand.Read never fails, by its contract
	return hex.EncodeToString(b[:])
}

// replace writes a file whole or not at all, durably.
func replace(path string, data []byte) error {
	tmp := path + ".new"
	f, err := os.OpenFile(tmp, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	if _, err = f.Write(data); err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		return err
	}
	d, err := os.Open(filepath.Dir(path))
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// rememberMembers keeps the members in a file, for the day on which the store cannot be read.
func rememberMembers(dir string, members []Member) error {
	text, err := json.MarshalIndent(members, "", "  ")
	if err != nil {
		return err
	}
	return replace(filepath.Join(dir, membersFile), append(text, '\n'))
}

// recallMembers reads what rememberMembers kept; none if there is no such file.
func recallMembers(dir string) ([]Member, error) {
	text, err := os.ReadFile(filepath.Join(dir, membersFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	var members []Member
	if err == nil {
		err = json.Unmarshal(text, &members)
	}
	if err != nil {
		return nil, fmt.Errorf("read the list of members: %w", err)
	}
	return members, nil
}
