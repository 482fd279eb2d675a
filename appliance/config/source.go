package config

import (
	"fmt"
	"path/filepath"
	"strings"

	"seikan/engine/job/hocon"
)

// maxImports is how many files a file may draw in, itself included.
const maxImports = 50

// source reads a configuration file and what it imports, and replaces ${…} in values.
type source struct {
	read     func(string) ([]byte, error)
	lookup   func(name string) (string, bool)
	problems *hocon.Problems
	expanded int // bytes that replace has put in
}

// maxExpanded is how many bytes the values of ${…} may have in all.
const maxExpanded = 1 << 20

// tree returns the file's content as { root: … }. A file without the root entry is taken to be
// what stands below it.
func (s *source) tree(root, path string, data []byte) *hocon.Value {
	below := s.content(root, path, data, map[string]bool{filepath.Clean(path): true})
	return &hocon.Value{Kind: hocon.Object, Pos: below.Pos, Fields: []*hocon.Field{{Key: root, KeyPos: below.Pos, Value: below}}}
}

func (s *source) content(root, path string, data []byte, seen map[string]bool) *hocon.Value {
	below := &hocon.Value{Kind: hocon.Object, Pos: hocon.Pos{File: path}}
	doc := parse(path, data, s.problems)
	if doc == nil {
		return below
	}
	if f := doc.Get(root); f == nil {
		below = doc
	} else {
		s.strays(root, doc)
		switch f.Value.Kind {
		case hocon.Object:
			below = f.Value
		case hocon.Null:
		default:
			s.problems.Add(hocon.Problem{Code: codeValue, Pos: f.Value.Pos, Message: fmt.Sprintf("%q is %s", root, f.Value.Kind), Label: "expected entries below it"})
		}
	}
	s.imports(root, path, below, seen)
	return below
}

// strays warns of entries beside the root: nobody reads them. In a hazelcast file they are
// most often a section that was pasted without its indentation.
func (s *source) strays(root string, doc *hocon.Value) {
	for _, f := range doc.Fields {
		if f.Key != root && !strings.HasPrefix(f.Key, "x-") {
			s.problems.Add(hocon.Problem{Code: codeValue, Pos: f.KeyPos, Warning: true, Message: fmt.Sprintf("%q stands beside %q and is not read", f.Key, root),
				Label: "it belongs below " + root, Help: "indent it, with everything below it, so that it stands inside " + root})
		}
	}
}

// imports merges the files of the list `import` below the root: maps are joined, lists are
// appended, and where both have a value that of the importing file stays.
func (s *source) imports(root, path string, below *hocon.Value, seen map[string]bool) {
	f := below.Get("import")
	if f == nil {
		return
	}
	kept := below.Fields[:0:0]
	for _, e := range below.Fields {
		if e != f {
			kept = append(kept, e)
		}
	}
	below.Fields = kept
	if f.Value.Kind != hocon.List {
		s.problems.Add(hocon.Problem{Code: codeImport, Pos: f.Value.Pos, Message: fmt.Sprintf("import is %s", f.Value.Kind), Label: "expected a list of files"})
		return
	}
	for _, item := range f.Value.Items {
		s.replace(item)
		data, found, problem := s.imported(path, item, seen)
		if problem != "" {
			s.problems.Add(hocon.Problem{Code: codeImport, Pos: item.Pos, Message: problem})
			continue
		}
		merge(below, s.content(root, found, data, seen))
	}
}

func (s *source) imported(from string, item *hocon.Value, seen map[string]bool) (data []byte, path, problem string) {
	if item.Kind != hocon.String || item.Text == "" {
		return nil, "", "an import is not the name of a file"
	}
	name := item.Text
	for _, scheme := range []string{"file://", "file:", "classpath:"} {
		name = strings.TrimPrefix(name, scheme)
	}
	if strings.Contains(name, "://") {
		return nil, "", fmt.Sprintf("import %q: only files can be imported", item.Text)
	}
	candidates := []string{name}
	if !filepath.IsAbs(name) {
		candidates = []string{filepath.Join(filepath.Dir(from), name), name}
	}
	var first error
	for _, c := range candidates {
		data, err := s.read(c)
		if err != nil {
			if first == nil {
				first = err
			}
			continue
		}
		if c = filepath.Clean(c); seen[c] {
			return nil, "", fmt.Sprintf("%s is imported a second time", c)
		}
		if len(seen) >= maxImports {
			return nil, "", fmt.Sprintf("more than %d files are imported", maxImports)
		}
		seen[c] = true
		return data, c, ""
	}
	return nil, "", fmt.Sprintf("import %q: %v", item.Text, first)
}

func merge(into, from *hocon.Value) {
	for _, f := range from.Fields {
		mine := into.Get(f.Key)
		switch {
		case mine == nil:
			into.Fields = append(into.Fields, f)
		case mine.Value.Kind == hocon.Object && f.Value.Kind == hocon.Object:
			merge(mine.Value, f.Value)
		case mine.Value.Kind == hocon.List && f.Value.Kind == hocon.List:
			mine.Value.Items = append(mine.Value.Items, f.Value.Items...)
		}
	}
}

// replace puts the values of ${name} in place. A text that closes no brace stays as it is.
func (s *source) replace(v *hocon.Value) {
	for _, f := range v.Fields {
		s.replace(f.Value)
	}
	for _, item := range v.Items {
		s.replace(item)
	}
	if v.Kind != hocon.String || !strings.Contains(v.Text, "${") {
		return
	}
	var out strings.Builder
	rest := v.Text
	for {
		before, after, ok := strings.Cut(rest, "${")
		name, tail, closed := strings.Cut(after, "}")
		out.WriteString(before)
		if !ok || !closed {
			out.WriteString(rest[len(before):])
			break
		}
		value, known := s.lookup(name)
		s.expanded += len(value)
		switch {
		case known && s.expanded > maxExpanded:
			s.problems.Add(hocon.Problem{Code: codeLimit, Pos: v.Pos, Message: "the values of ${…} are too long", Label: fmt.Sprintf("at most %d bytes in all", maxExpanded)})
			return
		case known:
			out.WriteString(value)
		default:
			out.WriteString("${" + name + "}")
			s.problems.Add(hocon.Problem{Code: codeSubstitution, Pos: v.Pos, Warning: true, Message: fmt.Sprintf("nothing is known as ${%s}; it stays as text", name),
				Help: "give it with -D" + name + "=…, in the environment, or as ${file:/path}"})
		}
		rest = tail
	}
	v.Text = out.String()
}
