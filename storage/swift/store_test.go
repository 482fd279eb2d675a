package swift

import (
	"maps"
	"testing"

	"seikan/appliance/testbed/parts"
	"seikan/storage"
	"seikan/storage/storagetest"
)

// openStack gives the keys of the real server, with a container of the test's own.
func openStack(t testing.TB) map[string]string {
	e := parts.Env(t, "swift", "SWIFT_AUTH_URL", "SWIFT_USER", "SWIFT_KEY")
	return map[string]string{keyContainer: storagetest.Folder(), keyAuthURL: e["SWIFT_AUTH_URL"], keyUser: e["SWIFT_USER"], keyKey: e["SWIFT_KEY"], keySegmentSize: "2M"}
}

// offline makes a store and sends nothing; change replaces keys.
func offline(t testing.TB, change map[string]string) *Store {
	t.Helper()
	keys := openStack(t)
	maps.Copy(keys, change)
	c, v := Parse(keys, "folder/inside")
	for _, err := range v.Errors() {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// connect makes a store and its container.
func connect(t testing.TB, change map[string]string) *Store {
	t.Helper()
	s := offline(t, change)
	if err := s.conn.ContainerCreate(t.Context(), s.c.Container, nil); err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformanceByKindOfLargeObject(t *testing.T) {
	t.Parallel()
	openStack(t)
	// Dynamic objects differ from static ones by their manifests alone.
	for kind, run := range map[string]func(*testing.T, func(*testing.T) storage.Store){"static": storagetest.Run, "dynamic": storagetest.RunSmall} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			run(t, func(t *testing.T) storage.Store { return connect(t, map[string]string{keyLarge: kind}) })
		})
	}
}
