package job

import (
	"slices"
	"strings"

	"seikan/engine/job/hocon"
)

// Masked stands for a value that is not to be seen.
const Masked = "******"

// Redact returns a copy of v, a whole configuration or a part, in which the values of password,
// username, auth and token are masked, in any case and at any depth. sensitive names more: it is
// asked with the plugin whose block an option stands in ("" outside of one) and the option's
// key, whose parts are joined by dots when it is nested. nil names none.
func Redact(v *hocon.Value, sensitive func(plugin, key string) bool) *hocon.Value {
	out := v.Clone()
	if out != nil {
		redact(out, "", "", sensitive)
	}
	return out
}

func redact(v *hocon.Value, plugin, path string, sensitive func(plugin, key string) bool) {
	if name := v.Get(pluginName); name != nil && name.Value.Scalar() {
		plugin, path = name.Value.Text, ""
	}
	for _, e := range v.Fields {
		key := path + e.Key
		if slices.Contains(shaded, strings.ToLower(e.Key)) || sensitive != nil && sensitive(plugin, key) {
			e.Value = hocon.TextAt(e.Value.Pos, Masked)
			continue
		}
		redact(e.Value, plugin, key+".", sensitive)
	}
	for _, item := range v.Items {
		redact(item, plugin, path, sensitive)
	}
}
