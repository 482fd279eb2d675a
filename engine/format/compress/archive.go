package compress

import (
	"archive/tar"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zip"

	"seikan/engine/option"
	"seikan/engine/plugin"
)

// ArchiveOptionKey is the option that names an archive format.
const ArchiveOptionKey = "archive_compress_codec"

// ArchiveOption is archive_compress_codec of a source.
func ArchiveOption() option.Option {
	return option.Option{Key: ArchiveOptionKey, Type: option.Enum, Default: "none",
		Choices: []string{"none", "zip", "tar", "tar_gz", "gz"},
		Doc:     "What the files are packed in. Entries of a zip or tar are read when they have a suffix of the format: .csv or .txt for csv, .txt, .json, .xlsx, .xls, .xml."}
}

// Entries goes through the files of an archive, in the archive's order.
type Entries interface {
	// Next returns the next file that matches, or io.EOF. The file of a tar can be opened
	// once, and only until Next is called again.
	Next() (plugin.File, error)
	Close() error
}

// Open opens the archive f. kind is a value of archive_compress_codec other than none; only
// entries whose names end with one of the suffixes are given, in any case, and no hidden ones.
func Open(ctx context.Context, f plugin.File, kind string, suffixes []string) (Entries, error) {
	var entries Entries
	var err error
	switch kind {
	case "zip":
		entries, err = openZip(ctx, f, suffixes)
	case "tar", "tar_gz":
		entries, err = openTar(ctx, f, kind == "tar_gz", suffixes)
	case "gz":
		gz, _ := Find("gzip")
		return &single{file: File(f, gz)}, nil
	default:
		return nil, fmt.Errorf("unknown archive kind %q", kind)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s as %s: %w", f.Name(), kind, err)
	}
	return entries, nil
}

func matches(name string, suffixes []string) bool {
	base := path.Base(name)
	if strings.HasPrefix(base, ".") {
		return false
	}
	ext := strings.ToLower(path.Ext(base))
	return slices.Contains(suffixes, ext)
}

// single is gz: an archive of one file.
type single struct{ file plugin.File }

func (s *single) Next() (plugin.File, error) {
	if s.file == nil {
		return nil, io.EOF
	}
	f := s.file
	s.file = nil
	return f, nil
}

func (s *single) Close() error { return nil }

type zipEntries struct {
	archive  plugin.File
	at       plugin.ReaderAtCloser
	files    []*zip.File
	suffixes []string
}

func openZip(ctx context.Context, f plugin.File, suffixes []string) (Entries, error) {
	at, err := f.OpenAt(ctx)
	if err != nil {
		return nil, err
	}
	r, err := zip.NewReader(at, f.Size())
	if err != nil {
		at.Close()
		return nil, err
	}
	return &zipEntries{archive: f, at: at, files: r.File, suffixes: suffixes}, nil
}

func (z *zipEntries) Next() (plugin.File, error) {
	for len(z.files) > 0 {
		f := z.files[0]
		z.files = z.files[1:]
		if f.FileInfo().IsDir() || !matches(f.Name, z.suffixes) {
			continue
		}
		if f.Flags&1 != 0 {
			return nil, fmt.Errorf("%s!/%s is encrypted; it cannot be read", z.archive.Name(), f.Name)
		}
		return &entry{archive: z.archive, name: f.Name, size: int64(f.UncompressedSize64), open: f.Open}, nil
	}
	return nil, io.EOF
}

func (z *zipEntries) Close() error { return z.at.Close() }

type tarEntries struct {
	archive  plugin.File
	tar      *tar.Reader
	below    *stacked
	suffixes []string
}

func openTar(ctx context.Context, f plugin.File, gz bool, suffixes []string) (Entries, error) {
	r, err := f.Open(ctx)
	if err != nil {
		return nil, err
	}
	below := &stacked{r, []io.Closer{r}}
	if gz {
		z, err := gzip.NewReader(r)
		if err != nil {
			r.Close()
			return nil, err
		}
		below = &stacked{z, []io.Closer{z, r}}
	}
	return &tarEntries{archive: f, tar: tar.NewReader(below), below: below, suffixes: suffixes}, nil
}

func (t *tarEntries) Next() (plugin.File, error) {
	for {
		h, err := t.tar.Next()
		if err == io.EOF {
			return nil, err
		}
		if err != nil {
			return nil, fmt.Errorf("read the tar %s: %w", t.archive.Name(), err)
		}
		if h.Typeflag != tar.TypeReg || !matches(h.Name, t.suffixes) {
			continue
		}
		opened := false
		return &entry{archive: t.archive, name: h.Name, size: h.Size, open: func() (io.ReadCloser, error) {
			if opened {
				return nil, errors.New("an entry of a tar can be read only once")
			}
			opened = true
			return io.NopCloser(t.tar), nil
		}}, nil
	}
}

func (t *tarEntries) Close() error { return t.below.Close() }

type entry struct {
	archive plugin.File
	name    string
	size    int64
	open    func() (io.ReadCloser, error)
}

func (e *entry) Name() string     { return e.archive.Name() + "!/" + e.name }
func (e *entry) Relative() string { return relative(e.archive) + "/" + e.name }
func (e *entry) Size() int64      { return e.size }

func (e *entry) Open(context.Context) (io.ReadCloser, error) {
	r, err := e.open()
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", e.Name(), err)
	}
	return r, nil
}

func (e *entry) OpenAt(context.Context) (plugin.ReaderAtCloser, error) {
	return nil, plugin.ErrNotSeekable
}
