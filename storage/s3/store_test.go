package s3

import (
	"maps"
	"testing"

	"seikan/appliance/testbed/parts"
	"seikan/storage"
	"seikan/storage/storagetest"
)

// minio gives the keys of the real server.
func minio(t testing.TB) map[string]string {
	e := parts.Env(t, "s3", "S3_ENDPOINT", "S3_REGION", "S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_BUCKET")
	return map[string]string{keyBucket: "s3a://" + e["S3_BUCKET"], keyEndpoint: e["S3_ENDPOINT"], keyRegion: e["S3_REGION"], keyAccess: e["S3_ACCESS_KEY"], keySecret: e["S3_SECRET_KEY"]}
}

// connect opens a store in a folder of its own; change replaces keys.
func connect(t testing.TB, change map[string]string) *Store {
	t.Helper()
	keys := minio(t)
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

func TestConformance(t *testing.T) {
	t.Parallel()
	minio(t)
	storagetest.Run(t, func(t *testing.T) storage.Store { return connect(t, nil) })
}
