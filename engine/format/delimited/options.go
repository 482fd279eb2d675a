package delimited

import "seikan/engine/option"

// The options that formats of lines share.
var (
	FieldDelimiter = option.Option{Key: "field_delimiter", Type: option.String, Old: []string{"delimiter"},
		Doc: `What separates fields. text: \u0001 when not set; a source reads it as a regular expression where it has the form of one ("\\|" is a bar, "\\s+" any run of blanks), and literally otherwise. csv: a comma when not set, any text.`}
	RowDelimiter = option.Option{Key: "row_delimiter", Type: option.String, Default: "\n",
		Doc: "What a sink writes between rows; none follows the last one."}
	SkipHeader = option.Option{Key: "skip_header_row_number", Type: option.Long, Default: int64(0), Min: 0, Max: 1 << 40,
		Doc: "How many rows to leave out at the start of every file."}
	EnableHeader = option.Option{Key: "enable_header_write", Type: option.Bool, Default: false,
		Doc: "Whether the first row of every file holds the names of the columns written."}
	Encoding = option.Option{Key: "encoding", Type: option.String, Default: "UTF-8",
		Doc: "The files' character set, by its IANA or Java name: UTF-8, GBK, ISO-8859-1, UTF-16LE, …"}
)
