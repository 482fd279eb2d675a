package file

import (
	"log/slog"
	"slices"
	"strings"

	"seikan/engine/format/binary"
	"seikan/engine/format/compress"
	"seikan/engine/format/csv"
	"seikan/engine/format/excel"
	"seikan/engine/format/json"
	"seikan/engine/format/orc"
	"seikan/engine/format/parquet"
	"seikan/engine/format/text"
	"seikan/engine/format/xml"
	"seikan/engine/option"
	"seikan/engine/plugin"
)

// formats are the values of file_format_type.
var formats = []plugin.Format{
	text.Format{}, csv.Format{}, json.Format{}, orc.Format{}, parquet.Format{}, excel.Format{}, xml.Format{}, binary.Format{},
}

// formatNames lists the values of file_format_type.
func formatNames() []string {
	names := make([]string, len(formats))
	for i, f := range formats {
		names[i] = f.Name()
	}
	return names
}

func findFormat(name string) plugin.Format {
	i := slices.IndexFunc(formats, func(f plugin.Format) bool { return strings.EqualFold(f.Name(), name) })
	if i < 0 {
		return nil // the option's choices do not let it come to this
	}
	return formats[i]
}

// lineFormats are compressed from outside, as a whole; the others do it inside, or not at all.
var lineFormats = []string{"text", "csv", "json", "xml"}

// archiveSuffixes are those of the entries that are read from an archive.
var archiveSuffixes = map[string][]string{
	"text": {".txt"}, "csv": {".csv", ".txt"}, "json": {".json"}, "excel": {".xlsx", ".xls"}, "xml": {".xml"},
}

// mergeOptions joins lists of options. An option that several have comes once, with all their
// choices; checkChoices tells later whether the one chosen suits the format.
func mergeOptions(lists ...[]option.Option) []option.Option {
	var out []option.Option
	for _, list := range lists {
		for _, o := range list {
			i := slices.IndexFunc(out, func(p option.Option) bool { return p.Key == o.Key })
			if i < 0 {
				o.Choices = slices.Clone(o.Choices)
				out = append(out, o)
				continue
			}
			for _, c := range o.Choices {
				if !slices.Contains(out[i].Choices, c) {
					out[i].Choices = append(out[i].Choices, c)
				}
			}
		}
	}
	return out
}

// checkChoices reports an option whose value only another format knows.
func checkChoices(opts *option.Values, format string, list []option.Option) error {
	for _, o := range list {
		if o.Type == option.Enum && opts.Given(o.Key) && !slices.Contains(o.Choices, opts.String(o.Key)) {
			return opts.Problem(o.Key, "one of "+strings.Join(o.Choices, ", "), "%q is not known to %s files", opts.String(o.Key), format)
		}
	}
	return nil
}

func has(list []option.Option, key string) bool {
	return slices.ContainsFunc(list, func(o option.Option) bool { return o.Key == key })
}

// codecOf returns the codec the whole file is packed with: none when the format itself sees
// to compress_codec, being among own, or has no use for it.
func codecOf(log *slog.Logger, opts *option.Values, format plugin.Format, own []option.Option, known option.Option) (compress.Codec, error) {
	none, _ := compress.Find("none")
	name := opts.String(compress.OptionKey)
	switch {
	case name == none.Name || has(own, compress.OptionKey):
		return none, nil
	case !slices.Contains(lineFormats, format.Name()):
		log.Warn("compress_codec is ignored: files of this format say themselves how they are compressed, or never are",
			slog.String("file_format_type", format.Name()), slog.String(compress.OptionKey, name))
		return none, nil
	}
	if err := checkChoices(opts, format.Name(), []option.Option{known}); err != nil {
		return none, err
	}
	codec, _ := compress.Find(name)
	return codec, nil
}
