package config

import (
	"fmt"
	"strings"
	"testing"

	"seikan/engine/job/hocon"
)

func TestPositionsSurviveYAML(t *testing.T) {
	t.Parallel()
	var ps hocon.Problems
	v := parse("f.yaml", []byte("a:\n  - x: é\n    \"y\": 'two words'\nb: &anchor {n: 1}\nc:\n  <<: *anchor\n  m: ~\n"), &ps)
	if len(ps) > 0 {
		t.Fatal(ps)
	}
	y := v.Get("a").Value.Items[0].Get("y")
	merged := v.Get("c").Value.Get("n")
	for what, pair := range map[string][2]any{
		"key":           {y.KeyPos, hocon.Pos{File: "f.yaml", Line: 3, Col: 5, EndCol: 8}},
		"quoted value":  {y.Value.Pos, hocon.Pos{File: "f.yaml", Line: 3, Col: 10, EndCol: 21}},
		"text":          {y.Value.Text, "two words"},
		"merged number": {merged.Value.Kind, hocon.Number},
		"merged place":  {merged.Value.Pos.Line, 4},
		"null":          {v.Get("c").Value.Get("m").Value.Kind, hocon.Null},
	} {
		if pair[0] != pair[1] {
			t.Errorf("%s: got %v, want %v", what, pair[0], pair[1])
		}
	}
}

func TestBadYAMLIsOneProblemWithItsPlace(t *testing.T) {
	t.Parallel()
	bomb := "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
	for c := 'b'; c < 'j'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.Repeat(fmt.Sprintf("*%c, ", c-1), 9)+fmt.Sprintf("*%c", c-1))
	}
	for text, want := range map[string]string{
		"a: [1, 2":                             "not YAML",
		"a: 1\nb:\n\tc: 1":                     "f:3:2: not YAML",
		"a: 1\n a: 2":                          "not YAML",
		"a: 1\nb: 2\na: 3":                     "f:3:1: Duplicate 'a' definition",
		"- a":                                  "the file holds a list",
		"just words":                           "the file holds text",
		"a: 1\n---\na: 2":                      "f:2:1: a second document begins",
		"? [a]\n: b":                           "a key is a list or a map",
		bomb:                                   "holds too much here",
		"a: &a {b: *a}":                        "not YAML: ", // an anchor within itself, or its depth
		strings.Repeat("[", 100):               "not YAML",
		"a: " + strings.Repeat("{a: ", 100):    "not YAML",
		"a: \xff":                              "not YAML",
		strings.Repeat("k", 200) + ": 1":       "a key has 200 bytes",
		"a: " + strings.Repeat("x", 300<<10):   "the file has",
		"a: " + nest(90) + "1" + unnest(90):    "holds too much here",
		"a: *nowhere":                          "not YAML",
		"a: " + strings.Repeat("&x [", 2) + "": "not YAML",
	} {
		var ps hocon.Problems
		parse("f", []byte(text), &ps)
		if text == "a: &a {b: *a}" && len(ps) == 1 && strings.Contains(ps.Error(), "holds too much") {
			continue
		}
		if len(ps) != 1 || !strings.Contains(ps.Error(), want) {
			t.Errorf("%.40q: got %v, want one %q", text, ps, want)
		}
	}
}

func nest(n int) string   { return strings.Repeat("{a: ", n) }
func unnest(n int) string { return strings.Repeat("}", n) }

func loadHazelcast(t *testing.T, m map[string]string, env ...string) (*Config, hocon.Problems) {
	t.Helper()
	return Load(Options{HazelcastFile: "h.yaml", Env: environment(env...), ReadFile: files(m), Properties: map[string]string{"prop": "from-d"}})
}

func TestImportsAreMergedAndTheImporterStays(t *testing.T) {
	t.Parallel()
	c, ps := loadHazelcast(t, map[string]string{
		"h.yaml":     "hazelcast:\n  import: [file:sub/a.yaml]\n  network: {join: {tcp-ip: {enabled: true, member-list: [one]}}}\n",
		"sub/a.yaml": "hazelcast:\n  import: [b.yaml]\n  cluster-name: a\n  network: {port: {port: 5901}, join: {tcp-ip: {enabled: false, member-list: [two]}}}\n",
		"sub/b.yaml": "hazelcast:\n  cluster-name: b\n  network: {port: {port: 6000}}\n",
	})
	if err := ps.Err(); err != nil {
		t.Fatal(err)
	}
	if c.ClusterName != "a" || c.Network.Port != 5901 || !c.Network.Discover || fmt.Sprint(c.Network.Members[0], c.Network.Members[1]) != "one two" {
		t.Errorf("got %q, %+v", c.ClusterName, c.Network)
	}
}

