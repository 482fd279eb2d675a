package hdfs

import (
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"seikan/storage"
	"seikan/storage/storagetest"
)

// deadAddress is one that refuses connections.
func deadAddress(t *testing.T) string {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestRefusalsNameTheKeyToChange(t *testing.T) {
	t.Parallel()
	hadoop(t)
	web := httptest.NewServer(http.NotFoundHandler())
	t.Cleanup(web.Close)
	for name, c := range map[string]struct {
		change map[string]string
		words  []string
	}{
		"no rights":      {map[string]string{keyUser: "nobody"}, []string{"nobody", "namespace", keyUser}},
		"dead endpoint":  {map[string]string{keyFS: "hdfs://" + deadAddress(t)}, []string{keyFS, "nothing listens"}},
		"unknown host":   {map[string]string{keyFS: "hdfs://no-such-host.invalid"}, []string{keyFS, "no-such-host.invalid:8020"}},
		"not a NameNode": {map[string]string{keyFS: strings.Replace(web.URL, "http:", "hdfs:", 1)}, []string{keyFS, "RPC port"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			keys := hadoop(t)
			folder := "/user/" + keys[keyUser] + "/" + storagetest.Folder()
			maps.Copy(keys, c.change)
			config, v := Parse(keys, folder)
			if v.Errors() != nil {
				t.Fatal(v.Errors())
			}
			_, err := Open(t.Context(), config)
			storagetest.Refused(t, err, c.words)
		})
	}
}

func TestServerKilledInTheMiddleOfAPut(t *testing.T) {
	t.Parallel()
	hadoop(t)
	server := storagetest.OwnServer(t, "../../appliance/testbed/parts", "hdfs")
	storagetest.KilledServer(t, server, func(t *testing.T) storage.Store {
		keys := map[string]string{keyFS: server.Env["HDFS_URL"], keyUser: server.Env["HDFS_USER"]}
		c, v := Parse(keys, "/user/"+keys[keyUser]+"/killed")
		if v.Errors() != nil {
			t.Fatal(v.Errors())
		}
		s, err := Open(t.Context(), c)
		if err != nil {
			t.Fatal(err)
		}
		return s
	})
}

func TestNamesWithAColonAreRefused(t *testing.T) {
	t.Parallel()
	s := connectTo(t, nil)
	_, err := s.Put(t.Context(), "a:b", strings.NewReader("x"))
	storagetest.Refused(t, err, nil)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}
