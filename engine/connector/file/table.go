package file

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"syscall"

	"seikan/engine/format/compress"
	"seikan/engine/job"
	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// table is one table of a source: some files and how they are read.
type table struct {
	sys        System
	root       string
	format     plugin.Format
	reading    plugin.FileReading
	codec      compress.Codec
	archive    string // value of archive_compress_codec, "" for none
	found      found
	partitions []string       // columns taken from the path
	body       *record.Schema // columns taken from the files
	schema     *record.Schema // both
}

func (c Connector) newTable(ctx context.Context, run plugin.Job, opts *option.Values) (*table, error) {
	t := &table{root: opts.String("path"), format: findFormat(opts.String("file_format_type"))}
	own := t.format.ReadOptions()
	if err := checkChoices(opts, t.format.Name(), own); err != nil {
		return nil, err
	}
	var err error
	if t.codec, err = codecOf(run.Log, opts, t.format, nil, compress.ReadOption()); err != nil {
		return nil, err
	}
	if kind := opts.String(compress.ArchiveOptionKey); kind != "none" {
		if t.archive = kind; archiveSuffixes[t.format.Name()] == nil {
			return nil, opts.Problem(compress.ArchiveOptionKey, "remove it", "%s files are not read from archives", t.format.Name())
		}
	}
	files, err := newFilter(opts)
	if err != nil {
		return nil, err
	}
	if t.sys, err = c.Open(ctx, run, opts); err != nil {
		return nil, err
	}
	if t.found, err = files.list(ctx, t.sys, t.root); err != nil {
		if permanent(err) {
			err = opts.Problem("path", "an existing file or directory is needed", "%v", err)
		}
		return nil, err
	}
	declared, name, err := declaration(opts)
	if err != nil {
		return nil, err
	}
	if err := t.columns(ctx, opts, declared, name); err != nil {
		return nil, err
	}
	return t, nil
}

// declaration reads the schema block: the columns it declares, nil without any, and the
// table's name. For files that bring their own columns the name may stand there alone.
func declaration(opts *option.Values) (*record.Schema, record.TablePath, error) {
	tree := opts.Tree("schema")
	if tree == nil {
		return nil, record.TablePath{}, nil
	}
	if tree.Lookup("fields") != nil || tree.Lookup("columns") != nil || tree.Lookup("table") == nil {
		declared, err := job.ParseSchema(tree)
		if err != nil {
			return nil, record.TablePath{}, err
		}
		return declared, declared.Path, nil
	}
	first := tree.Lookup("schema_first")
	name, err := record.ParseTablePath(tree.Lookup("table").Value.Text, first != nil && strings.EqualFold(first.Value.Text, "true"))
	if err != nil {
		return nil, name, opts.Problem("schema", "table = \"database.table\"", "%v", err)
	}
	return nil, name, nil
}

// columns finds the schemas.
func (t *table) columns(ctx context.Context, opts *option.Values, declared *record.Schema, name record.TablePath) error {
	if opts.Bool("parse_partition_from_path") && len(t.found.files) > 0 {
		t.partitions = partitionNames(t.found.files[0].Path)
	}
	wanted := opts.List("read_columns")
	if len(t.partitions) > 0 && wanted != nil {
		wanted = slices.DeleteFunc(slices.Clone(wanted), func(name string) bool {
			return slices.Contains(t.partitions, name) && (declared == nil || declared.Index(name) < 0)
		})
		if len(wanted) == 0 {
			return opts.Problem("read_columns", "at least one column of the files", "it names directories only, whose columns come anyway")
		}
	}
	var err error
	if t.reading, err = t.format.Reading(opts, declared, wanted); err != nil {
		return err
	}
	first, done, err := t.first(ctx)
	if err != nil {
		return err
	}
	defer done()
	if t.body, err = t.reading.Schema(ctx, first); err != nil {
		return err
	}
	t.body = t.body.WithColumns(t.body.Columns) // a copy
	t.body.Path = name
	t.partitions = slices.DeleteFunc(t.partitions, func(name string) bool { return t.body.Index(name) >= 0 })
	t.schema = t.body
	if len(t.partitions) > 0 {
		columns := slices.Clone(t.body.Columns)
		for _, name := range t.partitions {
			columns = append(columns, record.Column{Name: name, Type: record.Of(record.String)})
		}
		t.schema = t.body.WithColumns(columns)
		t.schema.PartitionKeys = slices.Clone(t.partitions)
	}
	return nil
}

// first opens the first file for a look at its schema; nil when there is none. done is to be
// called afterwards.
func (t *table) first(ctx context.Context) (f plugin.File, done func(), err error) {
	done = func() {}
	if len(t.found.files) == 0 {
		return nil, done, nil
	}
	f = t.file(t.found.files[0])
	if t.archive == "" {
		return compress.File(f, t.codec), done, nil
	}
	entries, err := compress.Open(ctx, f, t.archive, archiveSuffixes[t.format.Name()])
	if err != nil {
		return nil, done, err
	}
	entry, err := entries.Next()
	if err != nil {
		entries.Close()
		if err == io.EOF {
			err = nil
		}
		return nil, done, err
	}
	return compress.File(entry, t.codec), func() { entries.Close() }, nil
}

// file is an input file as a format sees it.
func (t *table) file(info Info) plugin.File {
	return &input{sys: t.sys, info: info, relative: relative(t.root, info.Path)}
}

// relative is the part of a path below root; the file's name when root is the file.
func relative(root, full string) string {
	if rest, ok := strings.CutPrefix(full, strings.TrimSuffix(root, "/")+"/"); ok {
		return rest
	}
	return full[strings.LastIndexByte(full, '/')+1:]
}

type input struct {
	sys      System
	info     Info
	relative string
}

func (f *input) Name() string { return f.info.Path }
func (f *input) Size() int64  { return f.info.Size }

// Relative is the path below the source's path, for formats that keep it.
func (f *input) Relative() string { return f.relative }

func (f *input) Open(ctx context.Context) (io.ReadCloser, error) {
	r, err := f.sys.Open(ctx, f.info.Path)
	return r, opened(f.info.Path, err)
}

func (f *input) OpenAt(ctx context.Context) (plugin.ReaderAtCloser, error) {
	r, err := f.sys.OpenAt(ctx, f.info.Path)
	return r, opened(f.info.Path, err)
}

// permanent reports whether trying again cannot help.
func permanent(err error) bool {
	return slices.ContainsFunc([]error{fs.ErrNotExist, fs.ErrPermission, fs.ErrInvalid, syscall.ENOTDIR, syscall.EISDIR, syscall.EROFS, syscall.ENAMETOOLONG},
		func(cause error) bool { return errors.Is(err, cause) })
}

func opened(path string, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, fs.ErrNotExist) {
		err = fmt.Errorf("the file was there when the job looked for files and is gone: %w", err)
	}
	err = fmt.Errorf("read %s: %w", path, err)
	if permanent(err) {
		err = plugin.Permanent(err)
	}
	return err
}
