package cli

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"maps"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"seikan/appliance/config"
	"seikan/appliance/node"
	"seikan/db/backup"
	"seikan/db/local"
	"seikan/db/state"
	"seikan/storage"
	"seikan/storage/open"
)

// backupPlace says where backups lie and with which key they are encrypted.
type backupPlace struct {
	url, cluster, keyFile string
	role                  string // of this host's node; empty: see load
	set                   []string
	plain                 bool
	stages                bool // a backup is put into the state directory of the node
}

func (p *backupPlace) flags(c *cobra.Command, name string) {
	f := c.Flags()
	f.StringVar(&p.url, name, "", "`URL` of the map-store's namespace: file:///dir, s3a://bucket/dir, oss://…, swift://…, hdfs://host:port/dir\n(default: the map-store of hazelcast.yaml, or of hazelcast-master.yaml where that has none)")
	f.StringVarP(&p.role, "role", "r", "", "`ROLE` of this host's node, whose files are read as by seikan server -r: master, worker or master_and_worker")
	f.StringVar(&p.keyFile, "key-file", "", "cluster key `FILE` (default: that of the configuration)")
	f.StringArrayVar(&p.set, "set", nil, "`KEY=VALUE` of the storage, such as fs.s3a.endpoint; may be given again")
	f.BoolVar(&p.plain, "unencrypted", false, "backups are not encrypted, though there is a cluster key")
}

func (p *backupPlace) folderFlag(c *cobra.Command) {
	c.Flags().StringVar(&p.cluster, "cluster", "", "`NAME` of the folder: clusterName of the map-store, else the cluster's name (default: as configured)")
}

func backupCommand(t *terminal) *cobra.Command {
	c := &cobra.Command{
		Use:   "backup",
		Short: "List and verify backups of a cluster's state; back it up now",
		Example: "  seikan backup now                                # asks the running cluster\n" +
			"  seikan backup list                               # of the map-store in hazelcast.yaml\n" +
			"  seikan backup verify --storage file:///mnt/imap  # read each from end to end",
		Args: knownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	output := outputFlag(c)
	stored := &backupPlace{}
	list := &cobra.Command{Use: "list", Short: "List the backups, the newest first", Args: cobra.NoArgs, RunE: func(c *cobra.Command, _ []string) error {
		return stored.with(c.Context(), t, func(o openedBackups) error { return listBackups(c.Context(), t, o, *output) })
	}}
	verify := &cobra.Command{Use: "verify [NUMBER]", Short: "Read backups from end to end; all without a number", Args: atMostOne("the number of a backup"), RunE: func(c *cobra.Command, args []string) error {
		return stored.with(c.Context(), t, func(o openedBackups) error { return verifyBackups(c.Context(), t, o, args, *output) })
	}}
	for _, c := range []*cobra.Command{list, verify} {
		stored.flags(c, "storage")
		stored.folderFlag(c)
	}
	c.AddCommand(list, verify, backupNowCommand(t, output))
	return c
}

func backupNowCommand(t *terminal, output *string) *cobra.Command {
	local := &backupPlace{}
	var ownJobs bool
	now := &cobra.Command{Use: "now", Short: "Let the cluster back up its state now", Args: cobra.NoArgs}
	p := placeFlags(now)
	local.flags(now, "storage")
	now.Flags().BoolVar(&ownJobs, "local", false, "back up the state of jobs that ran here without a cluster, to --storage")
	now.PersistentFlags().Lookup("cluster").Usage = "the `NAME` of the cluster; with --local, of the folder of backups"
	now.RunE = func(c *cobra.Command, _ []string) error {
		if ownJobs {
			local.cluster = p.cluster
			return local.with(c.Context(), t, func(o openedBackups) error { return backUpLocal(c.Context(), t, o, *output) })
		}
		if local.url != "" {
			return coded{exitUsage, errors.New("a cluster backs up to its own map-store: --storage is for --local")}
		}
		return backUpNow(c.Context(), t, *p, *output)
	}
	return now
}

// backUpNow lets a cluster back up its state.
func backUpNow(ctx context.Context, t *terminal, p place, output string) error {
	c, _, err := t.dial(ctx, p, slog.New(newLogHandler(t, slog.LevelWarn)))
	if err != nil {
		return err
	}
	var b node.BackupStatus
	if err := c.Ask(ctx, "cluster.backup", struct{}{}, &b); err != nil {
		return err
	}
	if output == "json" {
		return printJSON(t, b)
	}
	fmt.Fprintf(t.out, "backup %d: %s/%s, %d bytes, read back\n", b.Number, b.Storage, b.Newest, b.Bytes)
	return nil
}

func restoreStateCommand(t *terminal) *cobra.Command {
	place := &backupPlace{}
	var asOf, to string
	c := &cobra.Command{
		Use:   "restore",
		Short: "Let this node form a cluster that goes on from a backup",
		Long: "Restore finds the newest good backup, reads it from end to end and prepares this node, which must be stopped and in no cluster,\n" +
			"to form a cluster that begins with it. Start this node first; the others, as many as you like, join with empty state\n" +
			"directories. Jobs go on from their newest checkpoints by themselves. Damaged backups are passed over and named. Nothing is\n" +
			"overwritten. A cluster whose nodes all start with empty disks and have a map-store does the same without this command.\n\n" +
			"With --to the state is only written to a file, an SQLite database.",
		Example: "  seikan restore --from s3a://bucket/imap --cluster orders\n" +
			"  seikan restore --from file:///mnt/imap --as-of \"2024-01-31 12:00:00\" --to state.db",
		Args: cobra.NoArgs,
	}
	output := outputFlag(c)
	place.flags(c, "from")
	place.folderFlag(c)
	c.Flags().StringVar(&asOf, "as-of", "", "the newest one taken at this `TIME` or before: 2024-01-31 12:00:00 here, or 2024-01-31T12:00:00Z")
	c.Flags().StringVar(&to, "to", "", "`FILE` to write; it must not exist")
	c.RunE = func(c *cobra.Command, _ []string) error {
		at, err := parseTime(asOf)
		if err != nil {
			return err
		}
		place.stages = to == ""
		return place.with(c.Context(), t, func(o openedBackups) error {
			if to == "" && !o.valid { // of which cluster, and where its state is, nobody knows
				return coded{code: exitConfig}
			}
			return restoreState(c.Context(), t, o, at, to, *output)
		})
	}
	return c
}

// parseTime reads a point in time: with a zone, or in this machine's.
func parseTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	if at, err := time.Parse(time.RFC3339, text); err == nil {
		return at, nil
	}
	for _, layout := range []string{"2006-01-02 15:04:05", "2006-01-02T15:04:05", "2006-01-02 15:04"} {
		if at, err := time.ParseInLocation(layout, text, time.Local); err == nil {
			return at, nil
		}
	}
	return time.Time{}, coded{exitUsage, fmt.Errorf("--as-of %q: expected a time like 2024-01-31 12:00:00 or 2024-01-31T12:00:00Z", text)}
}

