package open

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"syscall"
	"testing"

	"seikan/storage"
)

// What somebody has to change is told from what comes back by itself, as the stores report it.
func TestWhatMayPassIsToldFromWhatSomebodyMustChange(t *testing.T) {
	t.Parallel()
	refusing := func(status int, code string) string {
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(status)
			fmt.Fprintf(w, "<Error><Code>%s</Code><Message>refused</Message></Error>", code)
		}))
		t.Cleanup(server.Close)
		return server.URL
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	s3 := func(endpoint string) map[string]string {
		return map[string]string{"storage.type": "s3", "s3.bucket": "b", "fs.s3a.endpoint": endpoint, "fs.s3a.access.key": "a", "fs.s3a.secret.key": "s"}
	}
	oss := func(endpoint string) map[string]string {
		return map[string]string{"storage.type": "oss", "oss.bucket": "bucket", "fs.oss.endpoint": endpoint, "fs.oss.accessKeyId": "a", "fs.oss.accessKeySecret": "s"}
	}
	swift := func(endpoint string) map[string]string {
		return map[string]string{"storage.type": "swift", "swift.container": "c", "swift.auth-url": endpoint + "/v1.0", "swift.user": "u", "swift.key": "k"}
	}
	for name, c := range map[string]struct {
		given map[string]string
		pass  bool
	}{
		"s3 wrong secret":     {s3(refusing(403, "SignatureDoesNotMatch")), false},
		"s3 clock":            {s3(refusing(403, "RequestTimeTooSkewed")), false},
		"s3 no bucket":        {s3(refusing(404, "NoSuchBucket")), false},
		"s3 down":             {s3("http://" + dead), true},
		"s3 no such host":     {s3("http://no-such-host.invalid"), false},
		"s3 another protocol": {s3("https" + refusing(403, "x")[len("http"):]), false},
		"oss wrong key":       {oss(refusing(403, "InvalidAccessKeyId")), false},
		"oss down":            {oss("http://" + dead), true},
		"swift wrong key":     {swift(refusing(401, "x")), false},
		"swift down":          {swift("http://" + dead), true},
		"hdfs down":           {map[string]string{"storage.type": "hdfs", "fs.defaultFS": "hdfs://" + dead, "remote_user": "u"}, true},
		"hdfs no such host":   {map[string]string{"storage.type": "hdfs", "fs.defaultFS": "hdfs://no-such-host.invalid:1", "remote_user": "u"}, false},
		"local below a file":  {map[string]string{"storage.type": "local", "namespace": file + "/x"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			settings, errs := Parse("hdfs", c.given)
			if errs != nil {
				t.Fatal(errs)
			}
			s, err := Open(t.Context(), settings)
			if err == nil {
				err = Probe(t.Context(), s)
			}
			if err == nil || MayPass(err) != c.pass {
				t.Errorf("may pass is %v, want %v: %v", !c.pass, c.pass, err)
			}
		})
	}
	for err, pass := range map[error]bool{context.DeadlineExceeded: true, syscall.ENOSPC: true, syscall.EROFS: false, syscall.EACCES: false, ErrProbe: false} {
		if got := MayPass(&storage.Error{Op: "put", Err: fmt.Errorf("wrapped: %w", err)}); got != pass {
			t.Errorf("%v: %v", err, got)
		}
	}
}

// A store whose system is down is opened by the first call that finds it up.
func TestAStoreThatIsDownIsOpenedLater(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "blobs")
	if err := os.WriteFile(dir, nil, 0o600); err != nil { // in the way of the folder
		t.Fatal(err)
	}
	settings, errs := Parse("localfile", map[string]string{"namespace": dir})
	if errs != nil {
		t.Fatal(errs)
	}
	s := Later(settings)
	if err := Probe(t.Context(), s); err == nil {
		t.Error("it is up")
	}
	if err := os.Remove(dir); err != nil {
		t.Fatal(err)
	}
	if err := Probe(t.Context(), s); err != nil {
		t.Error(err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
