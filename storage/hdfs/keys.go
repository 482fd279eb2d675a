// Package hdfs keeps objects as files below one folder of a Hadoop file system.
package hdfs

import (
	"encoding/xml"
	"errors"
	"io/fs"
	"maps"
	"net"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/colinmarc/hdfs/v2/hadoopconf"

	"seikan/storage"
)

// Names of keys that messages speak of.
const (
	keyFS          = "fs.defaultFS"
	keySite        = "hdfs_site_path"
	keyPrincipal   = "kerberosPrincipal"
	keyKeytab      = "kerberosKeytabFilePath"
	keyKrb5        = "krb5_path"
	keyUser        = "remote_user"
	keyNameService = "seatunnel.hadoop.dfs.namenode.kerberos.principal"
	keyReplication = "seatunnel.hadoop.dfs.replication"
	keyBlockSize   = "seatunnel.hadoop.dfs.blocksize"

	hadoopPrefix = "seatunnel.hadoop."
)

// Keys are the configuration keys of this backend.
var Keys = []storage.Key{
	{Name: keyFS, Doc: "The NameNode, several of them between commas, or the name of an HA nameservice that `" + keySite + "` or `seatunnel.hadoop.*` describe. `file:///` is a local folder.", Required: true, Example: "hdfs://namenode:8020"},
	{Name: keySite, Doc: "Path of hdfs-site.xml, or of the folder that holds it. A core-site.xml beside it is read too."},
	{Name: "seatunnel.hadoop.*", Doc: "Any key of Hadoop, after this prefix. It counts before the files. Used are `dfs.nameservices`, `dfs.ha.namenodes.*`, `dfs.namenode.rpc-address.*`, `dfs.namenode.kerberos.principal`, `hadoop.security.authentication`, `dfs.data.transfer.protection`, `dfs.encrypt.data.transfer`, `dfs.client.use.datanode.hostname`, `dfs.replication` and `dfs.blocksize`."},
	{Name: keyUser, Doc: "The user, without Kerberos. Default: `HADOOP_USER_NAME`, then the user that runs the program."},
	{Name: keyPrincipal, Doc: "The Kerberos principal, `user@REALM` or `user/host@REALM`.", Old: []string{"kerberos_principal"}},
	{Name: keyKeytab, Doc: "The keytab of the principal.", Old: []string{"kerberos_keytab_path"}},
	{Name: keyKrb5, Doc: "Path of krb5.conf. Default: `KRB5_CONFIG`, then /etc/krb5.conf."},
}

// Config is what Open needs.
type Config struct {
	Addresses         []string // of the NameNodes, host:port
	Root              string   // absolute folder
	Name              string   // for messages: host or nameservice
	User              string
	Principal, Keytab string // both or none
	Krb5              string // path
	Hadoop            hadoopconf.HadoopConf
	Replication       int   // 0: the server's default
	BlockSize         int64 // 0: the server's default
}

// Parse reads the keys; namespace is the folder.
func Parse(given map[string]string, namespace string) (Config, *storage.Values) {
	v := storage.ReadKeys(Keys, given)
	c := Config{Root: path.Clean("/" + namespace), User: v.String(keyUser), Principal: v.String(keyPrincipal), Keytab: v.String(keyKeytab), Krb5: v.String(keyKrb5), Hadoop: hadoopconf.HadoopConf{}}
	if site := v.String(keySite); site != "" {
		conf, err := readSite(site)
		if err != nil {
			v.Fail(keySite, "%v", err)
		}
		maps.Copy(c.Hadoop, conf)
	}
	for _, key := range slices.Sorted(maps.Keys(given)) {
		name, prefixed := strings.CutPrefix(key, hadoopPrefix)
		if prefixed || strings.HasPrefix(key, "dfs.") || strings.HasPrefix(key, "hadoop.") {
			c.Hadoop[name] = strings.TrimSpace(given[key])
			v.Use(key)
		}
	}
	addresses(v, &c)
	if c.User == "" {
		c.User = os.Getenv("HADOOP_USER_NAME")
	}
	kerberos(v, &c)
	own := storage.ReadKeys([]storage.Key{{Name: keyReplication, Default: "0"}, {Name: keyBlockSize, Default: "0"}},
		map[string]string{keyReplication: c.Hadoop["dfs.replication"], keyBlockSize: c.Hadoop["dfs.blocksize"]})
	c.Replication, c.BlockSize = int(own.Size(keyReplication, 0, 512)), own.Size(keyBlockSize, 0, 1<<40)
	for _, err := range own.Errors() {
		var e *storage.KeyError
		if errors.As(err, &e) {
			v.Fail(e.Key, "%s", e.Problem)
		}
	}
	return c, v
}