// openedBackups is a storage with the backups of one cluster.
type openedBackups struct {
	store  storage.Store
	folder string
	key    []byte
	cfg    *config.Config
	valid  bool // cfg can be used for a node
}

// want takes backups of whatever cluster: who names the place has chosen.
func (o openedBackups) want() backup.Want { return backup.Want{Folder: o.folder} }

// load reads the files of this host's node, as the packages' unit would. A host whose node is
// master only has its map-store in hazelcast-master.yaml, so that counts where neither a role nor a
// URL is given and hazelcast.yaml has none.
func (p *backupPlace) load(t *terminal) (*config.Config, bool) {
	o := asUnit(config.Options{Role: config.Role(p.role), Executable: t.executable()})
	cfg, ok := t.loadConfig(o)
	if !ok || p.role != "" || p.url != "" || cfg.MapStore.Enabled {
		return cfg, ok
	}
	o.Role = config.Master
	master, problems := config.Load(o)
	if !master.MapStore.Enabled {
		return cfg, ok
	}
	fmt.Fprintln(t.err, "hazelcast.yaml has no map-store: that of hazelcast-master.yaml is taken, as with --role master")
	if problems.Err() != nil {
		t.showFiles(problems)
	}
	return master, problems.Err() == nil
}

// with opens the storage: that of the URL, with the keys of the configuration's map-store where
// there are some.
func (p *backupPlace) with(ctx context.Context, t *terminal, f func(openedBackups) error) error {
	if p.role != "" {
		if err := isRole(p.role); err != nil {
			return coded{exitUsage, fmt.Errorf("--role %q: %w", p.role, err)}
		}
	}
	cfg, ok := p.load(t)
	if !ok && p.url == "" {
		return coded{code: exitConfig}
	}
	if p.url == "" && !cfg.MapStore.Enabled {
		file := "hazelcast.yaml"
		if cfg.Role != config.Hybrid {
			file = "hazelcast-" + string(cfg.Role) + ".yaml"
		}
		return coded{exitUsage, fmt.Errorf("%s has no map-store: say where the backups are, with --storage or --from URL, or whose files are read, with --role", file)}
	}
	if p.stages && ok {
		if err := ownState(cfg.StateDir); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	given := maps.Clone(cfg.MapStore.Storage.Keys)
	if given == nil {
		given = map[string]string{}
	}
	if err := p.place(given); err != nil {
		return coded{exitUsage, err}
	}
	settings, problems := open.Parse("hdfs", given)
	if len(problems) > 0 {
		return coded{exitConfig, fmt.Errorf("storage of the backups: %w", errors.Join(problems...))}
	}
	key, err := p.key(cfg)
	if err != nil {
		return err
	}
	store, err := open.Open(ctx, settings)
	if err != nil {
		return err
	}
	folder := cmp.Or(p.cluster, cfg.MapStore.ClusterName, cfg.ClusterName)
	return errors.Join(f(openedBackups{store, folder, key, cfg, ok}), store.Close())
}

// place puts the URL and the --set pairs into the keys of the storage.
func (p *backupPlace) place(given map[string]string) error {
	scheme, rest, hasScheme := strings.Cut(p.url, "://")
	kinds := map[string][2]string{"s3": {open.S3, "s3.bucket"}, "s3a": {open.S3, "s3.bucket"}, "s3n": {open.S3, "s3.bucket"},
		"oss": {open.OSS, "oss.bucket"}, "swift": {open.Swift, "swift.container"}}
	kind, bucket := kinds[strings.ToLower(scheme)], ""
	switch {
	case p.url == "":
	case !hasScheme || strings.EqualFold(scheme, "file"):
		path := p.url
		if !hasScheme && !strings.HasPrefix(path, "file:") {
			abs, err := filepath.Abs(path)
			if err != nil {
				return err
			}
			path = abs
		}
		given["storage.type"], given["namespace"], given["fs.defaultFS"] = open.Local, path, "file:///"
	case strings.EqualFold(scheme, "hdfs"):
		host, path, _ := strings.Cut(rest, "/")
		if host == "" {
			return errors.New("hdfs:// without a host: expected hdfs://host:port/dir")
		}
		given["storage.type"], given["fs.defaultFS"], given["namespace"] = open.HDFS, "hdfs://"+host, "/"+path
	case kind[0] != "":
		bucket, rest, _ = strings.Cut(rest, "/")
		if bucket == "" {
			return fmt.Errorf("%[1]s:// without a bucket or container: expected %[1]s://name/dir", strings.ToLower(scheme))
		}
		given["storage.type"], given["namespace"] = kind[0], "/"+rest
		given[kind[1]] = strings.ToLower(scheme) + "://" + bucket
		if kind[0] == open.Swift {
			given[kind[1]] = bucket
		}
	default:
		return fmt.Errorf("%q: expected file, s3a, oss, swift or hdfs before ://", (&url.URL{Scheme: scheme}).Redacted())
	}
	for _, pair := range p.set {
		key, value, ok := strings.Cut(pair, "=")
		if !ok {
			return fmt.Errorf("--set %s: expected KEY=VALUE", key)
		}
		given[key] = value
	}
	return nil
}

// key reads the cluster key; nil when there is none, which matters only if a backup needs it.
func (p *backupPlace) key(cfg *config.Config) ([]byte, error) {
	path := p.keyFile
	if path == "" {
		path = cfg.ClusterKeyFile
	}
	if p.plain || path == "" {
		return nil, nil
	}
	key, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) && p.keyFile == "" {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read the cluster key: %w", err)
	}
	return key, nil
}

