package hdfs

import (
	"maps"
	"testing"

	"seikan/storage"
	"seikan/storage/storagetest"
)

// hadoop gives the keys of the real server.
func hadoop(t testing.TB) map[string]string {
	e := storagetest.Part(t, "hdfs", "HDFS_URL", "HDFS_USER")
	return map[string]string{keyFS: e["HDFS_URL"], keyUser: e["HDFS_USER"]}
}

// connectTo opens a store in a folder of its own; change replaces keys.
func connectTo(t testing.TB, change map[string]string) *Store {
	t.Helper()
	keys := hadoop(t)
	maps.Copy(keys, change)
	c, v := Parse(keys, "/user/"+keys[keyUser]+"/"+storagetest.Folder())
	for _, err := range v.Errors() {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformance(t *testing.T) {
	t.Parallel()
	hadoop(t)
	storagetest.Run(t, func(t *testing.T) storage.Store { return connectTo(t, nil) })
}
