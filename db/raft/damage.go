package raft

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rqlite/rqlite/v8/store"

	"seikan/db"
)

// damage is the error of a store that cannot be read.
type damage struct {
	err     error
	members []Member // if they could be read
}

func (d *damage) Error() string { return fmt.Sprintf("the state is damaged: %v", d.err) }

func (d *damage) Unwrap() error { return d.err }

// verdict is what to do about damage.
type verdict uint8

const (
	keepDamaged  verdict = iota // change nothing: this may be the last copy
	discardState                // the others have everything that was ever promised
)

// onDamage decides. What was committed is on a majority of the voters; so without this node it
// is all there only if the others are a majority by themselves.
func onDamage(id, addr string, members []Member) verdict {
	voters, others := 0, 0
	for _, m := range members {
		if !m.Voter {
			continue
		}
		voters++
		if m.ID != id && m.Addr != addr {
			others++
		}
	}
	if others > 0 && others >= voters/2+1 {
		return discardState
	}
	return keepDamaged
}

// isEnvironment says whether a store failed to open for a reason outside its files.
func isEnvironment(err error) bool {
	for _, s := range []string{"permission denied", "no space left", "too many open files", "read-only file system",
		"disk quota", "operation not permitted", "cannot allocate memory"} {
		if strings.Contains(err.Error(), s) {
			return true
		}
	}
	return false
}

// quickCheck looks through the database that the snapshot gave, as a power cut may have left it.
func quickCheck(st *store.Store) error {
	answers, _, err := st.Query(queryRequest(db.S("PRAGMA quick_check(1)"), levelHere, time.Minute))
	if err != nil {
		return fmt.Errorf("check the database: %w", err)
	}
	rows, err := rowsOf(answers)
	if err != nil {
		return fmt.Errorf("check the database: %w", err)
	}
	if len(rows.Values) != 1 || rows.Values[0][0] != "ok" {
		return fmt.Errorf("check the database: %v", rows.Values)
	}
	return nil
}

// discard moves the store away and gives the node a new id, and returns it. What the node of the
// old id has promised to the others, in votes and acknowledgements, is forgotten; under a new id
// nobody relies on it. The id comes first, since a crash in between must not leave an empty
// store under the old one.
func discard(dir string, members []Member) (id string, err error) {
	if err := rememberMembers(dir, members); err != nil {
		return "", err
	}
	id = newID()
	if err := replace(filepath.Join(dir, idFile), []byte(id+"\n")); err != nil {
		return "", err
	}
	if err := os.RemoveAll(filepath.Join(dir, damagedDir)); err != nil {
		return "", err
	}
	return id, os.Rename(filepath.Join(dir, storeDir), filepath.Join(dir, damagedDir))
}
