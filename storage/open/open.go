// Package open makes a blob store of configuration keys, as they stand in plugin-config of
// seatunnel.yaml and in a map-store of hazelcast.yaml.
package open

import (
	"context"
	"fmt"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"seikan/storage"
	"seikan/storage/hdfs"
	"seikan/storage/local"
	"seikan/storage/oss"
	"seikan/storage/s3"
	"seikan/storage/swift"
)

// The kinds of stores.
const (
	Local = "local"
	HDFS  = "hdfs"
	OSS   = "oss"
	S3    = "s3"
	Swift = "swift"
)

// Kinds are all kinds, in the order of the manual.
var Kinds = []string{Local, HDFS, OSS, S3, Swift}

const (
	keyType      = "storage.type"
	keyNamespace = "namespace"
	keyFS        = "fs.defaultFS"
)

// common are the keys of every kind.
var common = []storage.Key{
	{Name: keyType, Doc: "The kind of store: `local`, `hdfs`, `oss`, `s3` or `swift`. `local` and `hdfs` are told apart by `fs.defaultFS` where it is given."},
	{Name: keyNamespace, Doc: "The folder, or the beginning of all names in a bucket or container.", Default: "/seatunnel/checkpoint/"},
	{Name: "disable.cache", Doc: "Has no meaning here: there is no cache of Hadoop's."},
	{Name: "block.size", Doc: "Has no meaning here: objects are written whole."},
	{Name: "type", Doc: "Of a map-store: always `hdfs`."},
	{Name: "clusterName", Doc: "Of a map-store: a folder inside `namespace`."},
	{Name: "writeDataTimeoutMilliseconds", Doc: "Of a map-store: has no meaning here."},
}

var localKeys = []storage.Key{
	{Name: keyFS, Doc: "`file:///`, or nothing. Its path does not count: the folder is `namespace`.", Example: "file:///"},
}

// Keys are the keys that a kind reads, those of every kind first.
func Keys(kind string) []storage.Key {
	switch kind {
	case Local:
		return slices.Concat(common, localKeys)
	case HDFS:
		return slices.Concat(common, hdfs.Keys)
	case OSS:
		return slices.Concat(common, oss.Keys)
	case S3:
		return slices.Concat(common, s3.Keys)
	case Swift:
		return slices.Concat(common, swift.Keys)
	}
	return nil
}

// Settings is a configuration that was understood. Its zero value opens nothing.
type Settings struct {
	Kind      string
	Namespace string
	Location  string   // where it is, without secrets; ends with a slash
	Unknown   []string // keys that were given and mean nothing to this kind, sorted

	open func(context.Context) (storage.Store, error)
}

// Parse reads the keys of a store. kind is what stands outside of them: localfile or hdfs as
// SeaTunnel's checkpoint.storage.type and a map-store's type have it (hdfs leaves the choice to
// storage.type), or the kind itself. The errors are *storage.KeyError, all of them at once; what
// comes with them opens nothing.
func Parse(kind string, given map[string]string) (Settings, []error) {
	v := storage.ReadKeys(common, given)
	s := Settings{Kind: choose(strings.ToLower(kind), given, v), Namespace: v.String(keyNamespace)}
	if name := v.String("clusterName"); name != "" {
		s.Namespace = strings.TrimSuffix(s.Namespace, "/") + "/" + name
	}
	if errs := v.Errors(); errs != nil {
		return Settings{}, errs
	}
	var own *storage.Values
	switch s.Kind {
	case Local:
		own = storage.ReadKeys(localKeys, given)
		folder := folder(s.Namespace, own)
		s.Location = location("", folder)
		s.open = func(context.Context) (storage.Store, error) { return store(local.Open(folder)) }
	case HDFS:
		var c hdfs.Config
		c, own = hdfs.Parse(given, s.Namespace)
		s.Location = location("hdfs://"+c.Name, c.Root)
		s.open = func(ctx context.Context) (storage.Store, error) { return store(hdfs.Open(ctx, c)) }
	case OSS:
		var c oss.Config
		c, own = oss.Parse(given, s.Namespace)
		s.Location = location("oss://"+c.Bucket, c.Prefix)
		s.open = func(ctx context.Context) (storage.Store, error) { return store(oss.Open(ctx, c)) }
	case S3:
		var c s3.Config
		c, own = s3.Parse(given, s.Namespace)
		s.Location = location("s3://"+c.Bucket, c.Prefix)
		s.open = func(ctx context.Context) (storage.Store, error) { return store(s3.Open(ctx, c)) }
	case Swift:
		var c swift.Config
		c, own = swift.Parse(given, s.Namespace)
		s.Location = location("swift://"+c.Container, c.Prefix)
		s.open = func(ctx context.Context) (storage.Store, error) { return store(swift.Open(ctx, c)) }
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		if !v.Used(key) && !own.Used(key) {
			s.Unknown = append(s.Unknown, key)
		}
	}
	if errs := own.Errors(); errs != nil {
		return Settings{Kind: s.Kind, Unknown: s.Unknown}, errs
	}
	return s, nil
}

func location(root, folder string) string {
	return strings.TrimSuffix(root+path.Join("/", folder), "/") + "/"
}

// KindOf is the kind that Parse would choose, "" when it would refuse.
func KindOf(kind string, given map[string]string) string {
	return choose(strings.ToLower(kind), given, storage.ReadKeys(common, given))
}

// store keeps a typed nil out of the interface.
func store[S storage.Store](s S, err error) (storage.Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}

// choose goes by storage.type, then by what stands outside. SeaTunnel's "hdfs" on file:/// is a
// local folder, and its "local" on hdfs:// is not.
func choose(outside string, given map[string]string, v *storage.Values) string {
	kind := strings.ToLower(v.String(keyType))
	scheme, _, hasScheme := strings.Cut(strings.ToLower(strings.TrimSpace(given[keyFS])), ":")
	switch {
	case outside == "localfile" || outside == "local" && kind == "" && !hasScheme:
		return Local
	case kind == "":
		kind = outside
	}
	if kind == Local || kind == HDFS {
		switch {
		case !hasScheme && v.String(keyType) == "": // Hadoop's default is the local disk
			return Local
		case !hasScheme:
			return kind
		case scheme == "file":
			return Local
		case scheme == "hdfs":
			return HDFS
		}
		v.Fail(keyFS, "%q is neither HDFS nor the local disk; use %s s3, oss or swift for others", given[keyFS], keyType)
		return ""
	}
	if slices.Contains(Kinds, kind) {
		return kind
	}
	help := ""
	if kind == "cos" || kind == "minio" || kind == "obs" {
		help = "; it speaks S3: use s3 with fs.s3a.endpoint"
	}
	v.Fail(keyType, "expected one of %s, got %q%s", strings.Join(Kinds, ", "), kind, help)
	return ""
}

// folder is the namespace as a path of this machine; it may be written as a file URL.
func folder(namespace string, v *storage.Values) string {
	p, err := local.ParseURL(namespace)
	if err != nil {
		v.Fail(keyNamespace, "%v", err)
	}
	return filepath.Clean(p)
}

// Open opens the store. Stores that are reached by HTTP send nothing yet; see Probe.
func Open(ctx context.Context, s Settings) (storage.Store, error) {
	if s.open == nil {
		return nil, &storage.Error{Op: "open", Path: "(nothing)", Err: fmt.Errorf("the settings were not parsed")}
	}
	return s.open(ctx)
}
