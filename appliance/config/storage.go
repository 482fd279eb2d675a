package config

import (
	"fmt"
	"maps"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"seikan/engine/job/hocon"
	"seikan/engine/option"
)

// The kinds of Storage.
const (
	KindLocal = "local"
	KindHDFS  = "hdfs"
	KindS3    = "s3"
	KindOSS   = "oss"
	KindSwift = "swift"
)

// Storage is where blobs are kept, as the storage backends want to know it.
type Storage struct {
	Kind      string
	Namespace string // folder or prefix, ends with a slash
	Bucket    string // s3, oss: bucket; swift: container

	DefaultFS         string // hdfs: hdfs://host:port
	Principal, Keytab string // hdfs: Kerberos, both or none
	SitePath          string // hdfs: hdfs-site.xml

	Endpoint, Region     string // s3, oss; region of swift
	AccessKey, SecretKey string // s3, oss; empty: from the machine's role or the environment
	PathStyle            bool   // s3

	AuthURL, User, Password, Tenant, Domain string // swift

	Keys map[string]string // everything given, `seatunnel.hadoop.` taken off
}

// String is the location without secrets.
func (s Storage) String() string {
	switch s.Kind {
	case "":
		return "none"
	case KindLocal:
		return s.Namespace
	case KindHDFS:
		return strings.TrimSuffix(s.DefaultFS, "/") + s.Namespace
	}
	return s.Kind + "://" + s.Bucket + "/" + strings.TrimPrefix(s.Namespace, "/")
}

// The keys each kind reads, for "did you mean".
var storageKeys = map[string][]string{
	"":        {"namespace", "storage.type", "type", "clusterName", "disable.cache", "writeDataTimeoutMilliseconds", "block.size", "fs.defaultFS"},
	KindLocal: nil,
	KindHDFS:  {"kerberosPrincipal", "kerberosKeytabFilePath", "hdfs_site_path"},
	KindS3: {"s3.bucket", "fs.s3a.access.key", "fs.s3a.secret.key", "fs.s3a.endpoint", "fs.s3a.endpoint.region", "fs.s3a.path.style.access", "fs.s3a.aws.credentials.provider",
		"fs.s3n.awsAccessKeyId", "fs.s3n.awsSecretAccessKey", "fs.s3n.endpoint"},
	KindOSS:   {"oss.bucket", "fs.oss.accessKeyId", "fs.oss.accessKeySecret", "fs.oss.endpoint", "fs.oss.region", "fs.oss.credentials.provider"},
	KindSwift: {"swift.container", "fs.swift.auth.url", "fs.swift.username", "fs.swift.password", "fs.swift.tenant", "fs.swift.domain", "fs.swift.region"},
}

// Keys of a storage that change nothing here.
var storagePointless = map[string]string{
	"disable.cache":                   "there is no cache of Hadoop's.",
	"block.size":                      "objects are written whole.",
	"fs.s3a.aws.credentials.provider": "the keys count when they are given, else the environment and the machine's role.",
	"fs.oss.credentials.provider":     "the keys count when they are given, else the environment and the machine's role.",
}

func (l *loader) noteStorage(prefix string, pairs []option.Pair) {
	for _, p := range pairs {
		if reason := storagePointless[p.Key]; reason != "" {
			l.note(prefix+p.Key, noMeaningShort+reason)
			l.meaningless(prefix+p.Key, p.Pos, reason, false)
		}
	}
}

// storageInput is a plugin-config or the properties of a map-store.
type storageInput struct {
	where     string // how messages name it
	pos       hocon.Pos
	pairs     []option.Pair
	localOnly bool   // checkpoint.storage.type: localfile
	kind      string // when storage.type is not given
	namespace string // when it is not given
	base      string // what a relative local namespace starts at
}

type storageReader struct {
	storageInput
	at       map[string]hocon.Pos
	keys     map[string]string
	problems *hocon.Problems
}

