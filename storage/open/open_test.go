package open

import (
	"context"
	"errors"
	"flag"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"seikan/appliance/testbed/parts"
	"seikan/storage"
	"seikan/storage/local"
	"seikan/storage/storagetest"
)

// The configurations of SeaTunnel's manual, as they stand there.
func TestSeaTunnelsConfigurationsAreUnderstood(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		kind             string
		given            map[string]string
		store, namespace string
	}{
		"localfile":                             {"localfile", map[string]string{"namespace": "/tmp/a"}, Local, "/tmp/a"},
		"localfile, empty":                      {"localfile", nil, Local, "/seatunnel/checkpoint/"},
		"localfile, whatever storage.type says": {"localfile", map[string]string{"storage.type": "s3"}, Local, "/seatunnel/checkpoint/"},
		"shipped":                               {"hdfs", map[string]string{"namespace": "/tmp/seatunnel/checkpoint_snapshot", "storage.type": "hdfs", "fs.defaultFS": "file:///tmp/"}, Local, "/tmp/seatunnel/checkpoint_snapshot"},
		"hdfs without anything":                 {"hdfs", map[string]string{}, Local, "/seatunnel/checkpoint/"},
		"local on hdfs":                         {"hdfs", map[string]string{"storage.type": "local", "fs.defaultFS": "hdfs://nn:8020"}, HDFS, "/seatunnel/checkpoint/"},
		"hdfs": {"hdfs", map[string]string{"storage.type": "HDFS", "fs.defaultFS": "hdfs://localhost:9000", "namespace": "/c",
			"seatunnel.hadoop.dfs.client.use.datanode.hostname": "true"}, HDFS, "/c"},
		"hdfs with HA": {"hdfs", map[string]string{"storage.type": "hdfs", "fs.defaultFS": "hdfs://usdp-bing", "seatunnel.hadoop.dfs.nameservices": "usdp-bing",
			"seatunnel.hadoop.dfs.ha.namenodes.usdp-bing": "nn1,nn2", "seatunnel.hadoop.dfs.namenode.rpc-address.usdp-bing.nn1": "usdp-bing-nn1:8020",
			"seatunnel.hadoop.dfs.namenode.rpc-address.usdp-bing.nn2":       "usdp-bing-nn2:8020",
			"seatunnel.hadoop.dfs.client.failover.proxy.provider.usdp-bing": "org.apache.hadoop.hdfs.server.namenode.ha.ConfiguredFailoverProxyProvider"}, HDFS, "/seatunnel/checkpoint/"},
		"oss": {"hdfs", map[string]string{"storage.type": "oss", "oss.bucket": "oss://your-bucket", "fs.oss.accessKeyId": "your-access-key", "fs.oss.accessKeySecret": "your-secret-key",
			"fs.oss.endpoint": "oss-cn-hangzhou.aliyuncs.com"}, OSS, "/seatunnel/checkpoint/"},
		"s3": {"hdfs", map[string]string{"storage.type": "s3", "s3.bucket": "s3a://your-bucket", "fs.s3a.access.key": "your-access-key", "fs.s3a.secret.key": "your-secret-key",
			"fs.s3a.aws.credentials.provider": "org.apache.hadoop.fs.s3a.SimpleAWSCredentialsProvider", "disable.cache": "true"}, S3, "/seatunnel/checkpoint/"},
		"s3 of the instance": {"hdfs", map[string]string{"storage.type": "s3", "s3.bucket": "s3a://your-bucket", "fs.s3a.endpoint": "your-endpoint",
			"fs.s3a.aws.credentials.provider": "org.apache.hadoop.fs.s3a.auth.IAMInstanceCredentialsProvider"}, S3, "/seatunnel/checkpoint/"},
		"s3n":       {"hdfs", map[string]string{"storage.type": "s3", "s3.bucket": "s3n://b", "fs.s3n.awsAccessKeyId": "a", "fs.s3n.awsSecretAccessKey": "b"}, S3, "/seatunnel/checkpoint/"},
		"map-store": {"hdfs", map[string]string{"type": "hdfs", "namespace": "/tmp/seatunnel/imap", "clusterName": "seatunnel-cluster", "storage.type": "hdfs", "fs.defaultFS": "hdfs://localhost:9000", "writeDataTimeoutMilliseconds": "60000"}, HDFS, "/tmp/seatunnel/imap/seatunnel-cluster"},
		"swift":     {"hdfs", map[string]string{"storage.type": "swift", "swift.auth-url": "https://k:5000/v3", "swift.user": "u", "swift.key": "k", "swift.container": "c", "swift.region": "r", "swift.domain": "d"}, Swift, "/seatunnel/checkpoint/"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s, errs := Parse(c.kind, c.given)
			if errs != nil || s.Kind != c.store || s.Namespace != c.namespace || len(s.Unknown) != 0 {
				t.Errorf("understood %q in %q, unknown %q (%v), want %q in %q", s.Kind, s.Namespace, s.Unknown, errs, c.store, c.namespace)
			}
		})
	}
}

