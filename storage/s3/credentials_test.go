package s3

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"seikan/storage/storagetest"
)

// metadata answers as the agent of a container and as the metadata service of a machine do, with
// the keys of the real server.
func metadata(t *testing.T) *httptest.Server {
	keys := minio(t)
	give := func(w http.ResponseWriter) {
		_ = json.NewEncoder(w).Encode(map[string]string{"Code": "Success", "Type": "AWS-HMAC", "AccessKeyId": keys[keyAccess], "SecretAccessKey": keys[keySecret],
			"Expiration": time.Now().Add(time.Hour).UTC().Format(time.RFC3339)})
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.Method + r.URL.Path {
		case "GET/container":
			if r.Header.Get("Authorization") == "let me" {
				give(w)
				return
			}
			w.WriteHeader(http.StatusUnauthorized)
		case "PUT/latest/api/token":
			w.Header().Set("X-Aws-Ec2-Metadata-Token-Ttl-Seconds", "600")
			fmt.Fprint(w, "token")
		case "GET/latest/meta-data/iam/security-credentials/":
			fmt.Fprint(w, "role")
		case "GET/latest/meta-data/iam/security-credentials/role":
			give(w)
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)
	return server
}

func TestCredentialsComeFromTheEnvironmentTheContainerOrTheMachine(t *testing.T) {
	keys := minio(t)
	server := metadata(t)
	for _, c := range []struct {
		name        string
		environment map[string]string
		provider    string
	}{
		{"environment", map[string]string{"AWS_ACCESS_KEY_ID": keys[keyAccess], "AWS_SECRET_ACCESS_KEY": keys[keySecret]}, ""},
		{"container", map[string]string{"AWS_CONTAINER_CREDENTIALS_FULL_URI": server.URL + "/container", "AWS_CONTAINER_AUTHORIZATION_TOKEN": "let me"}, ""},
		{"machine", nil, ""},
		{"machine by its class", map[string]string{"AWS_ACCESS_KEY_ID": "wrong", "AWS_SECRET_ACCESS_KEY": "wrong"}, "org.apache.hadoop.fs.s3a.auth.IAMInstanceCredentialsProvider"},
	} {
		t.Run(c.name, func(t *testing.T) {
			for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI"} {
				t.Setenv(name, c.environment[name])
			}
			t.Setenv("AWS_CONTAINER_AUTHORIZATION_TOKEN", c.environment["AWS_CONTAINER_AUTHORIZATION_TOKEN"])
			t.Setenv("AWS_EC2_METADATA_SERVICE_ENDPOINT", server.URL)
			s := connect(t, map[string]string{keyAccess: "", keySecret: "", keyProvider: c.provider})
			if err := storagetest.WriteOnce(t.Context(), s); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("none", func(t *testing.T) {
		t.Setenv("AWS_ACCESS_KEY_ID", "")
		s := connect(t, map[string]string{keyAccess: "", keySecret: "", keyProvider: "software.amazon.awssdk.auth.credentials.EnvironmentVariableCredentialsProvider"})
		storagetest.Refused(t, storagetest.WriteOnce(t.Context(), s), []string{keyAccess, "AWS_ACCESS_KEY_ID"})
	})
}
