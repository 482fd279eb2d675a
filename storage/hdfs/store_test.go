package hdfs

import (
	"maps"
	"os"
	"testing"

	"seikan/appliance/testbed/parts"
	"seikan/storage"
	"seikan/storage/storagetest"
)

// hadoop gives the keys of the real server, which may have been started with HDFS_HA=1 or HDFS_KERBEROS=1.
func hadoop(t testing.TB) map[string]string {
	e := parts.Env(t, "hdfs", "HDFS_URL", "HDFS_USER")
	for _, name := range []string{"HDFS_SITE", "HDFS_PRINCIPAL", "HDFS_KEYTAB", "HDFS_KRB5", "HDFS_NAMENODE_PRINCIPAL"} {
		e[name] = os.Getenv(name)
	}
	return keysOf(e)
}

// keysOf makes keys of what the start script exports.
func keysOf(e map[string]string) map[string]string {
	return map[string]string{keyFS: e["HDFS_URL"], keyUser: e["HDFS_USER"], keySite: e["HDFS_SITE"], keyPrincipal: e["HDFS_PRINCIPAL"], keyKeytab: e["HDFS_KEYTAB"],
		keyKrb5: e["HDFS_KRB5"], keyNameService: e["HDFS_NAMENODE_PRINCIPAL"]}
}

// open opens a store in a folder of the user.
func open(t testing.TB, keys map[string]string, folder string) *Store {
	t.Helper()
	c, v := Parse(keys, "/user/"+keys[keyUser]+"/"+folder)
	for _, err := range v.Errors() {
		t.Fatal(err)
	}
	s, err := Open(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// connectTo opens a store in a folder of its own; change replaces keys.
func connectTo(t testing.TB, change map[string]string) *Store {
	t.Helper()
	keys := hadoop(t)
	maps.Copy(keys, change)
	return open(t, keys, storagetest.Folder())
}

func TestConformance(t *testing.T) {
	t.Parallel()
	hadoop(t)
	storagetest.Run(t, func(t *testing.T) storage.Store { return connectTo(t, nil) })
}
