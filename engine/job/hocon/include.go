package hocon

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
)

const (
	maxIncludeDepth = 32
	maxIncludes     = 1000
)

// include reads an include statement into b and reports whether there was one.
func (p *parser) include(b *body) bool {
	start := p.mark()
	if !p.take("include") || p.blanks() == "" {
		p.reset(start)
		return false
	}
	required := p.call("required(")
	var where string
	for _, word := range []string{"file", "url", "classpath"} {
		if where == "" && p.call(word+"(") {
			where = word
		}
	}
	if p.peek() != '"' {
		if !required && where == "" {
			p.reset(start) // an ordinary key that happens to begin so
			return false
		}
		p.fail(Problem{Code: codeInclude, Pos: p.here(), Message: "an include needs a file name in quotes", Help: `write include "other.conf"`})
		p.recover()
		return true
	}
	nameAt := p.mark()
	name := p.quoted(false)
	pos := p.since(nameAt)
	for _, open := range []bool{where != "", required} {
		if p.blanks(); open && !p.take(")") {
			p.fail(Problem{Code: codeInclude, Pos: p.here(), Message: fmt.Sprintf("unexpected %s after the file name", p.token()), Label: "expected )"})
			p.recover()
			return true
		}
	}
	if where == "url" || where == "classpath" {
		p.fail(Problem{Code: codeInclude, Pos: p.since(start), Message: fmt.Sprintf("include %s(…) is not supported", where),
			Help: `copy the file next to this one and write include "` + filepath.Base(name) + `"`})
		return true
	}
	p.open(b, name, pos, required)
	return true
}

func (p *parser) call(word string) bool {
	ok := p.take(word)
	if ok {
		p.blanks()
	}
	return ok
}

// open reads the file called name, which is relative to the including file, into b.
func (p *parser) open(b *body, name string, pos Pos, required bool) {
	problem := Problem{Code: codeInclude, Pos: pos}
	switch {
	case p.run.opts.Include == nil:
		problem.Message = "includes are not allowed here"
		problem.Help = "put the included text in place of this line"
	case !filepath.IsLocal(name):
		problem.Message = fmt.Sprintf("cannot include %q", name)
		problem.Label = "not within the directory of this file"
		problem.Help = "included files stand beside this file or below it, and are named relative to it"
	case len(p.run.files) > maxIncludeDepth || p.run.includes >= maxIncludes:
		problem.Message = fmt.Sprintf("too many includes: %d deep, %d in all", len(p.run.files)-1, p.run.includes)
		problem.Help = fmt.Sprintf("at most %d deep and %d in all", maxIncludeDepth, maxIncludes)
	}
	if problem.Message != "" {
		p.fail(problem)
		return
	}
	text, shown, err := p.load(filepath.Join(filepath.Dir(p.file), name))
	switch {
	case errors.Is(err, fs.ErrNotExist) && !required:
		problem.Message = fmt.Sprintf("included file %q does not exist; nothing is included", name)
		problem.Help = fmt.Sprintf(`write include required("%s") to insist on it`, name)
		p.run.warn(problem)
		return
	case err != nil:
		problem.Message = fmt.Sprintf("cannot include %q: %v", name, err)
	case slices.Contains(p.run.files, shown):
		problem.Message = "files include each other: " + strings.Join(append(p.run.files[slices.Index(p.run.files, shown):], shown), " → ")
	case len(text) > p.run.budget:
		problem.Code, problem.Message = codeLimit, fmt.Sprintf("the configuration and its includes have more than %d MiB of text", maxInput>>20)
	}
	if problem.Message != "" {
		p.fail(problem)
		return
	}
	p.run.budget -= len(text)
	p.run.includes++
	p.run.files = append(p.run.files, shown)
	inner := p.run.parser(shown, text)
	inner.depth, inner.scope = p.depth, b.object
	if strings.EqualFold(filepath.Ext(shown), ".json") {
		inner.jsonInto(b)
	} else {
		inner.root(b)
	}
	p.run.files = p.run.files[:len(p.run.files)-1]
	if p.log.stopped {
		p.stop()
	}
}

// load opens path, or path with the usual suffixes if it has none.
func (p *parser) load(path string) ([]byte, string, error) {
	text, shown, err := p.run.opts.Include(path)
	if err == nil || filepath.Ext(path) != "" || !errors.Is(err, fs.ErrNotExist) {
		return text, shown, err
	}
	for _, suffix := range []string{".conf", ".json"} {
		if text, shown, err := p.run.opts.Include(path + suffix); !errors.Is(err, fs.ErrNotExist) {
			return text, shown, err
		}
	}
	return nil, "", err
}