// backupView is a backup as -o json prints it.
type backupView struct {
	Number    int64     `json:"number"`
	Taken     time.Time `json:"taken"`
	ClusterID string    `json:"cluster_id"`
	Base      int64     `json:"base,omitempty"`
	Bytes     int64     `json:"bytes"`
	Object    string    `json:"object"`
	State     int64     `json:"state_bytes,omitempty"`
	Passed    []string  `json:"passed,omitempty"`
	File      string    `json:"file,omitempty"`
}

func viewBackup(i backup.Info) backupView {
	v := backupView{Number: i.Seq, Taken: i.Taken, ClusterID: i.ClusterID, Base: i.BaseSeq, Bytes: i.Size, Object: i.Name, State: i.Bytes}
	for _, err := range i.Passed {
		v.Passed = append(v.Passed, err.Error())
	}
	return v
}

func listBackups(ctx context.Context, t *terminal, o openedBackups, output string) error {
	all, err := backup.List(ctx, o.store, o.folder)
	if err != nil {
		return err
	}
	if output == "json" {
		views := make([]backupView, len(all))
		for n, i := range all {
			views[n] = viewBackup(i)
		}
		return printJSON(t, views)
	}
	w := tabwriter.NewWriter(t.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "NUMBER\tTAKEN\tBYTES\tSTANDS ON\tCLUSTER ID")
	for _, i := range all {
		base := "itself"
		if !i.Full() {
			base = strconv.FormatInt(i.BaseSeq, 10)
		}
		fmt.Fprintf(w, "%d\t%s\t%d\t%s\t%s\n", i.Seq, i.Taken.Local().Format(boxTime), i.Size, base, i.ClusterID)
	}
	return w.Flush()
}

