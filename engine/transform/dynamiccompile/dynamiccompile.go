// Package dynamiccompile knows SeaTunnel's DynamicCompile transform well enough to say what to
// use in its place: it runs Java and Groovy, for which there is no machine here.
package dynamiccompile

import (
	"context"

	"seikan/engine/job/hocon"
	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

func init() {
	plugin.RegisterTransform(&plugin.TransformFactory{Spec: spec, New: refuse})
}

const instead = "use the transform Script: columns = [ { dest_field = x, dest_type = string, script = \"upper(name)\" } ]"

var spec = &option.Spec{
	Name:    "DynamicCompile",
	Summary: "Not supported: Java and Groovy code. Use Script.",
	Doc: "SeaTunnel compiles Java or Groovy code given in the job file and calls it for each row. Seikan has no Java machine, so a job with this " +
		"transform is refused when it is planned. The transform Script computes columns and filters rows by expressions, and Sql by SQL.",
	Options: []option.Option{
		{Key: "compile_language", Type: option.String, Doc: "GROOVY or JAVA."},
		{Key: "compile_pattern", Type: option.String, Doc: "SOURCE_CODE or ABSOLUTE_PATH."},
		{Key: "source_code", Type: option.String, Excluded: true, Doc: "The code."},
		{Key: "absolute_path", Type: option.String, Doc: "The file with the code."},
	},
}

func refuse(_ context.Context, _ plugin.Job, _ *record.Schema, opts *option.Values) (plugin.Transform, error) {
	return nil, hocon.Problem{
		Code: "CFG-041", Pos: opts.Pos(), Label: "not supported", Help: instead,
		Message: "DynamicCompile runs Java or Groovy code, which Seikan cannot; " + instead,
	}
}
