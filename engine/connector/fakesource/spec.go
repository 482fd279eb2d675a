// Package fakesource is the FakeSource connector: made-up rows of any schema, or rows written
// out in the job file, for trying a job and for measuring.
package fakesource

import (
	"math"

	"seikan/engine/option"
	"seikan/engine/plugin"
)

func init() {
	plugin.RegisterSource(&plugin.SourceFactory{Spec: spec, New: open})
}

const (
	modeRange    = "RANGE"
	modeTemplate = "TEMPLATE"
	maxSize      = 1 << 27 // most elements, letters or bytes of one value
)

var spec = &option.Spec{
	Name:    "FakeSource",
	Summary: "Makes up rows of any schema, or repeats rows written in the job file.",
	Doc: "Every subtask makes `row.num` rows, so the job moves `row.num` × `parallelism`. A batch job ends with " +
		"the last row; a streaming job gives the same rows once and then stays idle.\n\n" +
		"The rows of a split are a function of its seed and of the row's number, so a restored job goes on with " +
		"the rows it would have made. The seed is drawn from the run, or set with `seed`.\n\n" +
		"Text is made of letters: `string.length` of them when the schema uses `fields`, the column's " +
		"`columnLength` when it uses `columns` (0, so empty text, when that is not given). A column's " +
		"`defaultValue` is taken as its value. Dates lie in the current year, days 1 to 28.",
	Options: append([]option.Option{{
		Key: "tables_configs", Type: option.Objects, Fields: tableOptions, Rules: append(modeRules, option.Required("schema")),
		Doc: "Several tables in one source: a list of blocks with the options of a single table each.",
	}}, tableOptions...),
	Rules: append(modeRules, option.OneOf("schema", "tables_configs")),
	Example: `FakeSource {
  plugin_output = "fake"
  row.num = 100
  schema { fields { id = bigint, name = string, age = int } }
}`,
}

// tableOptions are the options of one table.
var tableOptions = append([]option.Option{
	{Key: "schema", Type: option.Schema, Doc: "Columns of the table."},
	{Key: "row.num", Type: option.Int, Default: int64(5), Min: 0, Max: math.MaxInt32, Doc: "Rows per subtask."},
	{Key: "split.num", Type: option.Int, Default: int64(1), Min: 1, Max: 1 << 20, Doc: "Splits per subtask; `row.num` is spread over them."},
	{Key: "split.read-interval", Type: option.Int, Default: int64(1), Min: 0, Max: math.MaxInt32, Doc: "Pause between two splits of a subtask, in milliseconds."},
	{Key: "seed", Type: option.Long, Doc: "Makes the same rows in every run. Without it each run makes rows of its own. Seikan's own option; SeaTunnel ignores it."},
	size("map.size", 5, "Entries of a made-up map; fewer when two keys come out the same."),
	size("array.size", 5, "Elements of a made-up array."),
	size("bytes.length", 5, "Bytes of a made-up BYTES value."),
	size("string.length", 5, "Letters of a made-up text, for schemas that use `fields`."),
	size("vector.dimension", 4, "Dimension of float vectors."),
	size("binary.vector.dimension", 8, "Dimension of binary vectors, in bits."),
	{Key: "vector.float.min", Type: option.Double, Default: 0.0, Doc: "Least element of a made-up vector."},
	{Key: "vector.float.max", Type: option.Double, Default: float64(math.MaxFloat32), Doc: "Bound of a vector's elements, itself excluded."},
	{Key: "rows", Type: option.Any, Doc: "Rows to give instead of made-up ones, once per subtask: a list of `{ kind = INSERT, fields = [1, \"a\"] }`. " +
		"`fields` is a list in schema order or a map by name. `CURRENT_DATE`, `CURRENT_TIME` and `CURRENT_TIMESTAMP` stand for the time the split was planned."},
	template("string", option.List), mode("string"),
	template("tinyint", option.List), mode("tinyint"),
	template("smallint", option.List), mode("smallint"),
	template("int", option.List), mode("int"),
	template("bigint", option.List), mode("bigint"),
	template("float", option.List), mode("float"),
	template("double", option.List), mode("double"),
	template("date.year", option.List), template("date.month", option.List), template("date.day", option.List),
	template("time.hour", option.List), template("time.minute", option.List), template("time.second", option.List),
}, ranges...)

var ranges = []option.Option{
	least("tinyint", option.Int, int64(0)), bound("tinyint", option.Int, int64(math.MaxInt8)),
	least("smallint", option.Int, int64(0)), bound("smallint", option.Int, int64(math.MaxInt16)),
	least("int", option.Int, int64(0)), bound("int", option.Int, int64(math.MaxInt32)),
	least("bigint", option.Long, int64(0)), bound("bigint", option.Long, int64(math.MaxInt64)),
	least("float", option.Double, 0.0), bound("float", option.Double, float64(math.MaxFloat32)),
	least("double", option.Double, 0.0), bound("double", option.Double, math.MaxFloat64),
}

// modeRules demand the values that a TEMPLATE mode picks from.
var modeRules = []option.Rule{
	needsTemplate("string"), needsTemplate("tinyint"), needsTemplate("smallint"), needsTemplate("int"),
	needsTemplate("bigint"), needsTemplate("float"), needsTemplate("double"),
}

func size(key string, def int64, doc string) option.Option {
	return option.Option{Key: key, Type: option.Int, Default: def, Min: 0, Max: maxSize, Doc: doc}
}

func template(what string, t option.Type) option.Option {
	return option.Option{Key: what + ".template", Type: t, Doc: "Values to pick from at random for " + what + ". A list that is not empty wins over the range."}
}

func mode(what string) option.Option {
	return option.Option{Key: what + ".fake.mode", Type: option.Enum, Choices: []string{modeRange, modeTemplate}, Default: modeRange,
		Doc: "How " + what + " values are made up: from the range or from the template."}
}

func needsTemplate(what string) option.Rule {
	return option.RequiredIf(what+".fake.mode", []string{modeTemplate}, what+".template")
}

func least(what string, t option.Type, def any) option.Option {
	return option.Option{Key: what + ".min", Type: t, Default: def, Doc: "Least made-up " + what + "."}
}

func bound(what string, t option.Type, def any) option.Option {
	return option.Option{Key: what + ".max", Type: t, Default: def, Doc: "Bound of made-up " + what + " values, itself excluded."}
}
