package config

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"seikan/engine/job/hocon"
	"seikan/engine/option"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// environment is what the process sees of its environment.
func environment(pairs ...string) func(string) string {
	return func(name string) string {
		for _, p := range append(pairs, "HOME=/home/user") {
			if k, v, _ := strings.Cut(p, "="); k == name {
				return v
			}
		}
		return ""
	}
}

// files reads from a map and knows no disk.
func files(m map[string]string) func(string) ([]byte, error) {
	return func(path string) ([]byte, error) {
		if text, ok := m[path]; ok {
			return []byte(text), nil
		}
		return nil, &os.PathError{Op: "open", Path: path, Err: os.ErrNotExist}
	}
}

func report(c *Config, ps hocon.Problems) string {
	var b strings.Builder
	for _, s := range c.Explain() {
		fmt.Fprintf(&b, "%s = %s   [%s]", s.Key, s.Value, s.From)
		if s.Note != "" {
			fmt.Fprintf(&b, "   %s", s.Note)
		}
		b.WriteByte('\n')
	}
	b.WriteString("\nignored:\n")
	for _, i := range c.Ignored {
		fmt.Fprintf(&b, "%s [%s] %s\n", i.Key, i.From, i.Reason)
	}
	b.WriteString("\nproblems:\n")
	for _, p := range ps {
		kind := "error"
		if p.Warning {
			kind = "warning"
		}
		fmt.Fprintf(&b, "%s %s %s", kind, p.Code, p.Error())
		if p.Help != "" {
			fmt.Fprintf(&b, " help: %s", p.Help)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Errorf("%s differs (go test -update rewrites it); got:\n%s", path, got)
	}
}

func TestExplainNamesWhereEverySettingComesFrom(t *testing.T) {
	t.Parallel()
	const shipped = "../../packaging/home"
	for name, o := range map[string]Options{
		"shipped":        {Home: shipped, Env: environment("STATE_DIRECTORY=/var/lib/seikan", "LOGS_DIRECTORY=/var/log/seikan")},
		"shipped-master": {Home: shipped, Role: Master, Env: environment("SEIKAN_STATE_DIR=/srv/seikan")},
		"shipped-worker": {Home: shipped, Role: "WORKER", Env: environment()},
		"shipped-client": {Home: shipped, Role: Client, ClusterName: "other", Env: environment("JvmOption=-Xmx1G")},
		"absent":         {Env: environment(dockerMembers + "=a:5801,b")},
		"guide":          {Home: "testdata/guide", JVMOption: "-Xms2G -Xmx2G", Env: environment()},
		"oss":            {Home: "testdata/oss", Role: Master, Env: environment("AK=s3cr3t-word")},
		"broken":         {Home: "testdata/broken", Role: "", JVMOption: "what", Env: environment()},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, ps := Load(o)
			if wrong := ps.Err() != nil; wrong != (name == "broken") {
				t.Errorf("problems: %v", ps)
			}
			text := report(c, ps)
			if strings.Contains(text, "s3cr3t-word") {
				t.Error("a secret is shown")
			}
			golden(t, name, text)
		})
	}
}

// Every setting of the deployment guide has its effect.
func TestDeploymentGuideTakesEffect(t *testing.T) {
	t.Parallel()
	c, ps := Load(Options{Home: "testdata/guide", JVMOption: `-Xms2G -Xmx3G`, Env: environment()})
	if err := ps.Err(); err != nil {
		t.Fatal(err)
	}
	members := []string{}
	for _, m := range c.Network.Members {
		members = append(members, m.String())
	}
	for what, pair := range map[string][2]any{
		"backup-count":    {c.BackupCount, 2},
		"slots":           {c.Slots, Slots{Dynamic: false, Num: 20}},
		"interval":        {c.Checkpoint.Interval.String(), "5m0s"},
		"timeout":         {c.Checkpoint.Timeout.String(), "10s"},
		"max-retained":    {c.Checkpoint.MaxRetained, 5},
		"checkpoints":     {c.Checkpoint.Storage.String(), "hdfs://localhost:9000/seatunnel/checkpoint/"},
		"hadoop key":      {c.Checkpoint.Storage.Keys["seatunnel.hadoop.dfs.replication"], "2"},
		"history":         {c.HistoryJobExpire.String(), "1h0m0s"},
		"strategy":        {c.JobScheduleStrategy, "WAIT"},
		"cluster":         {c.ClusterName, "warehouse"},
		"members":         {strings.Join(members, " "), "hostname1 hostname2:5802 10.0.0.7 10.0.0.8 10.0.0.9"},
		"tags by import":  {c.Tags["group"], "platform"},
		"port":            {c.Network.Port, 5801},
		"auto-increment":  {c.Network.AutoIncrement, false},
		"backup":          {c.MapStore.Storage.String(), "hdfs://localhost:9000/tmp/seatunnel/imap/"},
		"backup cluster":  {c.MapStore.ClusterName, "seatunnel-cluster"},
		"client":          {c.Client.Members[0].String(), "hostname1:5801"},
		"memory":          {c.MemoryBytes, int64(3 << 30)},
		"time zone":       {c.JVM.TimeZone, "Asia/Shanghai"},
		"HTTP by default": {c.HTTP.Enabled, false},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: got %v, want %v", what, pair[0], pair[1])
		}
	}
}

