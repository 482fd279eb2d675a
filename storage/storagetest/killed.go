package storagetest

import (
	"errors"
	"io"
	"testing"

	"seikan/storage"
)

// Server is a real server of the test's own.
type Server interface {
	Kill()  // as kill -9 does
	Start() // again, with its data
}

// KilledServer kills the server in the middle of a Put, of a new name and of a taken one, and looks
// what is there afterwards. open gives a store without objects that is connected to the server.
func KilledServer(t *testing.T, server Server, open func(t *testing.T) storage.Store) {
	s := open(t)
	put(t, s, "old", "content")
	for _, name := range []string{"old", "new"} {
		source := io.MultiReader(io.LimitReader(&noise{}, 40<<20), &calling{do: server.Kill}, io.LimitReader(&noise{}, 40<<20))
		_, err := s.Put(t.Context(), name, source)
		var e *storage.Error
		if !errors.As(err, &e) || e.Op != "put" || e.Hint == "" {
			t.Errorf("put %s into a killed server: %v is no storage.Error with a hint", name, err)
		} else {
			t.Log(err)
		}
		_ = s.Close()
		server.Start()
		s = open(t)
		if got := get(t, s, "old", 0, -1); got != "content" {
			t.Errorf("the old object has %d bytes", len(got))
		}
		if got := names(t, s, "", 10); len(got) != 1 || got[0] != "old" {
			t.Errorf("objects are %q", got)
		}
	}
	put(t, s, "new", "after")
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// calling does something when it is read, once.
type calling struct{ do func() }

func (c *calling) Read([]byte) (int, error) {
	c.do()
	return 0, io.EOF
}
