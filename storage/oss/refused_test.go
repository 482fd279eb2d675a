package oss

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"

	"seikan/appliance/testbed/parts"
	"seikan/storage"
	"seikan/storage/storagetest"
)

func TestRefusalsNameTheKeyToChange(t *testing.T) {
	t.Parallel()
	standIn(t)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>hello</html>") }))
	t.Cleanup(web.Close)
	for name, c := range map[string]struct {
		change map[string]string
		words  []string
	}{
		"unknown access key":   {map[string]string{keyAccess: "nobody"}, []string{keyAccess}},
		"wrong secret":         {map[string]string{keySecret: "not-the-secret"}, []string{keySecret}},
		"wrong secret with V1": {map[string]string{keySecret: "not-the-secret", keySignature: "V1"}, []string{keySecret}},
		"missing bucket":       {map[string]string{keyBucket: "oss://no-such-bucket"}, []string{keyBucket, "no-such-bucket"}},
		"dead endpoint":        {map[string]string{keyEndpoint: "http://" + storagetest.DeadAddress(t)}, []string{keyEndpoint, "nothing listens"}},
		"unknown host":         {map[string]string{keyEndpoint: "http://no-such-host.invalid"}, []string{keyEndpoint, "no-such-host.invalid"}},
		"not OSS":              {map[string]string{keyEndpoint: web.URL}, []string{keyEndpoint, "speaks OSS"}},
		"wrong region":         {map[string]string{keyRegion: "mars-north-1"}, []string{keyRegion}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := connect(t, c.change)
			storagetest.Refused(t, storagetest.WriteOnce(t.Context(), s), c.words, "not-the-secret", standIn(t)[keySecret])
			if _, err := s.Stat(t.Context(), "x"); name == "missing bucket" {
				storagetest.Refused(t, err, []string{keyBucket})
			}
		})
	}
}

// The codes that the stand-in does not give, as OSS documents them.
func TestRefusalCodesNameWhatToDo(t *testing.T) {
	t.Parallel()
	for code, word := range map[string]string{"RequestTimeTooSkewed": "clock", "SecurityTokenExpired": keyToken, "AccessDenied": keyAccess, "InvalidBucketName": keyBucket} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusForbidden)
				fmt.Fprintf(w, "<Error><Code>%s</Code><Message>refused</Message></Error>", code)
			}))
			t.Cleanup(server.Close)
			c, v := Parse(map[string]string{keyBucket: "bucket", keyEndpoint: server.URL, keyAccess: "a", keySecret: "s"}, "")
			if v.Errors() != nil {
				t.Fatal(v.Errors())
			}
			s, err := Open(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			storagetest.Refused(t, storagetest.WriteOnce(t.Context(), s), []string{word})
		})
	}
}

func TestServerKilledInTheMiddleOfAPut(t *testing.T) {
	t.Parallel()
	standIn(t)
	server := parts.Own(t, "oss")
	storagetest.KilledServer(t, server, func(t *testing.T) storage.Store {
		c, v := Parse(map[string]string{keyBucket: server.Env["OSS_BUCKET"], keyEndpoint: server.Env["OSS_ENDPOINT"], keyRegion: server.Env["OSS_REGION"],
			keyAccess: server.Env["OSS_ACCESS_KEY_ID"], keySecret: server.Env["OSS_ACCESS_KEY_SECRET"]}, "killed")
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
