package s3

import (
	"fmt"
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
	minio(t)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>hello</html>") }))
	t.Cleanup(web.Close)
	for name, c := range map[string]struct {
		change map[string]string
		words  []string
	}{
		"unknown access key": {map[string]string{keyAccess: "nobody"}, []string{keyAccess}},
		"wrong secret":       {map[string]string{keySecret: "not-the-secret"}, []string{keySecret}},
		"missing bucket":     {map[string]string{keyBucket: "s3a://no-such-bucket"}, []string{keyBucket, "no-such-bucket"}},
		"no rights":          {map[string]string{keyProvider: "org.apache.hadoop.fs.s3a.AnonymousAWSCredentialsProvider"}, []string{keyAccess}},
		"dead endpoint":      {map[string]string{keyEndpoint: "http://" + storagetest.DeadAddress(t)}, []string{keyEndpoint, "nothing listens"}},
		"unknown host":       {map[string]string{keyEndpoint: "http://no-such-host.invalid"}, []string{keyEndpoint, "no-such-host.invalid"}},
		"https for http":     {map[string]string{keyEndpoint: strings.Replace(minio(t)[keyEndpoint], "http://", "https://", 1)}, []string{keyEndpoint, "http, not https"}},
		"not S3":             {map[string]string{keyEndpoint: web.URL}, []string{keyEndpoint, "speaks S3"}},
		"wrong region":       {map[string]string{keyRegion: "mars-north-1"}, []string{keyRegion}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := connect(t, c.change)
			storagetest.Refused(t, storagetest.WriteOnce(t.Context(), s), c.words, "not-the-secret", minio(t)[keySecret])
			if _, err := s.Stat(t.Context(), "x"); name == "missing bucket" {
				storagetest.Refused(t, err, []string{keyBucket})
			}
		})
	}
}

// The codes that the real server does not give here, as S3 documents them.
func TestRefusalCodesNameWhatToDo(t *testing.T) {
	t.Parallel()
	for code, words := range map[string]string{
		"RequestTimeTooSkewed": "clock", "ExpiredToken": keyToken, "PermanentRedirect": keyRegion, "AuthorizationHeaderMalformed": keyRegion, "AccessDenied": keyAccess, "QuotaExceeded": "full",
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(http.StatusForbidden)
				fmt.Fprintf(w, "<Error><Code>%s</Code><Message>refused</Message></Error>", code)
			}))
			t.Cleanup(server.Close)
			c, v := Parse(map[string]string{keyBucket: "b", keyEndpoint: server.URL, keyAccess: "a", keySecret: "s"}, "")
			if v.Errors() != nil {
				t.Fatal(v.Errors())
			}
			s, err := Open(t.Context(), c)
			if err != nil {
				t.Fatal(err)
			}
			storagetest.Refused(t, storagetest.WriteOnce(t.Context(), s), []string{words})
		})
	}
}

func TestServerKilledInTheMiddleOfAPut(t *testing.T) {
	t.Parallel()
	minio(t)
	server := parts.Own(t, "s3")
	storagetest.KilledServer(t, server, func(t *testing.T) storage.Store {
		c, v := Parse(map[string]string{keyBucket: server.Env["S3_BUCKET"], keyEndpoint: server.Env["S3_ENDPOINT"], keyRegion: server.Env["S3_REGION"],
			keyAccess: server.Env["S3_ACCESS_KEY"], keySecret: server.Env["S3_SECRET_KEY"]}, "killed")
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
