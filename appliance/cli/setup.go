package cli

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"seikan/appliance/config"
	"seikan/appliance/setup"
	"seikan/engine/job"
	"seikan/storage/open"
)

// setupRequest is what the flags of setup say.
type setupRequest struct {
	home    string
	role    string
	name    string
	members []string
	port    int
	http    int
	backups int
	remote  string
	kind    string
	space   string
	keys    []string
	force   bool
	given   func(flag string) bool
}

func setupCommand(t *terminal) *cobra.Command {
	var r setupRequest
	c := &cobra.Command{
		Use:   "setup",
		Short: "Write the configuration of a node: asks on a terminal, takes flags in scripts",
		Long: "Setup writes seatunnel.yaml, hazelcast.yaml (hazelcast-master.yaml or hazelcast-worker.yaml with that role) and\n" +
			"hazelcast-client.yaml, and makes the cluster key. Without flags it asks, and offers what the files say now. It changes what was\n" +
			"answered and leaves all else in the files alone, comments too; what it replaces is kept beside it. Nothing is replaced before\n" +
			"the new files have been read back without a problem, and not without a yes or --force. Run again it changes nothing.\n\n" +
			"Exit codes: 0 the files are as they should be, 1 they would change and nobody said yes, 2 a wrong flag, 3 the result would be invalid.",
		Example: "  seikan setup\n" +
			"  seikan setup --member 10.0.0.1 --member 10.0.0.2 --member 10.0.0.3 --storage s3 \\\n" +
			"    --storage-key s3.bucket=s3a://checkpoints --storage-key fs.s3a.access.key='${env:S3_KEY}' --storage-key fs.s3a.secret.key='${file:/etc/seikan/s3}'",
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			r.given = func(flag string) bool { return c.Flags().Changed(flag) }
			return r.run(c.Context(), t)
		},
	}
	f := c.Flags()
	f.StringVar(&r.home, "home", "", "`DIR` whose config is written, in place of $SEATUNNEL_HOME")
	f.StringVarP(&r.role, "role", "r", "", "master, worker or master_and_worker (default master_and_worker)")
	f.StringVar(&r.name, "cluster-name", "", "the `NAME` that every node and client of the cluster has")
	f.StringArrayVar(&r.members, "member", nil, "a node of the cluster, `HOST[:PORT]`; repeat it for every one, this node too")
	f.IntVar(&r.port, "port", 0, "the node's port")
	f.IntVar(&r.http, "http-port", 0, "the port of the console and REST V2; 0 serves neither")
	f.IntVar(&r.backups, "backup-count", 0, "how many nodes may fail at once")
	f.StringVar(&r.remote, "remote", "", "who may use HTTP from other hosts: members, or anyone (without a login)")
	f.StringVar(&r.kind, "storage", "", "where checkpoints are kept: "+strings.Join(open.Kinds, ", "))
	f.StringVar(&r.space, "namespace", "", "the `FOLDER` of checkpoints, or the beginning of their names")
	f.StringArrayVar(&r.keys, "storage-key", nil, "a `KEY=VALUE` of the storage; ${env:NAME} and ${file:/path} keep secrets out of the files and of this command line")
	f.BoolVar(&r.force, "force", false, "replace files without asking")
	return c
}