func readStorage(in storageInput, ps *hocon.Problems) Storage {
	r := &storageReader{storageInput: in, at: map[string]hocon.Pos{}, keys: map[string]string{}, problems: ps}
	for _, p := range in.pairs {
		key := strings.TrimPrefix(p.Key, "seatunnel.hadoop.")
		r.keys[key], r.at[key] = strings.TrimSpace(p.Value), p.Pos
	}
	s := Storage{Keys: r.keys, Kind: r.chooseKind(), Namespace: r.keys["namespace"]}
	switch s.Kind {
	case KindLocal:
		if s.Namespace == "" {
			s.Namespace = in.namespace
		}
		if !filepath.IsAbs(s.Namespace) {
			s.Namespace = filepath.Join(in.base, s.Namespace)
		}
		if clean := filepath.Clean(s.Namespace); clean == "/tmp" || strings.HasPrefix(clean, "/tmp/") || strings.HasPrefix(clean, "/var/tmp/") {
			r.warn("namespace", codeUnsafe, "temporary files are removed at boot and by cleaners", "%s is kept in %s", in.where, s.Namespace)
		}
	case KindHDFS:
		s.DefaultFS = r.need("fs.defaultFS", "hdfs://host:port")
		s.Principal, s.Keytab, s.SitePath = r.keys["kerberosPrincipal"], r.keys["kerberosKeytabFilePath"], r.keys["hdfs_site_path"]
		if (s.Principal == "") != (s.Keytab == "") {
			r.fail(r.given("kerberosPrincipal", "kerberosKeytabFilePath"), "both or none", "kerberosPrincipal and kerberosKeytabFilePath belong together")
		}
	case KindS3:
		s.Bucket = r.bucket("s3.bucket", "s3a://bucket", "s3a", "s3n", "s3")
		s.AccessKey, s.SecretKey = r.pair([]string{"fs.s3a.access.key", "fs.s3n.awsAccessKeyId", "fs.s3n.access.key"}, []string{"fs.s3a.secret.key", "fs.s3n.awsSecretAccessKey", "fs.s3n.secret.key"})
		s.Endpoint, s.Region = r.first("fs.s3a.endpoint", "fs.s3n.endpoint"), r.keys["fs.s3a.endpoint.region"]
		s.PathStyle = strings.EqualFold(r.keys["fs.s3a.path.style.access"], "true")
	case KindOSS:
		s.Bucket = r.bucket("oss.bucket", "oss://bucket", "oss")
		s.AccessKey, s.SecretKey = r.pair([]string{"fs.oss.accessKeyId"}, []string{"fs.oss.accessKeySecret"})
		s.Endpoint, s.Region = r.need("fs.oss.endpoint", "a host such as oss-cn-hangzhou.aliyuncs.com"), r.keys["fs.oss.region"]
	case KindSwift:
		s.Bucket = r.bucket("swift.container", "swift://container", "swift")
		s.AuthURL, s.User, s.Password = r.need("fs.swift.auth.url", "an http or https address"), r.need("fs.swift.username", "a user"), r.need("fs.swift.password", "a password")
		s.Tenant, s.Domain, s.Region = r.keys["fs.swift.tenant"], r.keys["fs.swift.domain"], r.keys["fs.swift.region"]
	}
	if s.Namespace == "" {
		s.Namespace = in.namespace
	}
	if s.Kind != KindLocal {
		s.Namespace = path.Clean("/" + s.Namespace)
	}
	if !strings.HasSuffix(s.Namespace, "/") {
		s.Namespace += "/"
	}
	r.unknown(s.Kind)
	return s
}

