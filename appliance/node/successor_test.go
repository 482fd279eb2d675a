package node

import (
	"strings"
	"testing"
)

func TestLeadershipGoesToANodeThatIsFitForIt(t *testing.T) {
	t.Parallel()
	all := []heir{
		{id: "self", addr: "h0", voter: true, reachable: true, index: 9000},
		{id: "drained", addr: "h1", voter: true, reachable: true, draining: true, index: 9000},
		{id: "behind", addr: "h2", voter: true, reachable: true, index: 7999},
		{id: "silent", addr: "h3", voter: true, index: 9000},
		{id: "follower", addr: "h4", reachable: true, index: 9000},
		{id: "near", addr: "h5", voter: true, reachable: true, index: 8000},
		{id: "nearer", addr: "h6", voter: true, reachable: true, index: 8999},
	}
	for wanted, want := range map[string]string{"": "nearer", "near": "near", "self": "self"} {
		if got, err := successor("self", wanted, all); got != want || err != nil {
			t.Errorf("wanted %q: %q, %v", wanted, got, err)
		}
	}
	for wanted, why := range map[string]string{"drained": "is drained", "behind": "1001 entries of the log behind", "silent": "does not answer", "follower": "has no vote"} {
		if got, err := successor("self", wanted, all); err == nil || !strings.Contains(err.Error(), why) {
			t.Errorf("wanted %q: %q, %v", wanted, got, err)
		}
	}
	if got, err := successor("self", "", all[:5]); err == nil {
		t.Errorf("%q takes over", got)
	}
}
