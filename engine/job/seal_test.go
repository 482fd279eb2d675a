package job

import (
	"bytes"
	"strings"
	"testing"

	"seikan/engine/job/hocon"
)

func TestSealedValuesCanOnlyBeOpenedWithTheirKey(t *testing.T) {
	t.Parallel()
	v, err := hocon.Parse("x", []byte(`source { Jdbc { user = "u", password = "geheim", nested { password = "auch" } } }`), hocon.Options{PluginSections: true})
	if err != nil {
		t.Fatal(err)
	}
	secret := func(plugin, key string) bool { return plugin == "Jdbc" && key == "password" }
	s, err := NewSealer([]byte("key"))
	if err != nil {
		t.Fatal(err)
	}
	stored, err := s.Seal(v, secret)
	if err != nil {
		t.Fatal(err)
	}
	text := hocon.JSON(stored)
	if bytes.Contains(text, []byte("geheim")) || bytes.Contains(text, []byte("auch")) || !bytes.Contains(text, []byte(`"u"`)) {
		t.Fatalf("stored: %s", text)
	}
	back, err := s.Open(stored)
	if err != nil || !bytes.Equal(hocon.JSON(back), hocon.JSON(v)) {
		t.Fatalf("opened (%v): %s", err, hocon.JSON(back))
	}
	other, err := NewSealer([]byte("another"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Open(stored); err == nil || !strings.Contains(err.Error(), "cluster key") {
		t.Fatalf("opened with another key: %v", err)
	}
}
