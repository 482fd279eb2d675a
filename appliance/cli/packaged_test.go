package cli

import (
	"errors"
	"os"
	"strings"
	"testing"

	"seikan/appliance/testbed/lacking"
)

func TestRootDoesNotTouchTheStateOfAnotherUser(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if err := ownState(dir); err != nil {
		t.Errorf("one's own state: %v", err)
	}
	if os.Geteuid() != 0 {
		lacking.Skip(t, "only root can give a directory away")
	}
	if err := os.Chown(dir, 65534, 65534); err != nil {
		t.Fatal(err)
	}
	var c coded
	if err := ownState(dir); !errors.As(err, &c) || c.code != exitUsage || !strings.Contains(err.Error(), "runuser -u ") {
		t.Errorf("%v", err)
	}
}

func TestOnlyThePackagesDirectoryIsTakenForTheUnits(t *testing.T) {
	t.Parallel()
	for _, dir := range []string{t.TempDir(), "/etc", "/etc/seikan-other", "/nowhere"} {
		if packaged(dir) {
			t.Errorf("%s is taken for that of the packages", dir)
		}
	}
}
