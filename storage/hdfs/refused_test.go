package hdfs

import (
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"seikan/appliance/testbed/parts"
	"seikan/storage"
	"seikan/storage/storagetest"
)

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
		"dead endpoint":  {map[string]string{keyFS: "hdfs://" + storagetest.DeadAddress(t)}, []string{keyFS, "nothing listens"}},
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

func TestServerKilledInTheMiddleOfAPut(t *testing.T) { // not parallel: a server takes 400 MiB
	hadoop(t)
	server := parts.Own(t, "hdfs")
	storagetest.KilledServer(t, server, func(t *testing.T) storage.Store {
		return open(t, keysOf(server.Env), "killed")
	})
}

func TestAnotherNameNodeTakesOver(t *testing.T) { // not parallel: a server takes 400 MiB
	hadoop(t)
	server := parts.Own(t, "hdfs", "HDFS_HA=1")
	s := open(t, keysOf(server.Env), "failover")
	if len(s.c.Addresses) != 2 {
		t.Fatalf("the site file names %q", s.c.Addresses)
	}
	if _, err := s.Put(t.Context(), "a", strings.NewReader("before")); err != nil {
		t.Fatal(err)
	}
	server.Run("active", "nn2") // kills the first one
	for _, name := range []string{"a", "b"} {
		if _, err := s.Put(t.Context(), name, strings.NewReader("after")); err != nil {
			t.Error(err)
		}
	}
	page, err := s.List(t.Context(), "", "", 10)
	if err != nil || len(page.Objects) != 2 {
		t.Errorf("%+v (%v)", page, err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

func TestKerberos(t *testing.T) { // not parallel: a server takes 400 MiB
	hadoop(t)
	server := parts.Own(t, "hdfs", "HDFS_KERBEROS=1", "HDFS_TICKET_LIFE=8 seconds")
	keys := keysOf(server.Env)
	t.Run("conformance", func(t *testing.T) {
		storagetest.RunSmall(t, func(t *testing.T) storage.Store { return open(t, keys, storagetest.Folder()) })
	})
	t.Run("a ticket that ran out", func(t *testing.T) {
		s := open(t, keys, "renewed")
		server.Kill()
		server.Start() // takes longer than a ticket lives, and needs a new connection
		if _, err := s.Put(t.Context(), "a", strings.NewReader("x")); err != nil {
			t.Error(err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	for name, c := range map[string]struct {
		change map[string]string
		words  []string
	}{
		"no ticket":         {map[string]string{keyPrincipal: "", keyKeytab: "", keyNameService: ""}, []string{keyPrincipal, keyKeytab}},
		"unknown principal": {map[string]string{keyPrincipal: "nobody@PARTS"}, []string{keyPrincipal, keyKeytab, "clock"}},
		"other service":     {map[string]string{keyNameService: "nn/other@PARTS"}, []string{keyNameService}},
	} {
		t.Run(name, func(t *testing.T) {
			given := maps.Clone(keys)
			maps.Copy(given, c.change)
			config, v := Parse(given, "/user/parts/secure")
			if v.Errors() != nil {
				t.Fatal(v.Errors())
			}
			_, err := Open(t.Context(), config)
			storagetest.Refused(t, err, c.words)
		})
	}
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
