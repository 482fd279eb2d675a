package oss

import (
	"maps"
	"testing"

	"seikan/appliance/testbed/parts"
	"seikan/storage"
	"seikan/storage/storagetest"
)

// standIn gives the keys of the stand-in, which checks signatures.
func standIn(t testing.TB) map[string]string {
	e := parts.Env(t, "oss", "OSS_ENDPOINT", "OSS_REGION", "OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_BUCKET")
	return map[string]string{keyBucket: "oss://" + e["OSS_BUCKET"], keyEndpoint: e["OSS_ENDPOINT"], keyRegion: e["OSS_REGION"], keyAccess: e["OSS_ACCESS_KEY_ID"], keySecret: e["OSS_ACCESS_KEY_SECRET"]}
}

// connect opens a store in a folder of its own; change replaces keys.
func connect(t testing.TB, change map[string]string) *Store {
	t.Helper()
	keys := standIn(t)
	maps.Copy(keys, change)
	c, v := Parse(keys, storagetest.Folder())
	for _, err := range v.Errors() {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestConformanceBySignature(t *testing.T) {
	t.Parallel()
	standIn(t)
	for version, run := range map[string]func(*testing.T, func(*testing.T) storage.Store){"V4": storagetest.Run, "V1": storagetest.RunSmall} {
		t.Run(version, func(t *testing.T) {
			t.Parallel()
			run(t, func(t *testing.T) storage.Store { return connect(t, map[string]string{keySignature: version}) })
		})
	}
}
