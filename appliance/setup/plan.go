package setup

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"seikan/appliance/config"
	"seikan/engine/job/hocon"
	"seikan/storage"
	"seikan/storage/open"
)

//go:embed template/*.yaml
var templates embed.FS

// Change is a file as it is and as it shall be.
type Change struct {
	Name   string // seatunnel.yaml
	Path   string
	Exists bool
	Before []byte
	After  []byte
}

// Changed says whether there is anything to write.
func (c Change) Changed() bool { return !c.Exists || string(c.Before) != string(c.After) }

// Plan is what the answers make of the files. before are the answers that the files give now: what
// is the same is left alone, since a file may say it by ${env:NAME} or another reference. paths
// are where the files stand, or shall stand, by name; read reads a file. Nothing is written.
func Plan(before, a Answers, paths map[string]string, read func(string) ([]byte, error)) ([]Change, error) {
	if err := a.Check(); err != nil {
		return nil, err
	}
	var out []Change
	for _, f := range []struct {
		name string
		edit func(before, a Answers, d *document) error
	}{{"seatunnel.yaml", editEngine}, {a.masterFile(), editCluster}, {"hazelcast-client.yaml", editClient}} {
		c := Change{Name: f.name, Path: paths[f.name]}
		var err error
		c.Before, err = read(c.Path)
		c.Exists = err == nil
		text := c.Before
		if errors.Is(err, fs.ErrNotExist) {
			text, err = templates.ReadFile(path.Join("template", f.name))
		}
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", f.name, err)
		}
		d, err := parse(text)
		if err == nil {
			err = f.edit(before, a, d)
		}
		if err == nil {
			c.After, err = d.bytes()
		}
		if err != nil {
			return nil, fmt.Errorf("change %s: %w", c.Path, err)
		}
		out = append(out, c)
	}
	return out, nil
}

// Validate loads the configuration as it would be with the changes. The problems that matter are
// those with an error among them.
func Validate(a Answers, changes []Change, o config.Options, read func(string) ([]byte, error)) (*config.Config, hocon.Problems) {
	o.Role = a.Role
	o.ReadFile = func(name string) ([]byte, error) {
		for _, c := range changes {
			if c.Path == name {
				return c.After, nil
			}
		}
		return read(name)
	}
	return config.Load(o)
}

// put sets a value that changed. The templates say what holds without a file, so what did not
// change is right in them, too.
func put(d *document, changed bool, value any, path ...string) error {
	if !changed {
		return nil
	}
	return d.set(value, path...)
}

func editEngine(before, a Answers, d *document) error {
	const root, engine = "seatunnel", "engine"
	err := put(d, a.BackupCount != before.BackupCount, a.BackupCount, root, engine, "backup-count")
	err = errors.Join(err, put(d, (a.HTTPPort != 0) != (before.HTTPPort != 0), a.HTTPPort != 0, root, engine, "http", "enable-http"))
	if a.HTTPPort != 0 {
		err = errors.Join(err, put(d, a.HTTPPort != before.HTTPPort, a.HTTPPort, root, engine, "http", "port"))
	}
	return errors.Join(err, put(d, a.OpenToAll != before.OpenToAll, a.OpenToAll, root, "seikan", "http", "allow-remote-without-login"), editStorage(before.Storage, a.Storage, d, root, engine, "checkpoint", "storage"))
}

// The namespaces of a storage whose kind is new.
const (
	localNamespace = "${seikan.state-dir}/checkpoint"
	otherNamespace = "/seatunnel/checkpoint/"
)

func editStorage(before, s Storage, d *document, at ...string) error {
	under := func(keys ...string) []string { return slices.Concat(at, keys) }
	moved := s.Kind != before.Kind
	if !moved && s.Namespace == before.Namespace && maps.Equal(s.Keys, before.Keys) {
		return nil
	}
	known, given := StorageKeys(s.Kind), maps.Clone(s.Keys)
	kind, namespace := s.Kind, s.Namespace
	if kind == open.Local { // as SeaTunnel writes it
		kind, given = open.HDFS, map[string]string{"fs.defaultFS": "file:///"}
	}
	if moved && (namespace == "" || namespace == before.Namespace) {
		if namespace = otherNamespace; s.Kind == open.Local {
			namespace = localNamespace
		}
	}
	err := errors.Join(put(d, moved, "hdfs", under("type")...), put(d, moved, kind, under("plugin-config", "storage.type")...))
	if moved {
		d.keepOnly(func(key string) bool { return given[key] != "" || !foreign(key, known) }, under("plugin-config")...)
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		err = errors.Join(err, put(d, moved || given[key] != before.Keys[key], given[key], under("plugin-config", key)...))
	}
	if namespace != "" {
		err = errors.Join(err, put(d, namespace != before.Namespace, namespace, under("plugin-config", "namespace")...))
	}
	return err
}

// foreign says whether a key belongs to another kind of storage than the one that has the known keys.
func foreign(key string, known []storage.Key) bool {
	has := func(keys []storage.Key) bool {
		return slices.ContainsFunc(keys, func(k storage.Key) bool { return k.Name == key || slices.Contains(k.Old, key) })
	}
	return !has(known) && (key == "fs.defaultFS" || slices.ContainsFunc(open.Kinds, func(kind string) bool { return has(StorageKeys(kind)) }))
}

func editCluster(before, a Answers, d *document) error {
	network := func(keys ...string) []string { return append([]string{"hazelcast", "network"}, keys...) }
	members := !slices.Equal(a.Members, before.Members)
	if members { // another way to write the same list
		d.keepOnly(func(key string) bool { return key != "members" }, network("join", "tcp-ip")...)
	}
	return errors.Join(
		put(d, a.ClusterName != before.ClusterName, a.ClusterName, "hazelcast", "cluster-name"),
		put(d, members, true, network("join", "tcp-ip", "enabled")...),
		put(d, members, a.Members, network("join", "tcp-ip", "member-list")...),
		put(d, a.Port != before.Port, a.Port, network("port", "port")...))
}

func editClient(before, a Answers, d *document) error {
	name, members := "", []string(nil)
	if len(before.client) > 0 {
		name, members = before.client[0], before.client[1:]
	}
	return errors.Join(
		put(d, a.ClusterName != name, a.ClusterName, "hazelcast-client", "cluster-name"),
		put(d, !slices.Equal(a.clientMembers(), members), a.clientMembers(), "hazelcast-client", "network", "cluster-members"))
}

// Secrets are the values among the answers that must not be shown.
func (a Answers) Secrets() (out []string) {
	for _, k := range StorageKeys(a.Storage.Kind) {
		v := a.Storage.Keys[k.Name]
		if k.Sensitive && v != "" && !strings.HasPrefix(v, "${") {
			out = append(out, v)
		}
	}
	return out
}