func TestNoFilesMeansTheShippedFiles(t *testing.T) {
	t.Parallel()
	for _, role := range []Role{Hybrid, Master, Worker} {
		shipped, ps := Load(Options{Home: "../../packaging/home", Role: role, Env: environment()})
		if err := ps.Err(); err != nil {
			t.Fatal(err)
		}
		absent, ps := Load(Options{Home: "/nowhere", Role: role, Env: environment(), ReadFile: files(nil)})
		if len(ps) > 0 {
			t.Errorf("%s: %v", role, ps)
		}
		if len(absent.Notes) == 0 {
			t.Errorf("%s: nothing says that the files were not found", role)
		}
		for _, c := range []*Config{shipped, absent} { // what differs by design
			c.Home, c.Dir, c.Files, c.Ignored, c.Notes, c.settings, c.JVM, c.MemoryBytes, c.Logs.Dir, c.ClusterKeyFile = "", "", nil, nil, nil, nil, JVM{}, 0, "", ""
			for i := range c.Network.Members {
				c.Network.Members[i].Pos = hocon.Pos{}
			}
			for i := range c.Client.Members {
				c.Client.Members[i].Pos = hocon.Pos{}
			}
		}
		if !reflect.DeepEqual(shipped, absent) {
			t.Errorf("%s:\nshipped %+v\nabsent  %+v", role, shipped, absent)
		}
	}
}

func TestFilesAreFoundInOrder(t *testing.T) {
	t.Parallel()
	all := map[string]string{}
	for i, path := range []string{"flag.yaml", "prop.yaml", "env.yaml", "jvm.yaml", "/home/config/seatunnel.yaml", "/home/config/seatunnel.yml", "seatunnel.yaml"} {
		all[path] = fmt.Sprintf("seatunnel: {engine: {backup-count: %d}}", i)
	}
	all["/home/config/jvm_options"] = "-Dseatunnel.config=jvm.yaml"
	o := Options{Home: "/home", SeaTunnelFile: "flag.yaml", Properties: map[string]string{"seatunnel.config": "prop.yaml"}, Env: environment("SEATUNNEL_CONFIG=env.yaml")}
	steps := []func(){
		func() {}, func() { o.SeaTunnelFile = "" }, func() { o.Properties = nil }, func() { o.Env = environment() },
		func() { delete(all, "/home/config/jvm_options") }, func() { delete(all, "/home/config/seatunnel.yaml") }, func() { delete(all, "/home/config/seatunnel.yml") },
	}
	for want, step := range steps {
		step()
		o.ReadFile = files(all)
		c, ps := Load(o)
		if err := ps.Err(); err != nil || c.BackupCount != want {
			t.Errorf("step %d: the file of rank %d is read (%v)", want, c.BackupCount, err)
		}
	}
}

func TestNamedFileMustExist(t *testing.T) {
	t.Parallel()
	for _, o := range []Options{{SeaTunnelFile: "x.yaml"}, {Env: environment("HAZELCAST_CONFIG=x.yaml")}, {Properties: map[string]string{"hazelcast.config": "x.yaml"}}, {JVMFile: "x.yaml"}} {
		if o.Env == nil {
			o.Env = environment()
		}
		o.ReadFile = files(nil)
		if _, ps := Load(o); ps.Err() == nil || !strings.Contains(ps.Error(), "Error: File x.yaml does not exist.") {
			t.Errorf("%+v: %v", o, ps)
		}
	}
}