func TestWrongConfigurationsNameTheirKeys(t *testing.T) {
	t.Parallel()
	const secret = "hush-hush"
	for name, c := range map[string]struct {
		given map[string]string
		want  []string // the beginning of each error
	}{
		"unknown kind":      {map[string]string{"storage.type": "ftp"}, []string{"storage.type: expected one of local, hdfs, oss, s3, swift"}},
		"cos":               {map[string]string{"storage.type": "cos"}, []string{`storage.type: expected one of local, hdfs, oss, s3, swift, got "cos"; it speaks S3`}},
		"scheme":            {map[string]string{"storage.type": "hdfs", "fs.defaultFS": "viewfs://x"}, []string{"fs.defaultFS: "}},
		"hdfs without":      {map[string]string{"storage.type": "hdfs", "fs.defaultFS": "hdfs://"}, []string{"fs.defaultFS: expected"}},
		"half of Kerberos":  {map[string]string{"storage.type": "hdfs", "fs.defaultFS": "hdfs://nn", "kerberosPrincipal": "a@B"}, []string{"kerberosPrincipal: it and kerberosKeytabFilePath"}},
		"no keytab":         {map[string]string{"storage.type": "hdfs", "fs.defaultFS": "hdfs://nn", "kerberosPrincipal": "a@B", "kerberosKeytabFilePath": "/none", "krb5_path": "/"}, []string{"seatunnel.hadoop.dfs.namenode.kerberos.principal: ", "kerberosKeytabFilePath: "}},
		"secure cluster":    {map[string]string{"storage.type": "hdfs", "fs.defaultFS": "hdfs://nn", "seatunnel.hadoop.hadoop.security.authentication": "kerberos"}, []string{"kerberosPrincipal: the cluster asks"}},
		"half of HA":        {map[string]string{"storage.type": "hdfs", "fs.defaultFS": "hdfs://ns", "seatunnel.hadoop.dfs.ha.namenodes.ns": "a,b", "seatunnel.hadoop.dfs.namenode.rpc-address.ns.a": "x:1"}, []string{"seatunnel.hadoop.dfs.namenode.rpc-address.ns.b: "}},
		"no site":           {map[string]string{"storage.type": "hdfs", "fs.defaultFS": "hdfs://ns", "hdfs_site_path": "/no/such/file.xml"}, []string{"hdfs_site_path: "}},
		"s3 without bucket": {map[string]string{"storage.type": "s3"}, []string{"s3.bucket: it is missing; expected for example s3a://my-bucket"}},
		"s3": {map[string]string{"storage.type": "s3", "s3.bucket": "ftp://x", "fs.s3a.secret.key": secret, "fs.s3a.endpoint": "ftp://x", "fs.s3a.path.style.access": "perhaps", "fs.s3a.multipart.size": "1K", "fs.s3a.aws.credentials.provider": "com.Mine"},
			[]string{"s3.bucket: ", "fs.s3a.access.key: ", "fs.s3a.endpoint: ", "fs.s3a.path.style.access: ", "fs.s3a.multipart.size: expected a size from 5M to 1G", "fs.s3a.aws.credentials.provider: "}},
		"oss":        {map[string]string{"storage.type": "oss", "oss.bucket": "a b", "fs.oss.accessKeyId": "x"}, []string{"oss.bucket: ", "fs.oss.endpoint: it is missing", "fs.oss.accessKeyId: "}},
		"oss region": {map[string]string{"storage.type": "oss", "oss.bucket": "b", "fs.oss.endpoint": "http://10.0.0.1", "fs.oss.signature.version": "V4"}, []string{"fs.oss.region: "}},
		"swift":      {map[string]string{"storage.type": "swift", "swift.auth-url": "http://k/auth", "swift.key": secret}, []string{"swift.container: ", "swift.auth-version: ", "swift.user: "}},
		"swift v1":   {map[string]string{"storage.type": "swift", "swift.container": "c", "swift.auth-url": "http://k/v1.0", "swift.user": "u", "swift.key": secret, "swift.region": "r"}, []string{"swift.auth-version: version 1 knows"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, errs := Parse("hdfs", c.given)
			for _, w := range c.want {
				if !slices.ContainsFunc(errs, func(err error) bool { return strings.HasPrefix(err.Error(), w) }) {
					t.Errorf("no error begins with %q: %v", w, errs)
				}
			}
			if len(errs) != len(c.want) {
				t.Errorf("%d errors, want %d: %v", len(errs), len(c.want), errs)
			}
			for _, err := range errs {
				var e *storage.KeyError
				if !errors.As(err, &e) || strings.Contains(err.Error(), secret) {
					t.Errorf("%v is no KeyError, or shows a secret", err)
				}
			}
		})
	}
}

