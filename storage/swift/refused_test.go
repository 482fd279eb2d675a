package swift

import (
	"net/http/httptest"
	"testing"

	"seikan/appliance/testbed/parts"
	"seikan/storage"
	"seikan/storage/storagetest"
)

func TestRefusalsNameTheKeyToChange(t *testing.T) {
	t.Parallel()
	openStack(t)
	reader := parts.Env(t, "swift", "SWIFT_READER")["SWIFT_READER"]
	web := httptest.NewServer(nil)
	t.Cleanup(web.Close)
	made := connect(t, nil) // a container that exists
	for name, c := range map[string]struct {
		change map[string]string
		words  []string
	}{
		"unknown user":      {map[string]string{keyUser: "parts:nobody"}, []string{keyUser}},
		"wrong key":         {map[string]string{keyKey: "not-the-secret"}, []string{keyKey}},
		"missing container": {map[string]string{keyContainer: "no-such-container"}, []string{keyContainer, "no-such-container"}},
		"no rights":         {map[string]string{keyContainer: made.c.Container, keyUser: reader}, []string{reader, made.c.Container}},
		"dead endpoint":     {map[string]string{keyAuthURL: "http://" + storagetest.DeadAddress(t) + "/auth/v1.0"}, []string{keyAuthURL, "nothing listens"}},
		"unknown host":      {map[string]string{keyAuthURL: "http://no-such-host.invalid/auth/v1.0"}, []string{keyAuthURL, "no-such-host.invalid"}},
		"not Swift":         {map[string]string{keyAuthURL: web.URL + "/v1.0"}, []string{keyAuthURL}},
		"not Keystone":      {map[string]string{keyVersion: "3"}, []string{keyAuthURL}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := offline(t, c.change)
			storagetest.Refused(t, storagetest.WriteOnce(t.Context(), s), c.words, "not-the-secret", openStack(t)[keyKey])
			if _, err := s.Stat(t.Context(), "x"); name == "missing container" {
				storagetest.Refused(t, err, []string{keyContainer})
				_, err = s.Get(t.Context(), "x", 0, -1)
				storagetest.Refused(t, err, []string{keyContainer})
				storagetest.Refused(t, s.Delete(t.Context(), "x"), []string{keyContainer})
			}
		})
	}
}

func TestServerKilledInTheMiddleOfAPut(t *testing.T) {
	t.Parallel()
	openStack(t)
	server := parts.Own(t, "swift")
	storagetest.KilledServer(t, server, func(t *testing.T) storage.Store {
		return connect(t, map[string]string{keyContainer: "killed", keyAuthURL: server.Env["SWIFT_AUTH_URL"], keyUser: server.Env["SWIFT_USER"], keyKey: server.Env["SWIFT_KEY"]})
	})
}