func verifyBackups(ctx context.Context, t *terminal, o openedBackups, args []string, output string) error {
	all, err := backup.List(ctx, o.store, o.folder)
	if err != nil {
		return err
	}
	found := []checked{}
	for _, i := range all {
		if len(args) == 1 && args[0] != strconv.FormatInt(i.Seq, 10) {
			continue
		}
		one := checked{Name: i.Name, Good: true}
		if _, err := backup.Verify(ctx, o.store, i, o.key, o.want()); ctx.Err() != nil {
			return err
		} else if err != nil {
			one.Good, one.Error = false, err.Error()
		}
		found = append(found, one)
	}
	if len(found) == 0 {
		return coded{exitNotFound, fmt.Errorf("%w of cluster %s in %s", backup.ErrNone, o.folder, o.store)}
	}
	return printChecked(t, found, output)
}

// backUpLocal backs up the state of local mode.
func backUpLocal(ctx context.Context, t *terminal, o openedBackups, output string) (err error) {
	dir, err := node.StateDir()
	if err != nil {
		return err
	}
	path := filepath.Join(dir, "local.db")
	if _, err := os.Stat(path); err != nil {
		return coded{exitNotFound, fmt.Errorf("no job ran here yet: %w", err)}
	}
	s, err := local.Open(path, local.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.Close()) }()
	u := &backup.Uploader{Store: o.store, Folder: o.folder, Cluster: "(local)", ClusterID: "local", Key: o.key, Log: slog.New(newLogHandler(t, slog.LevelWarn)),
		Source: func(w io.Writer) error { return s.Backup(ctx, w) }, Version: state.New(s, time.Now, state.RandomID).Changes}
	i, err := u.Now(ctx)
	if err != nil {
		return err
	}
	if output == "json" {
		return printJSON(t, viewBackup(i))
	}
	fmt.Fprintf(t.out, "backup %d: %s/%s, %d bytes, read back\n", i.Seq, o.store, i.Name, i.Size)
	return nil
}

func restoreState(ctx context.Context, t *terminal, o openedBackups, asOf time.Time, to, output string) error {
	want := o.want()
	want.AsOf = asOf
	i, err := backup.Newest(ctx, o.store, o.key, want)
	if errors.Is(err, backup.ErrNone) {
		return coded{exitNotFound, err}
	}
	if err != nil {
		return err
	}
	for _, passed := range i.Passed {
		fmt.Fprintf(t.err, "warning: passed over: %v\n", passed)
	}
	if to == "" {
		if err := node.PrepareRestore(ctx, o.cfg, o.store, i, o.key); err != nil {
			return err
		}
	} else if err := backup.RestoreFile(ctx, o.store, i, o.key, to); err != nil {
		return err
	}
	if output == "json" {
		v := viewBackup(i)
		v.File = to
		return printJSON(t, v)
	}
	state := fmt.Sprintf("the state of cluster %s as of %s, %d bytes, from backup %d", i.Cluster, i.Taken.Local().Format(boxTime), i.Bytes, i.Seq)
	if to != "" {
		fmt.Fprintf(t.out, "%s: %s\n", to, state)
		return nil
	}
	fmt.Fprintf(t.out, "this node is prepared to form cluster %s with %s\nstart it before the other nodes: they join it\n", o.cfg.ClusterName, state)
	return nil
}