func TestKeysOfOthersAreReportedAsUnknown(t *testing.T) {
	t.Parallel()
	s, errs := Parse("s3", map[string]string{"s3.bucket": "b", "fs.s3a.bucket.b.endpoint": "h", "fs.s3a.acess.key": "x", "oss.bucket": "y", "fs.s3a.bucket.other.endpoint": "z"})
	want := []string{"fs.s3a.acess.key", "fs.s3a.bucket.other.endpoint", "oss.bucket"}
	if errs != nil || !slices.Equal(s.Unknown, want) {
		t.Errorf("%q (%v), want %q", s.Unknown, errs, want)
	}
}

func TestEveryKeyIsDescribed(t *testing.T) {
	t.Parallel()
	for _, kind := range Kinds {
		seen := map[string]bool{}
		for _, k := range Keys(kind) {
			for _, name := range append([]string{k.Name}, k.Old...) {
				if seen[name] {
					t.Errorf("%s: %s stands there twice", kind, name)
				}
				seen[name] = true
			}
			if k.Doc == "" || k.Required && k.Default != "" {
				t.Errorf("%s: %s has no description, or is required and has a default", kind, k.Name)
			}
			if secret := strings.Contains(strings.ToLower(k.Name), "secret") || k.Name == "swift.key"; secret && !k.Sensitive && k.Name != "fs.s3a.encryption.key" {
				t.Errorf("%s: %s is not marked as sensitive", kind, k.Name)
			}
		}
	}
	if Keys("none") != nil {
		t.Error("a kind that is none has keys")
	}
}

var update = flag.Bool("update", false, "write the tables of keys into the manual")

func TestTheManualHasEveryKey(t *testing.T) {
	t.Parallel()
	const begin, end = "<!-- keys: go test ./storage/open -run Manual -update -->\n", "<!-- end of keys -->"
	for _, kind := range Kinds {
		file := filepath.Join("..", "..", "web", "docs", "storage", kind+".md")
		page, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		before, rest, ok := strings.Cut(string(page), begin)
		table, after, ok2 := strings.Cut(rest, end)
		switch {
		case !ok || !ok2:
			t.Errorf("%s has no place for the table of keys", file)
		case *update:
			if err := os.WriteFile(file, []byte(before+begin+Table(kind)+end+after), 0o644); err != nil {
				t.Fatal(err)
			}
		case table != Table(kind):
			t.Errorf("%s has another table of keys; run go test ./storage/open -run Manual -update", file)
		}
	}
}