func (r setupRequest) run(ctx context.Context, t *terminal) error {
	o := asUnit(config.Options{Home: r.home, Role: config.Role(r.role), Executable: t.executable()})
	asked := &questioner{ctx: ctx, t: t}
	asking := asked.possible() && !slices.ContainsFunc([]string{"role", "cluster-name", "member", "port", "http-port", "backup-count", "remote", "storage", "namespace", "storage-key"}, r.given)
	if asking && o.Role == "" {
		fmt.Fprintln(t.err, "Enter keeps what stands in [brackets].")
		o.Role = config.Role(asked.one("role of this node: "+strings.Join([]string{string(config.Hybrid), string(config.Master), string(config.Worker)}, ", "), string(config.Hybrid), isRole))
	}
	now, problems := config.Load(o)
	if problems.Err() != nil {
		t.showFiles(problems)
		fmt.Fprintln(t.err, "the files that are there must be right before setup can change them")
		return coded{code: exitConfig}
	}
	if now.Home == "" && !now.Files[0].Found {
		return coded{exitUsage, errors.New("there is no SEATUNNEL_HOME: --home DIR says where config/ shall stand")}
	}
	before := setup.Of(now)
	offered := before
	if before.Role != config.Hybrid && !found(now, "hazelcast-"+string(before.Role)+".yaml") { // the cluster is known from a role that this host had
		o := o
		o.Role = config.Hybrid
		if other, problems := config.Load(o); found(other, "hazelcast.yaml") && problems.Err() == nil {
			offered.ClusterName, offered.Members = other.ClusterName, setup.Of(other).Members
		}
	}
	answers, err := r.answers(offered)
	if err == nil && asking {
		answers, err = asked.answers(answers)
	}
	if err != nil {
		return coded{exitUsage, err}
	}
	paths := map[string]string{}
	for _, f := range now.Files {
		paths[f.Name] = f.Path
		if f.Path == "" || !filepath.IsAbs(f.Path) && now.Home != "" {
			paths[f.Name] = filepath.Join(now.Home, "config", f.Name)
		}
	}
	changes, err := setup.Plan(before, answers, paths, os.ReadFile)
	if err != nil {
		return coded{exitUsage, err}
	}
	cfg, problems := setup.Validate(answers, changes, o, os.ReadFile)
	if len(problems) > 0 {
		t.show(problems, textOf(changes))
	}
	if problems.Err() != nil {
		return coded{exitConfig, errors.New("nothing is written")}
	}
	return r.write(t, asked, answers, changes, cfg, now)
}

// found says whether a file of that name was there.
func found(c *config.Config, name string) bool {
	return slices.ContainsFunc(c.Files, func(f config.File) bool { return f.Name == name && f.Found })
}

// textOf finds the text of a file among those that are not written yet.
func textOf(changes []setup.Change) func(string) []byte {
	return func(file string) []byte {
		for _, c := range changes {
			if c.Path == file {
				return c.After
			}
		}
		text, err := os.ReadFile(file)
		if err != nil {
			return nil
		}
		return text
	}
}

// write shows what changes, asks, and puts it in place.
func (r setupRequest) write(t *terminal, asked *questioner, a setup.Answers, changes []setup.Change, cfg, now *config.Config) error {
	changed, replaced := false, false
	for _, c := range changes {
		if c.Changed() {
			changed, replaced = true, replaced || c.Exists
			showChange(t, c, a.Secrets())
		}
	}
	switch {
	case !changed:
		fmt.Fprintln(t.out, "the files need no change")
	case replaced && !r.force && asked.possible():
		if !asked.yes("replace these files? The old ones are kept beside them") {
			return coded{exitFailed, errors.New("nothing is written")}
		}
	case replaced && !r.force:
		return coded{exitFailed, errors.New("nothing is written: --force replaces the files, and keeps the old ones beside them")}
	}
	group := serviceGroup(cfg.Dir)
	copies, err := setup.Write(changes, group, time.Now())
	for _, c := range copies {
		fmt.Fprintf(t.out, "kept %s\n", c)
	}
	if err != nil {
		return err
	}
	made, err := setup.Key(cfg.ClusterKeyFile, func(b []byte) { _, _ = rand.Read(b) }, group) // never fails (crypto/rand)
	switch {
	case errors.Is(err, fs.ErrPermission):
		fmt.Fprintf(t.err, "the cluster key %s cannot be made by this user: the node makes it when it forms the cluster\n", cfg.ClusterKeyFile)
	case err != nil:
		return err
	case made && len(a.Members) > 1:
		fmt.Fprintf(t.out, "made %s: copy it to the other nodes before they start, or run setup there and put this one in place\n", cfg.ClusterKeyFile)
	case made:
		fmt.Fprintf(t.out, "made %s\n", cfg.ClusterKeyFile)
	}
	fmt.Fprintln(t.out, "next: "+nextStep(a.Role, r.home, now.Home))
	return nil
}