func TestHomeIsAboveTheProgram(t *testing.T) {
	t.Parallel()
	c, _ := Load(Options{Executable: "/opt/seikan/bin/seikan", Env: environment(), ReadFile: files(map[string]string{"/opt/seikan/config/seatunnel.yaml": "seatunnel: {engine: {backup-count: 3}}"})})
	if c.Home != "/opt/seikan" || c.BackupCount != 3 {
		t.Errorf("home %q, backup-count %d", c.Home, c.BackupCount)
	}
}

func TestHomeOfAPackageIsFoundByTheProgram(t *testing.T) {
	t.Parallel()
	c, _ := Load(Options{Executable: "/usr/bin/seikan", Env: environment(), ReadFile: files(map[string]string{"/usr/share/seikan/config/seatunnel.yaml": "seatunnel: {engine: {backup-count: 3}}"})})
	if c.Home != "/usr/share/seikan" || c.BackupCount != 3 {
		t.Errorf("home %q, backup-count %d", c.Home, c.BackupCount)
	}
}

func TestClientDoesWithoutFilesItMayNotRead(t *testing.T) {
	t.Parallel()
	denied := func(path string) ([]byte, error) {
		if strings.HasSuffix(path, "/seatunnel.yaml") {
			return nil, &os.PathError{Op: "open", Path: path, Err: os.ErrPermission}
		}
		return files(nil)(path)
	}
	o := Options{Role: Client, Executable: "/usr/bin/seikan", Env: environment(), ReadFile: denied}
	c, ps := Load(o)
	if ps.Err() != nil || c.Home != "/usr/share/seikan" || !strings.Contains(strings.Join(c.Notes, "\n"), "seatunnel.yaml is not readable by this user") {
		t.Errorf("home %q, notes %q, %v", c.Home, c.Notes, ps)
	}
	o.Role = Hybrid
	if _, ps := Load(o); ps.Err() == nil {
		t.Error("a node starts without its settings")
	}
}

func TestClientFileDoesNotStopAServer(t *testing.T) {
	t.Parallel()
	broken := map[string]string{"hazelcast-client.yaml": "hazelcast-client: {network: 5}"}
	if _, ps := Load(Options{Env: environment(), ReadFile: files(broken)}); ps.Err() != nil || len(ps) != 1 {
		t.Errorf("server: %v", ps)
	}
	if _, ps := Load(Options{Role: Client, Env: environment(), ReadFile: files(broken)}); ps.Err() == nil {
		t.Error("a client is satisfied with a broken file")
	}
}

func documented(t *testing.T, options []option.Option, path string) {
	for _, o := range options {
		if doc := strings.TrimSuffix(o.Doc, noMeaningDoc); len(doc) < 5 {
			t.Errorf("%s: %s has no doc", path, o.Key)
		}
		documented(t, o.Fields, path+"."+o.Key)
	}
}

func TestRoleWithoutItsFileIsWarned(t *testing.T) {
	t.Parallel()
	m := map[string]string{"/h/config/hazelcast.yaml": "hazelcast: {cluster-name: mine}"}
	_, ps := Load(Options{Home: "/h", Role: Worker, Env: environment(), ReadFile: files(m)})
	if ps.Err() != nil || len(ps) != 1 || !strings.Contains(ps.Error(), "hazelcast-worker.yaml does not exist") {
		t.Errorf("got %v", ps)
	}
}

func TestClusterNameFlagCountsForClientsOnly(t *testing.T) {
	t.Parallel()
	for role, want := range map[Role]string{Client: "flag", Hybrid: "seatunnel"} {
		c, ps := Load(Options{Role: role, ClusterName: "flag", Env: environment(), ReadFile: files(nil)})
		if ps.Err() != nil || c.ClusterName != want || len(ps) > 0 != (role == Hybrid) {
			t.Errorf("%s: got %q, %v", role, c.ClusterName, ps)
		}
	}
}

func TestUnknownRoleIsRefused(t *testing.T) {
	t.Parallel()
	if _, ps := Load(Options{Role: "boss", Env: environment(), ReadFile: files(nil)}); ps.Err() == nil || !strings.Contains(ps.Error(), "Unknown node role: boss") {
		t.Errorf("got %v", ps)
	}
}

func TestEveryOptionIsDocumented(t *testing.T) {
	t.Parallel()
	for _, s := range Specs() {
		if s.Summary == "" {
			t.Errorf("%s has no summary", s.Name)
		}
		documented(t, s.Options, s.Name)
	}
}
