package file

import (
	"slices"

	"seikan/engine/format/compress"
	"seikan/engine/option"
	"seikan/engine/plugin"
)

// tableOptions are the options of one table of a source, those of the formats included.
func tableOptions(c *Connector) []option.Option {
	lists := [][]option.Option{{
		{Key: "path", Type: option.String, Doc: "File or directory to read; a directory with everything below it. Empty files, `_SUCCESS` and names that start with a dot are left out.", Example: "/data/orders"},
		{Key: "file_format_type", Type: option.Enum, Choices: formatNames(), Doc: "Format of the files."},
	}, c.Options, {
		{Key: "schema", Type: option.Schema, Doc: "Columns of the rows. Needed for csv, json, excel and xml; text without it has one column `content`; orc, parquet and binary files bring their own."},
		{Key: "read_columns", Type: option.List, Doc: "Columns to read, in this order. Default: all."},
		{Key: "read_partitions", Type: option.List, Doc: "Keep only files whose path holds one of these texts.", Example: `["dt=2024-01-01"]`},
		{Key: "parse_partition_from_path", Type: option.Bool, Default: true, Doc: "Add a STRING column at the end for each `k=v` directory. The first file's directories give the names; a column of that name in the files themselves wins."},
		{Key: "file_filter_pattern", Type: option.String, Doc: "Regular expression that the whole name of a file, without its directory, must match.", Example: `.*\.csv`},
		compress.ReadOption(),
		compress.ArchiveOption(),
	}}
	for _, f := range formats {
		lists = append(lists, f.ReadOptions())
	}
	return mergeOptions(lists...)
}

// SourceFactory makes the source of a connector.
func SourceFactory(c Connector) *plugin.SourceFactory {
	options := tableOptions(&c)
	must := append([]string{"path", "file_format_type"}, c.Required...)
	spec := option.Spec{
		Name:    c.Name,
		Summary: "Reads " + c.Summary,
		Doc: c.Doc + "\n\nText, csv and json files are cut into pieces of 8 to 256 MiB at line ends and parquet and orc files between row groups or stripes, " +
			"so that all readers share even a single large file. Compressed files, archives, excel, xml and binary files are read by one reader each. " +
			"A job whose path holds no file to read finishes with a warning.",
		Options: append(slices.Clone(options), option.Option{
			Key: "tables_configs", Type: option.Objects, Fields: options, Rules: append([]option.Rule{option.Required(must...)}, c.Rules...),
			Doc: "Several tables in one source: a list of blocks with the options of a single table each.",
		}),
		Rules:   append([]option.Rule{option.OneOf("path", "tables_configs"), option.Together(must...)}, c.Rules...),
		Example: c.Name + " {\n" + c.Example + "  path = \"/data/orders\"\n  file_format_type = \"csv\"\n  schema { fields { id = bigint, name = string } }\n}",
	}
	return &plugin.SourceFactory{Spec: &spec, New: c.newSource}
}
