//go:build faults

package faults

import (
	"context"
	"net/http"
	"strings"
	"testing"
)

// TestAnotherClustersNameIsRefusedOnBothSides starts a node whose file names another cluster.
func TestAnotherClustersNameIsRefusedOnBothSides(t *testing.T) {
	t.Parallel()
	c := Start(t, 3, shared())
	c.WaitVoters(3)
	stranger := c.Nodes[2]
	stranger.Rename("elsewhere")
	stranger.Replace()
	c.WaitSaid(stranger, "elsewhere")
	c.WaitSaid(stranger, "set the same cluster-name")
	c.WaitSaid(c.Nodes[0], "elsewhere")
	c.Wait("the stranger tells about itself", patience, func(ctx context.Context) error {
		a, err := stranger.About(ctx)
		if err == nil && (a.Ready || a.Master != "") {
			t.Errorf("a node of another cluster says %+v", a)
		}
		return err
	})
	c.WaitMaster(c.Nodes[:2]...)
	c.WaitStatus(c.Submit(c.Nodes[0], Spread(100, 1000, 1)), "FINISHED", patience, c.Nodes[:2]...)
}

// TestABadSubmitIsRefusedWithWords sends what cannot be run to a cluster.
func TestABadSubmitIsRefusedWithWords(t *testing.T) {
	t.Parallel()
	c := Start(t, 1, Options{})
	for text, words := range map[string]string{
		"env {": "never closed",
		"env {}\nsource { Nowhere {} }\nsink { Assert {} }": "Nowhere",
	} {
		if _, err := c.Nodes[0].Submit(t.Context(), text); err == nil || !strings.Contains(err.Error(), words) {
			t.Errorf("%q is answered with %v", text, err)
		}
	}
	if err := c.Nodes[0].request(t.Context(), http.MethodGet, "8080", "/job-info/word", "", nil); err == nil {
		t.Error("a job id that is not a number is taken")
	}
}