// chooseKind goes by storage.type, then by the scheme of fs.defaultFS: SeaTunnel's "hdfs" on
// file:/// is a local folder, and its "local" on hdfs:// is not.
func (r *storageReader) chooseKind() string {
	kind := strings.ToLower(r.keys["storage.type"])
	scheme, _, hasScheme := strings.Cut(strings.ToLower(r.keys["fs.defaultFS"]), ":")
	switch {
	case r.localOnly:
		if kind != "" && kind != KindLocal {
			r.warn("storage.type", codeStorage, "set checkpoint.storage.type: hdfs for it to count", "localfile keeps checkpoints on the local disk whatever storage.type says")
		}
		return KindLocal
	case kind == "":
		kind = r.kind
	}
	switch kind {
	case KindLocal, KindHDFS:
		switch {
		case hasScheme && scheme == "file":
			return KindLocal
		case hasScheme && scheme == "hdfs":
			return KindHDFS
		case hasScheme:
			r.fail("fs.defaultFS", "expected hdfs://host:port or file:///", "fs.defaultFS %q is neither HDFS nor the local disk; use storage.type s3, oss or swift for others", r.keys["fs.defaultFS"])
			return KindHDFS
		}
		return kind
	case KindS3, KindOSS, KindSwift:
		return kind
	}
	help := ""
	if near := option.Nearest(kind, []string{KindLocal, KindHDFS, KindS3, KindOSS, KindSwift}); near != "" {
		help = fmt.Sprintf("did you mean %q?", near)
	}
	if kind == "cos" || kind == "minio" {
		help = "it speaks S3: use storage.type: s3 with fs.s3a.endpoint"
	}
	r.problems.Add(hocon.Problem{Code: codeStorage, Pos: r.at["storage.type"], Label: "expected local, hdfs, s3, oss or swift", Help: help, Message: fmt.Sprintf("%s: storage.type %q is not offered", r.where, kind)})
	return ""
}

func (r *storageReader) posOf(key string) hocon.Pos {
	if p, ok := r.at[key]; ok {
		return p
	}
	return r.pos
}

func (r *storageReader) fail(key, label, format string, args ...any) {
	r.problems.Add(hocon.Problem{Code: codeStorage, Pos: r.posOf(key), Label: label, Message: r.where + ": " + fmt.Sprintf(format, args...)})
}

func (r *storageReader) warn(key, code, label, format string, args ...any) {
	r.problems.Add(hocon.Problem{Code: code, Pos: r.posOf(key), Label: label, Warning: true, Message: fmt.Sprintf(format, args...)})
}

func (r *storageReader) need(key, example string) string {
	if r.keys[key] == "" {
		r.fail(key, "expected "+example, "%q is missing", key)
	}
	return r.keys[key]
}

func (r *storageReader) first(keys ...string) string {
	if k := r.given(keys...); k != "" {
		return r.keys[k]
	}
	return ""
}

// given is the first of the keys that has a value, or "".
func (r *storageReader) given(keys ...string) string {
	for _, k := range keys {
		if r.keys[k] != "" {
			return k
		}
	}
	return ""
}

func (r *storageReader) pair(id, secret []string) (string, string) {
	i, s := r.given(id...), r.given(secret...)
	if (i == "") != (s == "") {
		r.fail(i+s, "both or none", "%s and %s belong together", id[0], secret[0])
	}
	return r.keys[i], r.keys[s]
}

func (r *storageReader) bucket(key, example string, schemes ...string) string {
	v := r.need(key, example)
	if scheme, rest, ok := strings.Cut(v, "://"); ok {
		if !slices.Contains(schemes, strings.ToLower(scheme)) {
			r.fail(key, "expected "+example, "%s %q has another scheme", key, v)
		}
		v = rest
	}
	name, inside, _ := strings.Cut(v, "/")
	if inside != "" {
		r.warn(key, codeStorage, "use namespace for a folder", "the folder %q of %s is not used", inside, key)
	}
	if strings.ContainsAny(name, " \t\\?#@") || name == "" && v != "" {
		r.fail(key, "expected "+example, "%s %q names no bucket", key, v)
	}
	return name
}

func (r *storageReader) unknown(kind string) {
	if kind == "" {
		return
	}
	known := slices.Concat(storageKeys[""], storageKeys[kind])
	for _, key := range slices.Sorted(maps.Keys(r.keys)) {
		if slices.Contains(known, key) {
			continue
		}
		near := option.Nearest(key, known)
		if near == "" && (strings.HasPrefix(key, "fs.") || strings.HasPrefix(key, "dfs.") || strings.HasPrefix(key, "hadoop.") || strings.HasPrefix(key, "ipc.")) {
			continue // a key of Hadoop's; the backend takes what it knows
		}
		label := "it is ignored"
		if near != "" {
			label = fmt.Sprintf("did you mean %q?", near)
		}
		r.warn(key, "CFG-012", label, "unknown key %q of %s", key, r.where)
	}
}

// validURL reports whether s is an http or https address with a host.
func validURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
