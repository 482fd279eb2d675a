package main

import (
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
)

// TestImportsFollowTheArrows keeps the house: appliance -> web -> engine -> {storage, db};
// migrations is read by db alone; plugins never reach into the machinery that runs them.
func TestImportsFollowTheArrows(t *testing.T) {
	t.Parallel()
	may := map[string][]string{
		"appliance":  {"appliance", "web", "engine", "storage", "db", "migrations"},
		"web":        {"web", "engine", "storage", "db"},
		"engine":     {"engine", "storage", "db"},
		"storage":    {"storage"},
		"db":         {"db", "storage", "migrations"},
		"migrations": {"migrations"},
	}
	plugins := []string{"engine/connector/", "engine/transform/", "engine/format/", "engine/expr"}
	machinery := []string{"engine/task", "engine/master", "engine/checkpoint", "engine/plan", "engine/rpc"}
	root := ".."
	fset := token.NewFileSet()
	files := 0
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || !strings.HasSuffix(path, ".go") {
			return err
		}
		rel, err := filepath.Rel(root, path)
		if err != nil {
			return err
		}
		room, _, _ := strings.Cut(filepath.ToSlash(rel), "/")
		allowed, known := may[room]
		if !known {
			return nil // build output
		}
		files++
		f, err := parser.ParseFile(fset, path, nil, parser.ImportsOnly)
		if err != nil {
			return err
		}
		for _, im := range f.Imports {
			name, err := strconv.Unquote(im.Path.Value)
			if err != nil {
				return err
			}
			name, ours := strings.CutPrefix(name, "seikan/")
			if !ours {
				continue
			}
			to, _, _ := strings.Cut(name, "/")
			if strings.HasPrefix(name, "appliance/testbed/") && strings.HasSuffix(rel, "_test.go") {
				continue // tests anywhere may use the test bed
			}
			if !contains(allowed, to) {
				t.Errorf("%s imports %s: %s may import only %v", rel, name, room, allowed)
			}
			if hasPrefix(filepath.ToSlash(rel), plugins) && hasPrefix(name, machinery) {
				t.Errorf("%s imports %s: a plugin must not know what runs it", rel, name)
			}
			if to == "migrations" && room != "db" && room != "migrations" && !strings.HasSuffix(rel, "_test.go") {
				t.Errorf("%s imports %s: migrations are read by db alone", rel, name)
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if files < 50 {
		t.Fatalf("only %d files were looked at", files)
	}
}

func contains(list []string, s string) bool {
	for _, l := range list {
		if l == s {
			return true
		}
	}
	return false
}

func hasPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}