// showChange prints what changes in a file, without its secrets.
func showChange(t *terminal, c setup.Change, secrets []string) {
	if !c.Exists {
		fmt.Fprintf(t.out, "new  %s (%d lines)\n", c.Path, bytes.Count(c.After, []byte("\n")))
		return
	}
	fmt.Fprintf(t.out, "change  %s\n", c.Path)
	for _, line := range diffLines(strings.Split(string(c.Before), "\n"), strings.Split(string(c.After), "\n")) {
		if key, _, _ := strings.Cut(line, ":"); secretLine(line) {
			line = key + ": " + job.Masked
		}
		for _, s := range secrets {
			line = strings.ReplaceAll(line, s, job.Masked)
		}
		fmt.Fprintln(t.out, "  "+line)
	}
}

// secretLine says whether a line of a file gives a key of a storage that is a secret.
func secretLine(line string) bool {
	key, _, _ := strings.Cut(strings.Trim(line[1:], " "), ":")
	for _, kind := range open.Kinds {
		for _, k := range open.Keys(kind) {
			if k.Sensitive && (k.Name == strings.Trim(key, `"'`) || slices.Contains(k.Old, strings.Trim(key, `"'`))) {
				return true
			}
		}
	}
	return false
}

// answers are what the files say now with what the flags say.
func (r setupRequest) answers(a setup.Answers) (setup.Answers, error) {
	if r.given("cluster-name") {
		a.ClusterName = r.name
	}
	if r.given("member") {
		a.Members = r.members
	}
	if r.given("port") {
		a.Port = r.port
	}
	if r.given("http-port") {
		a.HTTPPort = r.http
	}
	if r.given("backup-count") {
		a.BackupCount = r.backups
	}
	switch r.remote {
	case "":
	case "members", "anyone":
		a.OpenToAll = r.remote == "anyone"
	default:
		return a, fmt.Errorf("--remote %s: expected members or anyone", r.remote)
	}
	if r.given("storage") && r.kind != a.Storage.Kind {
		a.Storage = setup.Storage{Kind: strings.ToLower(r.kind)}
	}
	if r.given("namespace") {
		a.Storage.Namespace = r.space
	}
	a.Storage.Keys = maps.Clone(a.Storage.Keys)
	if a.Storage.Keys == nil {
		a.Storage.Keys = map[string]string{}
	}
	for _, pair := range r.keys {
		k, v, ok := strings.Cut(pair, "=")
		if !ok || k == "" {
			return a, fmt.Errorf("--storage-key %q: expected KEY=VALUE", k)
		}
		a.Storage.Keys[k] = v
	}
	return a, nil
}

func isRole(text string) error {
	if !slices.Contains([]config.Role{config.Hybrid, config.Master, config.Worker}, config.Role(text)) {
		return fmt.Errorf("expected %s, %s or %s", config.Hybrid, config.Master, config.Worker)
	}
	return nil
}

// serviceGroup is who owns new files of a package's installation: root and the group of the nodes.
func serviceGroup(dir string) setup.Owner {
	none := setup.Owner{UID: -1, GID: -1}
	if os.Geteuid() != 0 {
		return none
	}
	if !packaged(dir) {
		return none
	}
	g, err := user.LookupGroup("seikan")
	if err != nil {
		return none
	}
	gid, err := strconv.Atoi(g.Gid)
	if err != nil {
		return none
	}
	return setup.Owner{UID: 0, GID: gid}
}

// nextStep is the command that starts the node.
func nextStep(role config.Role, flag, home string) string {
	unit := map[config.Role]string{config.Hybrid: "seikan", config.Master: "seikan-master", config.Worker: "seikan-worker"}[role]
	_, booted := os.Stat("/run/systemd/system")
	_, packaged := os.Stat("/usr/lib/systemd/system/" + unit + ".service")
	if booted == nil && packaged == nil && home == "/usr/share/seikan" {
		return "systemctl enable --now " + unit + "; seikan doctor looks whether all is well"
	}
	start := "seikan server"
	if role != config.Hybrid {
		start += " -r " + string(role)
	}
	if flag != "" {
		start += " --home " + flag
	}
	return start + "; seikan doctor looks whether all is well"
}
