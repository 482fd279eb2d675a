package config

import (
	"errors"
	"fmt"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"seikan/engine/job/hocon"
	"seikan/engine/option"
	"seikan/storage"
	"seikan/storage/open"
)

// Storage is where blobs are kept.
type Storage struct {
	Kind     string // one of open.Kinds, "" for none
	Location string // without secrets
	Keys     map[string]string
	outside  string // what stands outside of the keys, see open.Parse
}

// String is the location without secrets.
func (s Storage) String() string {
	if s.Location == "" {
		return "none"
	}
	return s.Location
}

// Settings are what opens it.
func (s Storage) Settings() (open.Settings, error) {
	settings, wrong := open.Parse(s.outside, s.Keys)
	return settings, errors.Join(wrong...)
}

// storageInput is a plugin-config or the properties of a map-store.
type storageInput struct {
	where     string // how messages name it
	pos       hocon.Pos
	pairs     []option.Pair
	kind      string // what stands outside, see open.Parse
	namespace string // when it is not given
	local     string // in place of namespace on the local disk
	base      string // what a relative local namespace starts at
}

type storageReader struct {
	storageInput
	at       map[string]hocon.Pos
	keys     map[string]string
	problems *hocon.Problems
}

// readStorage checks the keys; which there are, package open says.
func readStorage(in storageInput, ps *hocon.Problems) Storage {
	r := &storageReader{storageInput: in, at: map[string]hocon.Pos{}, keys: map[string]string{}, problems: ps}
	for _, p := range in.pairs {
		r.keys[p.Key], r.at[p.Key] = strings.TrimSpace(p.Value), p.Pos
	}
	kind := open.KindOf(in.kind, r.keys)
	r.keys["namespace"] = r.namespaceOf(kind)
	if given := strings.ToLower(r.keys["storage.type"]); in.kind == "localfile" && given != "" && given != open.Local {
		r.warn("storage.type", codeStorage, "set checkpoint.storage.type: hdfs for it to count", "localfile keeps checkpoints on the local disk whatever storage.type says")
	}
	settings, wrong := open.Parse(in.kind, r.keys)
	for _, err := range wrong {
		r.fail(kind, err)
	}
	for _, key := range []string{"s3.bucket", "oss.bucket", "swift.container"} {
		name := r.keys[key]
		if _, rest, hasScheme := strings.Cut(name, "://"); hasScheme {
			name = rest
		}
		if _, inside, _ := strings.Cut(name, "/"); inside != "" {
			r.warn(key, codeStorage, "use namespace for a folder", "the folder %q of %s is not used", inside, key)
		}
	}
	r.unknown(settings)
	return Storage{Kind: settings.Kind, Location: settings.Location, Keys: r.keys, outside: in.kind}
}

// namespaceOf is the namespace, with a slash at its end.
func (r *storageReader) namespaceOf(kind string) string {
	n := r.keys["namespace"]
	if kind != open.Local {
		if n == "" {
			n = r.namespace
		}
		return strings.TrimSuffix(path.Clean("/"+n), "/") + "/"
	}
	if n == "" {
		n = r.local
	}
	if !filepath.IsAbs(n) && !strings.HasPrefix(n, "file:") {
		n = filepath.Join(r.base, n)
	}
	if clean := filepath.Clean(strings.TrimPrefix(n, "file:")); clean == "/tmp" || strings.HasPrefix(clean, "/tmp/") || strings.HasPrefix(clean, "/var/tmp/") {
		r.warn("namespace", codeUnsafe, "temporary files are removed at boot and by cleaners", "%s is kept in %s", r.where, n)
	}
	return strings.TrimSuffix(n, "/") + "/"
}

func (r *storageReader) posOf(kind, key string) hocon.Pos {
	names := []string{key}
	for _, k := range open.Keys(kind) {
		if k.Name == key {
			names = append(names, k.Old...)
		}
	}
	for _, name := range names {
		if p, ok := r.at[name]; ok {
			return p
		}
	}
	return r.pos
}

func (r *storageReader) fail(kind string, err error) {
	p := hocon.Problem{Code: codeStorage, Pos: r.pos, Message: fmt.Sprintf("%s: %v", r.where, err)}
	var wrong *storage.KeyError
	if errors.As(err, &wrong) {
		p.Pos = r.posOf(kind, wrong.Key)
	}
	r.problems.Add(p)
}

func (r *storageReader) warn(key, code, label, format string, args ...any) {
	r.problems.Add(hocon.Problem{Code: code, Pos: r.posOf("", key), Label: label, Warning: true, Message: fmt.Sprintf(format, args...)})
}

func (r *storageReader) unknown(s open.Settings) {
	var known []string
	for _, k := range open.Keys(s.Kind) {
		known = append(append(known, k.Name), k.Old...)
	}
	for _, key := range s.Unknown {
		near := option.Nearest(key, known)
		if near == "" && slices.ContainsFunc([]string{"fs.", "dfs.", "hadoop.", "ipc."}, func(p string) bool { return strings.HasPrefix(key, p) }) {
			continue // of Hadoop; some other kind of storage has a use for it
		}
		label := "it is ignored"
		if near != "" {
			label = fmt.Sprintf("did you mean %q?", near)
		}
		r.warn(key, "CFG-012", label, "unknown key %q of %s", key, r.where)
	}
}

// noteStorage says of the given keys that change nothing that they do not.
func (l *loader) noteStorage(prefix, kind string, pairs []option.Pair) {
	for _, p := range pairs {
		for _, k := range open.Keys(kind) {
			if reason, pointless := strings.CutPrefix(k.Doc, "Has no meaning here: "); pointless && k.Name == p.Key {
				l.note(prefix+p.Key, noMeaningShort+reason)
				l.meaningless(prefix+p.Key, p.Pos, reason, false)
			}
		}
	}
}

// secretStorageKey says whether a setting ends in a key whose value is never shown.
func secretStorageKey(setting string) bool {
	return slices.ContainsFunc(open.Kinds, func(kind string) bool {
		return slices.ContainsFunc(open.Keys(kind), func(k storage.Key) bool {
			return k.Sensitive && slices.ContainsFunc(append([]string{k.Name}, k.Old...), func(name string) bool {
				return setting == name || strings.HasSuffix(setting, "."+name)
			})
		})
	})
}

// validURL reports whether s is an http or https address with a host.
func validURL(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && u.Host != ""
}
