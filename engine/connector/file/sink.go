package file

import (
	"context"
	"slices"
	"strings"

	"seikan/engine/format/binary"
	"seikan/engine/format/compress"
	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// sink writes one table.
type sink struct {
	connector Connector
	opts      *option.Values
	sys       System
	dir       string // path
	temp      string // tmp_path
	format    plugin.Format
	writing   plugin.FileWriting
	codec     compress.Codec // packs the whole file, from outside
	naming    naming
	layout    *layout        // nil without partitions
	columns   []int          // of the table, in the order of the file
	schema    *record.Schema // of the file
	batchSize int64          // rows of a part
	single    bool           // single_file_mode
	evenEmpty bool           // create_empty_file_when_no_data
}

func (c Connector) newSink(ctx context.Context, job plugin.Job, table *record.Schema, opts *option.Values) (plugin.Sink, error) {
	s := &sink{connector: c, opts: opts, format: findFormat(opts.String("file_format_type")),
		dir: opts.String("path"), temp: opts.String("tmp_path"), batchSize: opts.Int("batch_size"),
		single: opts.Bool("single_file_mode"), evenEmpty: opts.Bool("create_empty_file_when_no_data")}
	if strings.Trim(s.dir, "/. ") == "" {
		return nil, opts.Problem("path", "a directory for these files", "%q is no place to write a table to", s.dir)
	}
	own := s.format.WriteOptions()
	if err := checkChoices(opts, s.format.Name(), own); err != nil {
		return nil, err
	}
	var err error
	if s.codec, err = codecOf(job.Log, opts, s.format, own, compress.WriteOption()); err != nil {
		return nil, err
	}
	if err := s.choose(table); err != nil {
		return nil, err
	}
	if s.writing, err = s.format.Writing(opts, s.schema); err != nil {
		return nil, err
	}
	if s.format.Name() == binaryFormat {
		s.naming.expression = transactionVar // never used: rows name their files
	} else if s.naming, err = newNaming(opts, s.codec.Suffix+s.writing.Extension(), s.single); err != nil {
		return nil, err
	}
	s.sys, err = c.Open(ctx, job, opts)
	return s, err
}

// choose finds the columns of the files and of the directories.
func (s *sink) choose(table *record.Schema) error {
	if s.format.Name() == binaryFormat {
		s.layout = &layout{columns: []int{table.Index(binary.RelativePath)}, binary: true}
		if s.layout.columns[0] < 0 {
			return s.opts.Problem("file_format_type", "a source with file_format_type = binary", "binary files need rows of data, relativePath and partIndex")
		}
	} else if s.opts.Bool("have_partition") {
		var err error
		if s.layout, err = newLayout(s.opts, table); err != nil {
			return err
		}
	}
	names := s.opts.List("sink_columns")
	if len(names) == 0 {
		names = table.Names()
	}
	var columns []record.Column
	for _, name := range names {
		i := table.Index(name)
		if i < 0 {
			return unknownColumn(s.opts, "sink_columns", name, table)
		}
		if s.layout != nil && !s.layout.binary && slices.Contains(s.layout.columns, i) && !s.opts.Bool("is_partition_field_write_in_file") {
			continue
		}
		s.columns = append(s.columns, i)
		columns = append(columns, table.Columns[i])
	}
	if len(columns) == 0 {
		return s.opts.Problem("partition_by", "leave a column, or set is_partition_field_write_in_file", "no column is left for the files")
	}
	s.schema = table.WithColumns(columns)
	return nil
}

func unknownColumn(opts *option.Values, key, name string, table *record.Schema) error {
	label := "columns are " + strings.Join(table.Names(), ", ")
	if near := option.Nearest(name, table.Names()); near != "" {
		label = "did you mean \"" + near + "\"?"
	}
	return opts.Problem(key, label, "the table has no column %q", name)
}

// NodeBound says why the files only reach the node that writes them; "" when all nodes see
// the same.
func (s *sink) NodeBound() string { return s.connector.NodeBound }

func (s *sink) binary() bool { return s.layout != nil && s.layout.binary }
