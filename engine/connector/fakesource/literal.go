package fakesource

import (
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/engine/format/value"
	"seikan/engine/job/hocon"
	"seikan/engine/record"
)

var allocator = memory.DefaultAllocator

// clocks are the texts that stand for now, and how each type of column writes it.
var clocks = map[record.Kind]string{
	record.Date:        "2006-01-02",
	record.Time:        "15:04:05.000000",
	record.Timestamp:   "2006-01-02T15:04:05.000000",
	record.TimestampTZ: "2006-01-02T15:04:05.000000Z07:00",
}

// literal appends a value of the job file, by the JSON rules of its type.
func literal(b array.Builder, t record.Type, v *hocon.Value, now time.Time) error {
	if v.Kind == hocon.Null {
		b.AppendNull()
		return nil
	}
	if layout := clocks[t.Kind]; layout != "" {
		switch strings.TrimSpace(v.Text) {
		case "CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP":
			v = &hocon.Value{Kind: hocon.String, Text: now.Format(layout)}
		}
	}
	return value.JSONAppender(t)(b, hocon.JSON(v))
}
