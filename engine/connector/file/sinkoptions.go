package file

import (
	"math"

	"seikan/engine/format/compress"
	"seikan/engine/option"
	"seikan/engine/plugin"
)

const (
	defaultTemp      = "/tmp/seatunnel"
	defaultPartition = "${k0}=${v0}/${k1}=${v1}/.../${kn}=${vn}/"
	transactionVar   = "${transactionId}"
	uuidVar          = "${uuid}"
	nowVar           = "${now}"
)

// SinkFactory makes the sink of a connector.
func SinkFactory(c Connector) *plugin.SinkFactory {
	lists := [][]option.Option{{
		{Key: "path", Type: option.String, Doc: "Directory for the files. May hold placeholders such as `${table_name}`.", Example: "/data/out/${table_name}"},
		{Key: "tmp_path", Type: option.String, Default: defaultTemp, Doc: "Where files wait for their commit. When they cannot be renamed from there to `path`, because it is another file system, a hidden directory next to `path` is used, with a warning."},
		{Key: "file_format_type", Type: option.Enum, Choices: formatNames(), Default: "csv", Doc: "Format of the files."},
	}, c.Options, {
		{Key: "custom_filename", Type: option.Bool, Default: false, Doc: "Whether `file_name_expression` and `filename_time_format` count."},
		{Key: "file_name_expression", Type: option.String, Default: transactionVar, Doc: "Name of the files without part number and suffix. Variables: `${now}`, `${uuid}`, `${transactionId}`."},
		{Key: "filename_time_format", Type: option.String, Default: "yyyy.MM.dd", Doc: "How `${now}` is written, as a Java date pattern."},
		{Key: "filename_extension", Type: option.String, Doc: "Suffix of the files instead of the format's: `.dat`."},
		{Key: "single_file_mode", Type: option.Bool, Default: false, Doc: "Each writer writes one file, without a part number; `batch_size` does not count. With `parallelism = 1` and no checkpoints the job writes a single file."},
		{Key: "create_empty_file_when_no_data", Type: option.Bool, Default: false, Doc: "Write a file, with its header, even when there was no row."},
		{Key: "have_partition", Type: option.Bool, Default: false, Doc: "Whether the next three options count."},
		{Key: "partition_by", Type: option.List, Doc: "Columns that say which directory a row belongs to."},
		{Key: "partition_dir_expression", Type: option.String, Default: defaultPartition, Doc: "The directory: `${k0}` is the name of the first of these columns, `${v0}` its value in the row."},
		{Key: "is_partition_field_write_in_file", Type: option.Bool, Default: false, Doc: "Whether the files hold these columns too."},
		{Key: "sink_columns", Type: option.List, Doc: "Columns to write, in this order. Default: all."},
		{Key: "is_enable_transaction", Type: option.Bool, Default: true, Doc: "true demands `${transactionId}` in the file name. Files are committed the same way in both cases."},
		{Key: "batch_size", Type: option.Int, Default: int64(1_000_000), Min: 1, Max: math.MaxInt32, Doc: "Rows of a file before the next part."},
		compress.WriteOption(),
		compress.ArchiveOption(), // SeaTunnel's sinks know it and leave it alone
		{Key: "schema_save_mode", Type: option.Enum, Default: createIfMissing, Choices: []string{recreate, createIfMissing, errorIfMissing, ignore}, Doc: "What to do about the directory `path` before the job starts."},
		{Key: "data_save_mode", Type: option.Enum, Default: appendData, Choices: []string{dropData, appendData, errorIfData}, Doc: "What to do about files in `path` before the job starts."},
	}}
	if c.MultiTable {
		lists = append(lists, []option.Option{{Key: "multi_table_sink_replica", Type: option.Int, Default: int64(1), Min: 1, Max: 1024, Doc: "Writers a table and subtask."}})
	}
	for _, f := range formats {
		lists = append(lists, f.WriteOptions())
	}
	spec := option.Spec{
		Name:    c.Name,
		Summary: "Writes " + c.Summary,
		Doc: c.Doc + "\n\nFiles are written to a temporary directory and renamed into `path` when a checkpoint is complete, or at the end of a batch job: " +
			"rows appear exactly once. A subtask without rows writes no file.",
		Options: mergeOptions(lists...),
		Rules:   append([]option.Rule{option.Required(append([]string{"path"}, c.Required...)...), option.RequiredIf("have_partition", []string{"true"}, "partition_by")}, c.Rules...),
		Example: c.Name + " {\n" + c.Example + "  path = \"/data/out\"\n  file_format_type = \"csv\"\n  enable_header_write = true\n}",
	}
	return &plugin.SinkFactory{
		Spec:       &spec,
		Guarantee:  func(*option.Values) plugin.Guarantee { return plugin.Staged },
		MultiTable: c.MultiTable,
		Committer:  true,
		New:        c.newSink,
	}
}
