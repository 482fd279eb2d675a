package dynamiccompile

import (
	"strings"
	"testing"

	"seikan/engine/plugin"
	"seikan/engine/transform/transformtest"
)

func TestJobIsRefusedWithAWayOut(t *testing.T) {
	t.Parallel()
	_, err := transformtest.Open(t, "DynamicCompile", transformtest.Schema(t, "id int"), "compile_language = GROOVY\ncompile_pattern = SOURCE_CODE\nsource_code = \"class X {}\"")
	if err == nil || !strings.Contains(err.Error(), "transform Script") || !strings.Contains(err.Error(), "job.conf:1") || !plugin.IsPermanent(err) {
		t.Error(err)
	}
}
