package node

import (
	"testing"

	"seikan/engine/option"
	"seikan/engine/plugin"
)

func init() {
	plugin.RegisterSource(&plugin.SourceFactory{Spec: &option.Spec{Name: "Vault", Options: []option.Option{
		{Key: "api.key", Sensitive: true, Old: []string{"apikey"}},
		{Key: "open"},
		{Key: "headers", Type: option.Map, Sensitive: true},
		{Key: "tables", Type: option.Objects, Fields: []option.Option{{Key: "pass", Sensitive: true}, {Key: "path"}}},
	}}})
}

func TestSecretsAreFoundUnderEveryName(t *testing.T) {
	t.Parallel()
	for key, want := range map[string]bool{"api.key": true, "apikey": true, "open": false, "headers": true, "headers.X-Auth": true,
		"tables": false, "tables.pass": true, "tables.path": false, "none": false} {
		for _, name := range []string{"Vault", "vault"} {
			if got := Sensitive(name, key); got != want {
				t.Errorf("%s of %s: %v", key, name, got)
			}
		}
	}
}