func TestImportProblems(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"hazelcast: {import: [h.yaml]}":            "h.yaml:1:22: h.yaml is imported a second time",
		"hazelcast: {import: [http://x/y.yaml]}":   "only files can be imported",
		"hazelcast: {import: gone.yaml}":           "expected a list of files",
		"hazelcast: {import: [gone.yaml]}":         "h.yaml:1:22: import \"gone.yaml\"",
		"hazelcast: {import: [[x]]}":               "not the name of a file",
		"hazelcast: {import: [\"${prop}.yaml\"]}":  "import \"from-d.yaml\"",
		"hazelcast: {import: [other.yaml]}":        "h.yaml:1:22: other.yaml is imported a second time",
		"hazelcast: {import: [\"${env:NO}.yml\"]}": "import \"${env:NO}.yml\"",
	} {
		_, ps := loadHazelcast(t, map[string]string{"h.yaml": text, "other.yaml": "hazelcast: {import: [h.yaml]}"})
		if text == "hazelcast: {import: [other.yaml]}" {
			want = "other.yaml:1:22: h.yaml is imported a second time"
		}
		if ps.Err() == nil || !strings.Contains(ps.Error(), want) {
			t.Errorf("%s: got %v, want %q", text, ps, want)
		}
	}
}

func TestPropertiesAreReplaced(t *testing.T) {
	t.Parallel()
	for value, want := range map[string]string{
		"a-${prop}-${prop}":   "a-from-d-from-d",
		"${env:NAME}":         "from-env",
		"${NAME}":             "from-env",
		"${file:secret}":      "from-file",
		"${seikan.state-dir}": "/home/user/.local/state/seikan",
		"${open":              "${open",
		"$prop {prop}":        "$prop {prop}",
		"${unknown}x":         "${unknown}x",
		"${}":                 "${}",
	} {
		c, ps := loadHazelcast(t, map[string]string{"h.yaml": "hazelcast: {cluster-name: '" + value + "'}", "secret": "from-file\n"}, "NAME=from-env")
		if err := ps.Err(); err != nil || c.ClusterName != want {
			t.Errorf("%s: got %q (%v), want %q", value, c.ClusterName, err, want)
		}
		if warned := len(ps) > 0; warned != strings.Contains(want, "${unknown}") && want != "${}" {
			t.Errorf("%s: %v", value, ps)
		}
	}
}

func TestReplacementIsBounded(t *testing.T) {
	t.Parallel()
	text := "hazelcast: {properties: {"
	for i := range 100 {
		text += fmt.Sprintf("p%d: '${file:big}', ", i)
	}
	_, ps := loadHazelcast(t, map[string]string{"h.yaml": text + "}}", "big": strings.Repeat("x", 60<<10)})
	if ps.Err() == nil || !strings.Contains(ps.Error(), "are too long") {
		t.Errorf("got %.300s", ps.Error())
	}
}

func FuzzFilesNeverPanic(f *testing.F) {
	f.Add("seatunnel: {engine: {backup-count: 1}}", "hazelcast: {network: {join: {tcp-ip: {enabled: true, member-list: [a, '[::1]:5', 10.0.0.1-9]}}}}", "-Xmx2g -Dx='y z'\n# c")
	f.Add("engine: {checkpoint: {storage: {type: hdfs, plugin-config: {storage.type: s3, s3.bucket: s3a://b/c}}}}", "map: {engine*: {map-store: {enabled: true, properties: {storage.type: oss}}}}", "")
	f.Add("a: &a\n  <<: [*a, {b: ${c}}]\n", "hazelcast:\n  import: [h.yaml]\n  member-attributes: {a: {value: [1]}}", "-XX:MaxRAMPercentage=70.5")
	f.Add("seatunnel:\n  seikan: {tls: {cert: x}, state-dir: '${x}', logs: 3}", "hazelcast: {network: {rest-api: {endpoint-groups: {DATA: 3}}, interfaces: [x]}}", "x")
	f.Add("", "[]", "-D")
	f.Fuzz(func(t *testing.T, engine, hazelcast, jvm string) {
		m := map[string]string{"seatunnel.yaml": engine, "h.yaml": hazelcast, "jvm_options": jvm, "hazelcast-client.yaml": hazelcast}
		c, ps := Load(Options{HazelcastFile: "h.yaml", Env: environment("c=d"), ReadFile: files(m)})
		if c == nil {
			t.Fatal("no Config")
		}
		for _, p := range ps {
			if p.Message == "" || p.Pos.Line < 0 {
				t.Fatalf("a problem says nothing: %+v", p)
			}
		}
		if ps.Err() == nil && (c.Network.Port < 1 || c.Lease <= 0 || c.Checkpoint.Storage.Kind == "" || c.StateDir == "") {
			t.Fatalf("accepted and not usable: %+v", c)
		}
		c.Explain()
	})
}
