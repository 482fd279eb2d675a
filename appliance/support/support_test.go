package support

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

func TestScrubberTakesSecretsOut(t *testing.T) {
	t.Parallel()
	s := NewScrubber([]string{"told-secret", "abc", " told-secret-2\n", `S3CRET"&\x y`})
	for _, text := range []string{
		"it said told-secret and told-secret-2",
		"password=S3CRET!", "PASSWORD = S3CRET!", `"password": "S3CRET!"`, `"password" : "a \"S3CRET!\" b"`, "password: 'S3CRET!'",
		`msg="{\"db.password\":\"S3CRET!\"}"`, "fs.s3a.secret.key: S3CRET!", "fs.oss.accessKeySecret=S3CRET!", "fs.s3a.access.key=S3CRET!",
		"jdbc:mysql://host/db?user=me&password=S3CRET!&ssl=true", "https://me:S3CRET!@host/path", "dial mongodb://u:S3CRET!@h:27017",
		"Authorization: Bearer S3CRET0", "header basic UzNDUkVUIQ==S3CRET", "api_key=S3CRET!", "x-api-key: S3CRET!",
		"-----BEGIN RSA PRIVATE KEY-----\nS3CRET!\n-----END RSA PRIVATE KEY-----", "-----BEGIN PRIVATE KEY-----\nS3CRET! cut off",
		"sessionToken=S3CRET!;", "[password=S3CRET!]", "mysql://me:p@S3CRET!@host/db",
		`{"note":"S3CRET\"\u0026\\x y"}`, `{"note":"S3CRET\"&\\x y"}`, "http://host/?q=S3CRET%22%26%5Cx+y", "http://host/S3CRET%22&%5Cx%20y",
	} {
		if got := s.Text(text); strings.Contains(got, "S3CRET") || strings.Contains(got, "told-secret") {
			t.Errorf("%q became %q", text, got)
		}
	}
	for _, text := range []string{"rows=5 table=abc", "reads http://host:8080/x", "pipeline 1: a token ring", "user@host"} {
		if got := s.Text(text); got != text {
			t.Errorf("%q became %q", text, got)
		}
	}
}

func TestManifestListsWhatIsInTheBundleAndWhatIsMissing(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	b := New(&out, "bundle", "host", "1", time.Unix(0, 0), NewScrubber([]string{"hunter2"}))
	b.Add("a/b.txt", "a text", []byte("x hunter2"), nil)
	b.Add("c.txt", "none", nil, errors.New("hunter2 was refused"))
	b.Add("../../etc/x", "an odd name", []byte("y"), nil)
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	z, err := gzip.NewReader(&out)
	if err != nil {
		t.Fatal(err)
	}
	files := map[string]string{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if err == io.EOF {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[h.Name] = string(text)
	}
	if files["bundle/a/b.txt"] != "x ******" || files["bundle/etc/x"] != "y" || len(files) != 3 {
		t.Errorf("%q", files)
	}
	var m Manifest
	if err := json.Unmarshal([]byte(files["bundle/manifest.json"]), &m); err != nil {
		t.Fatal(err)
	}
	if len(m.Files) != 2 || m.Files[0] != (Entry{"a/b.txt", 8, "a text"}) || len(m.Missing) != 1 || m.Missing[0] != (Missing{"c.txt", "****** was refused"}) {
		t.Errorf("%+v", m)
	}
}