// readSite reads a folder with core-site.xml and hdfs-site.xml, or a file and the core-site.xml beside it.
func readSite(site string) (hadoopconf.HadoopConf, error) {
	info, err := os.Stat(site)
	if err != nil {
		return nil, err
	}
	files := []string{filepath.Join(filepath.Dir(site), "core-site.xml"), site}
	if info.IsDir() {
		files = []string{filepath.Join(site, "core-site.xml"), filepath.Join(site, "hdfs-site.xml")}
	}
	conf := hadoopconf.HadoopConf{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			return nil, err
		}
		var site struct {
			Property []struct {
				Name  string `xml:"name"`
				Value string `xml:"value"`
			} `xml:"property"`
		}
		if err := xml.Unmarshal(text, &site); err != nil {
			return nil, &fs.PathError{Op: "read", Path: file, Err: err}
		}
		for _, p := range site.Property {
			conf[strings.TrimSpace(p.Name)] = strings.TrimSpace(p.Value)
		}
	}
	return conf, nil
}

// addresses finds the NameNodes of fs.defaultFS: a host, a list of them, or a nameservice.
func addresses(v *storage.Values, c *Config) {
	text := v.String(keyFS)
	rest, ok := strings.CutPrefix(strings.ToLower(text), "hdfs://")
	if text == "" {
		return
	}
	if ok {
		rest, _, _ = strings.Cut(text[len("hdfs://"):], "/")
	}
	if !ok || rest == "" {
		v.Fail(keyFS, "expected for example hdfs://namenode:8020 or the name of a nameservice, got %q", text)
		return
	}
	c.Name = rest
	services := strings.FieldsFunc(c.Hadoop["dfs.nameservices"], func(r rune) bool { return r == ',' || r == ' ' })
	if nodes := c.Hadoop["dfs.ha.namenodes."+rest]; nodes != "" || slices.Contains(services, rest) {
		for node := range strings.SplitSeq(nodes, ",") {
			key := strings.TrimSuffix("dfs.namenode.rpc-address."+rest+"."+strings.TrimSpace(node), ".")
			if c.Hadoop[key] == "" {
				v.Fail(hadoopPrefix+key, "it is missing: %s is the nameservice %q", keyFS, rest)
				continue
			}
			c.Addresses = append(c.Addresses, withPort(c.Hadoop[key]))
		}
		return
	}
	for host := range strings.SplitSeq(rest, ",") {
		if host = strings.TrimSpace(host); host == "" || strings.ContainsAny(host, " @?#") {
			v.Fail(keyFS, "%q is not a host and port", host)
			continue
		}
		c.Addresses = append(c.Addresses, withPort(host))
	}
}

func withPort(host string) string {
	if _, _, err := net.SplitHostPort(host); err == nil {
		return host
	}
	return net.JoinHostPort(strings.Trim(host, "[]"), "8020")
}

func kerberos(v *storage.Values, c *Config) {
	secure := strings.EqualFold(c.Hadoop["hadoop.security.authentication"], "kerberos")
	switch {
	case (c.Principal == "") != (c.Keytab == ""):
		v.Fail(keyPrincipal, "it and %s belong together; give both or none", keyKeytab)
		return
	case c.Principal == "" && secure:
		v.Fail(keyPrincipal, "the cluster asks for Kerberos (hadoop.security.authentication); give it and %s", keyKeytab)
		return
	case c.Principal == "":
		return
	}
	if user, realm, _ := strings.Cut(c.Principal, "@"); user == "" || realm == "" {
		v.Fail(keyPrincipal, "expected user@REALM, got %q", c.Principal)
	}
	if c.Hadoop["dfs.namenode.kerberos.principal"] == "" {
		v.Fail(keyNameService, "Kerberos needs the NameNode's principal, for example nn/_HOST@REALM; it may also stand in the file of %s", keySite)
	}
	if _, err := os.Stat(c.Keytab); err != nil {
		v.Fail(keyKeytab, "%v", err)
	}
	if c.Krb5 == "" {
		c.Krb5 = os.Getenv("KRB5_CONFIG")
	}
	if c.Krb5 == "" {
		c.Krb5 = "/etc/krb5.conf"
	}
	if _, err := os.Stat(c.Krb5); err != nil {
		v.Fail(keyKrb5, "%v", err)
	}
}
