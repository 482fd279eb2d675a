package file

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"
	"time"

	"github.com/dlclark/regexp2"

	"seikan/engine/option"
)

// maxDepth is how deep directories may be nested; deeper means that links run in a circle.
const maxDepth = 100

// hiddenTemp is the directory for files that wait for their commit when tmp_path cannot be
// used. It is never listed.
const hiddenTemp = ".seikan-tmp"

// filter says which files below a path are read.
type filter struct {
	partitions []string        // one of them is in the path; empty: any path
	name       *regexp2.Regexp // matches the whole file name; nil: any name
}

func newFilter(opts *option.Values) (filter, error) {
	f := filter{partitions: opts.List("read_partitions")}
	text := opts.String("file_filter_pattern")
	if text == "" {
		return f, nil
	}
	re, err := regexp2.Compile(`\A(?:`+text+`)\z`, regexp2.None)
	if err != nil {
		return f, opts.Problem("file_filter_pattern", "a regular expression", "%v", err)
	}
	re.MatchTimeout = time.Second // against patterns that backtrack without end
	f.name = re
	return f, nil
}

// found is what a listing brought.
type found struct {
	files                   []Info // by path
	empty, hidden, filtered int    // left out
}

func (f found) bytes() int64 {
	var n int64
	for _, i := range f.files {
		n += i.Size
	}
	return n
}

// leftOut says why files that are there are not read.
func (f found) leftOut() string {
	if f.empty+f.hidden+f.filtered == 0 {
		return "there is none"
	}
	return fmt.Sprintf("left out: %d empty, %d hidden or _SUCCESS, %d by file_filter_pattern or read_partitions", f.empty, f.hidden, f.filtered)
}

// list goes through root, which may be a single file.
func (f filter) list(ctx context.Context, sys System, root string) (found, error) {
	var out found
	info, err := sys.Stat(ctx, root)
	if err == nil && info.Dir {
		err = f.walk(ctx, sys, root, 0, &out)
	} else if err == nil {
		err = f.take(info, &out)
	}
	if err != nil {
		//lint:ignore ST1005 SeaTunnel's own words
		return out, fmt.Errorf("Get file list from this path [%s] failed: %w", root, err)
	}
	slices.SortFunc(out.files, func(a, b Info) int { return strings.Compare(a.Path, b.Path) })
	return out, nil
}

func (f filter) walk(ctx context.Context, sys System, dir string, depth int, out *found) error {
	if depth > maxDepth {
		return fmt.Errorf("%s lies deeper than %d directories: do symbolic links run in a circle?", dir, maxDepth)
	}
	entries, err := sys.ReadDir(ctx, dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		base := path.Base(e.Path)
		switch {
		case e.Dir && base == hiddenTemp:
		case e.Dir:
			err = f.walk(ctx, sys, e.Path, depth+1, out)
		case base == "_SUCCESS" || strings.HasPrefix(base, "."):
			out.hidden++
		default:
			err = f.take(e, out)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (f filter) take(e Info, out *found) error {
	if len(f.partitions) > 0 && !slices.ContainsFunc(f.partitions, func(p string) bool { return strings.Contains(e.Path, p) }) {
		out.filtered++
		return nil
	}
	if f.name != nil {
		ok, err := f.name.MatchString(path.Base(e.Path))
		if err != nil {
			return fmt.Errorf("match %s with file_filter_pattern: %w", e.Path, err)
		}
		if !ok {
			out.filtered++
			return nil
		}
	}
	if e.Size == 0 {
		out.empty++
		return nil
	}
	out.files = append(out.files, e)
	return nil
}