// keysOf are the settings of every kind whose real server runs.
func keysOf(t testing.TB, kind string) map[string]string {
	folder := "/" + storagetest.Folder()
	switch kind {
	case S3:
		e := parts.Env(t, "s3", "S3_ENDPOINT", "S3_ACCESS_KEY", "S3_SECRET_KEY", "S3_BUCKET")
		return map[string]string{"storage.type": "s3", "s3.bucket": "s3a://" + e["S3_BUCKET"], "fs.s3a.endpoint": e["S3_ENDPOINT"], "fs.s3a.access.key": e["S3_ACCESS_KEY"], "fs.s3a.secret.key": e["S3_SECRET_KEY"], "namespace": folder}
	case OSS:
		e := parts.Env(t, "oss", "OSS_ENDPOINT", "OSS_ACCESS_KEY_ID", "OSS_ACCESS_KEY_SECRET", "OSS_BUCKET")
		return map[string]string{"storage.type": "oss", "oss.bucket": "oss://" + e["OSS_BUCKET"], "fs.oss.endpoint": e["OSS_ENDPOINT"], "fs.oss.accessKeyId": e["OSS_ACCESS_KEY_ID"], "fs.oss.accessKeySecret": e["OSS_ACCESS_KEY_SECRET"], "namespace": folder}
	case HDFS:
		e := parts.Env(t, "hdfs", "HDFS_URL", "HDFS_USER")
		return map[string]string{"storage.type": "hdfs", "fs.defaultFS": e["HDFS_URL"], "remote_user": e["HDFS_USER"], "namespace": "/user/" + e["HDFS_USER"] + folder}
	}
	if kind == Swift {
		e := parts.Env(t, "swift", "SWIFT_AUTH_URL", "SWIFT_USER", "SWIFT_KEY", "SWIFT_CONTAINER")
		return map[string]string{"storage.type": "swift", "swift.container": e["SWIFT_CONTAINER"], "swift.auth-url": e["SWIFT_AUTH_URL"], "swift.user": e["SWIFT_USER"], "swift.key": e["SWIFT_KEY"], "namespace": folder}
	}
	return map[string]string{"storage.type": "local", "namespace": t.TempDir()}
}

func TestProbeLeavesNothing(t *testing.T) {
	t.Parallel()
	for _, kind := range Kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			settings, errs := Parse("hdfs", keysOf(t, kind))
			if errs != nil || settings.Kind != kind {
				t.Fatal(settings.Kind, errs)
			}
			s, err := Open(t.Context(), settings)
			if err != nil {
				t.Fatal(err)
			}
			if err := Probe(t.Context(), s); err != nil {
				t.Error(err)
			}
			if err := Sweep(t.Context(), s); err != nil {
				t.Error(err)
			}
			page, err := s.List(t.Context(), "", "", 10)
			if err != nil || len(page.Objects) != 0 {
				t.Errorf("%v is left (%v)", page.Objects, err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestProbeOfASettingThatIsWrongNamesItsKey(t *testing.T) {
	t.Parallel()
	for key, kind := range map[string]string{"fs.s3a.secret.key": S3, "fs.oss.accessKeySecret": OSS} {
		t.Run(key, func(t *testing.T) {
			t.Parallel()
			given := maps.Clone(keysOf(t, kind))
			given[key] = "wrong"
			settings, errs := Parse("hdfs", given)
			if errs != nil {
				t.Fatal(errs)
			}
			s, err := Open(t.Context(), settings)
			if err != nil {
				t.Fatal(err)
			}
			storagetest.Refused(t, Probe(t.Context(), s), []string{key})
		})
	}
}

func TestAFolderThatCannotBeWrittenIsRefused(t *testing.T) {
	t.Parallel()
	settings, errs := Parse("localfile", map[string]string{"namespace": "/proc/seikan"})
	if errs != nil {
		t.Fatal(errs)
	}
	if _, err := Open(t.Context(), settings); err == nil {
		t.Error("it is opened")
	}
	if _, err := Open(t.Context(), Settings{}); err == nil {
		t.Error("settings that were not parsed are opened")
	}
}

// lying gives back something else.
type lying struct{ storage.Store }

func (l lying) Get(context.Context, string, int64, int64) (io.ReadCloser, error) {
	return io.NopCloser(strings.NewReader("<html>")), nil
}

func TestProbeSeesThatAnotherContentComesBack(t *testing.T) {
	t.Parallel()
	s, err := local.Open(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := Probe(t.Context(), lying{s}); !errors.Is(err, ErrProbe) {
		t.Errorf("error is %v", err)
	}
	if page, err := s.List(t.Context(), "", "", 10); err != nil || len(page.Objects) != 0 {
		t.Errorf("%v is left (%v)", page.Objects, err)
	}
}
