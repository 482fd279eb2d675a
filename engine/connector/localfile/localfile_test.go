package localfile

import (
	"testing"

	"seikan/engine/job/hocon"
	"seikan/engine/option"
	"seikan/engine/plugin"
)

func TestTheExamplesOfTheReferencePageAreValid(t *testing.T) {
	t.Parallel()
	source, ok := plugin.FindSource("LocalFile")
	sink, ok2 := plugin.FindSink("localfile")
	if !ok || !ok2 {
		t.Fatal("LocalFile is not registered")
	}
	for _, spec := range []*option.Spec{source.Spec, sink.Spec} {
		v, err := hocon.Parse("example", []byte(spec.Example), hocon.Options{})
		if err != nil {
			t.Fatal(err)
		}
		if _, problems := spec.Parse(v.Get("LocalFile").Value); len(problems) > 0 {
			t.Errorf("%s: %v", spec.Kind, problems)
		}
	}
}

func TestSourceAndSinkStayOnOneNode(t *testing.T) {
	t.Parallel()
	f, _ := plugin.FindSink("LocalFile")
	if f.Guarantee(nil) != plugin.Staged || !f.Committer || !f.MultiTable {
		t.Errorf("%+v", f)
	}
	if connector.NodeBound == "" {
		t.Error("the files of one node are taken for shared ones")
	}
}
