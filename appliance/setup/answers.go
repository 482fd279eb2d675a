// Package setup writes the configuration files of a node from a few answers. What else stands in
// the files, comments too, is left as it is.
package setup

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strconv"
	"strings"

	"seikan/appliance/config"
	"seikan/engine/option"
	"seikan/storage"
	"seikan/storage/open"
)

// Answers are what a node must be told.
type Answers struct {
	ClusterName string
	Members     []string // host or host:port
	Role        config.Role
	Port        int // of the node
	HTTPPort    int // of the console and REST V2; 0: none is served
	BackupCount int
	OpenToAll   bool // HTTP answers other hosts without a login
	Storage     Storage

	client []string // what clients are told now: the cluster's name, then its members
}

// Storage says where checkpoints are kept.
type Storage struct {
	Kind      string            // one of open.Kinds
	Namespace string            // folder, or the beginning of all names; "" for the usual one
	Keys      map[string]string // of the kind, see StorageKeys
}

// Of are the answers that a configuration stands for.
func Of(c *config.Config) Answers {
	a := Answers{ClusterName: c.ClusterName, Role: c.Role, Port: c.Network.Port, BackupCount: c.BackupCount, OpenToAll: c.HTTP.AllowRemoteWithoutLogin}
	for _, m := range c.Network.Members {
		a.Members = append(a.Members, m.String())
	}
	if c.HTTP.Enabled {
		a.HTTPPort = c.HTTP.Port
	}
	a.client = []string{c.Client.ClusterName}
	for _, m := range c.Client.Members {
		a.client = append(a.client, m.String())
	}
	s := c.Checkpoint.Storage
	a.Storage = Storage{Kind: s.Kind, Namespace: s.Keys["namespace"], Keys: map[string]string{}}
	for _, k := range StorageKeys(s.Kind) {
		if v := s.Keys[k.Name]; v != "" {
			a.Storage.Keys[k.Name] = v
		}
	}
	return a
}

// StorageKeys are the keys of a kind that have a meaning and are not those of every kind.
func StorageKeys(kind string) []storage.Key {
	common := open.Keys(open.Local)
	return slices.DeleteFunc(open.Keys(kind), func(k storage.Key) bool {
		return strings.Contains(k.Doc, "no meaning") || slices.ContainsFunc(common, func(c storage.Key) bool { return c.Name == k.Name && k.Name != "fs.defaultFS" }) ||
			kind == open.Local
	})
}

// usual are the keys that most installations set, beside those that must be there.
var usual = []string{"kerberosPrincipal", "kerberosKeytabFilePath", "fs.s3a.endpoint", "fs.s3a.access.key", "fs.s3a.secret.key",
	"fs.oss.accessKeyId", "fs.oss.accessKeySecret", "swift.user", "swift.key", "swift.tenant"}

// Asked says whether a person is asked for a key of a storage.
func Asked(k storage.Key) bool { return k.Required || slices.Contains(usual, k.Name) }

// Check reports every answer that cannot be.
func (a Answers) Check() error {
	var all []error
	fail := func(format string, args ...any) { all = append(all, fmt.Errorf(format, args...)) }
	if strings.TrimSpace(a.ClusterName) == "" || strings.ContainsAny(a.ClusterName, "\r\n\x00") {
		fail("the cluster name %q: expected a word", a.ClusterName)
	}
	if !slices.Contains([]config.Role{config.Hybrid, config.Master, config.Worker}, a.Role) {
		fail("the role %q: expected %s, %s or %s", a.Role, config.Hybrid, config.Master, config.Worker)
	}
	if len(a.Members) == 0 {
		fail("no member is named: expected at least this host")
	}
	for _, m := range a.Members {
		if _, err := config.ParseMember(m); err != nil {
			fail("member: %w", err)
		}
	}
	if a.Port < 1 || a.Port > 65535 {
		fail("the port %d: expected a number from 1 to 65535", a.Port)
	}
	if a.HTTPPort < 0 || a.HTTPPort > 65535 || a.HTTPPort == a.Port {
		fail("the HTTP port %d: expected a number from 1 to 65535 other than the node's port, or 0 for none", a.HTTPPort)
	}
	if a.BackupCount < 0 || a.BackupCount > 6 {
		fail("the backup count %d: expected a number from 0 to 6", a.BackupCount)
	}
	return errors.Join(append(all, a.Storage.check())...)
}

func (s Storage) check() error {
	if !slices.Contains(open.Kinds, s.Kind) {
		return fmt.Errorf("the storage %q: expected one of %s", s.Kind, strings.Join(open.Kinds, ", "))
	}
	var all []error
	known := StorageKeys(s.Kind)
	for _, name := range slices.Sorted(maps.Keys(s.Keys)) {
		if slices.ContainsFunc(known, func(k storage.Key) bool { return k.Name == name || slices.Contains(k.Old, name) }) {
			continue
		}
		var names []string
		for _, k := range known {
			names = append(names, k.Name)
		}
		hint := "it has none"
		if near := option.Nearest(name, names); near != "" {
			hint = fmt.Sprintf("did you mean %q?", near)
		} else if len(names) > 0 {
			hint = "it has " + strings.Join(names, ", ")
		}
		all = append(all, fmt.Errorf("the storage %s has no key %q; %s", s.Kind, name, hint))
	}
	for _, k := range known {
		if k.Required && s.Keys[k.Name] == "" {
			all = append(all, fmt.Errorf("the storage %s needs %s; expected for example %s", s.Kind, k.Name, k.Example))
		}
	}
	return errors.Join(all...)
}

// clientMembers are the members with their ports, as clients need them.
func (a Answers) clientMembers() []string {
	out := make([]string, len(a.Members))
	for i, m := range a.Members {
		out[i] = m
		if p, err := config.ParseMember(m); err == nil && p.Port == 0 {
			out[i] = net.JoinHostPort(p.Host, strconv.Itoa(a.Port))
		}
	}
	return out
}

// masterFile is the file that names the cluster, which depends on the role.
func (a Answers) masterFile() string {
	switch a.Role {
	case config.Master:
		return "hazelcast-master.yaml"
	case config.Worker:
		return "hazelcast-worker.yaml"
	}
	return "hazelcast.yaml"
}
