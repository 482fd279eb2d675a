package value

import (
	"strings"

	"seikan/engine/option"
)

var (
	dateFormats     = []string{"yyyy-MM-dd", "yyyy.MM.dd", "yyyy/MM/dd"}
	dateTimeFormats = []string{"yyyy-MM-dd HH:mm:ss", "yyyy-MM-dd HH:mm:ss.SSSSSS", "yyyy.MM.dd HH:mm:ss", "yyyy/MM/dd HH:mm:ss",
		"yyyyMMddHHmmss", "yyyy-MM-dd'T'HH:mm:ss", "yyyy-MM-dd'T'HH:mm:ss.SSS", "yyyy-MM-dd'T'HH:mm:ss.SSSSSS",
		"yyyy-MM-dd'T'HH:mm:ss.SSSSSSSSS"}
	timeFormats = []string{"HH:mm:ss", "HH:mm:ss.SSS"}
)

// The options of dates and times, the same for every format that has them. Reading knows every
// shape anyway; writing follows them.
var (
	DateFormatOption = option.Option{Key: "date_format", Type: option.String, Default: dateFormats[0], Choices: dateFormats,
		Doc: "How a sink writes DATE. A source checks the name and reads every known form."}
	DateTimeFormatOption = option.Option{Key: "datetime_format", Type: option.String, Default: dateTimeFormats[0], Choices: dateTimeFormats,
		Doc: "How a sink writes TIMESTAMP; fraction digits the pattern has no place for are left out. A source checks the name and reads every known form."}
	TimeFormatOption = option.Option{Key: "time_format", Type: option.String, Default: timeFormats[0], Choices: timeFormats,
		Doc: "How a sink writes TIME; fraction digits the pattern has no place for are left out. A source checks the name and reads every known form."}
)

// FormatOptions lists the three of them.
func FormatOptions() []option.Option {
	return []option.Option{DateFormatOption, DateTimeFormatOption, TimeFormatOption}
}

// FromOptions reads the FormatOptions of a block.
func FromOptions(opts *option.Values) (Options, error) {
	date, err := pick(opts, DateFormatOption.Key, dateFormats)
	if err != nil {
		return Options{}, err
	}
	dateTime, err := pick(opts, DateTimeFormatOption.Key, dateTimeFormats)
	if err != nil {
		return Options{}, err
	}
	clock, err := pick(opts, TimeFormatOption.Key, timeFormats)
	if err != nil {
		return Options{}, err
	}
	return Options{Date: DateFormat(date), DateTime: DateTimeDash + DateTimeFormat(dateTime), Time: TimeSecond + TimeFormat(clock)}, nil
}

func pick(opts *option.Values, key string, known []string) (int, error) {
	given := opts.String(key)
	for i, k := range known {
		if k == given {
			return i, nil
		}
	}
	return 0, opts.Problem(key, "one of "+strings.Join(known, ", "), "Illegal format [%s]", given)
}
