package fakesource

import (
	"testing"

	"seikan/engine/job/hocon"
)

func TestTheExampleIsRight(t *testing.T) {
	t.Parallel()
	tree, err := hocon.Parse("example.conf", []byte(spec.Example), hocon.Options{})
	if err != nil || len(tree.Fields) != 1 || tree.Fields[0].Key != spec.Name {
		t.Fatalf("the example is no block called %s: %v", spec.Name, err)
	}
	if _, problems := spec.Parse(tree.Fields[0].Value); len(problems) > 0 {
		t.Fatal(problems)
	}
}
