package raft

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// about is what a node tells of itself.
type about struct {
	index    uint64 // how far its log goes
	schema   int    // the newest that its program knows
	voteless bool   // its role does not vote
	process  string // which process it is
}

// What a node tells beside its id and index stands where rqlite tells the URL of its API:
// "schema=7,process=1f…", and "voteless" for a worker.
func (n *Node) told() string {
	text := fmt.Sprintf("schema=%d,process=%s", len(n.cfg.Migrations), n.process)
	if n.cfg.Voteless {
		text += ",voteless"
	}
	return text
}

func (a *about) read(url string) {
	a.schema = silentSchema
	_, text, _ := strings.Cut(url, "://")
	for part := range strings.SplitSeq(text, ",") {
		switch key, value, _ := strings.Cut(part, "="); key {
		case "schema":
			if v, err := strconv.Atoi(value); err == nil {
				a.schema = v
			}
		case "process":
			a.process = value
		case "voteless":
			a.voteless = true
		}
	}
}

// whoIsAt asks the node at addr about itself, if its id is the expected one.
func (n *Node) whoIsAt(ctx context.Context, addr, id string, timeout time.Duration) (about, error) {
	ctx, cancel := context.WithTimeout(ctx, timeout)
	defer cancel()
	got := make(chan about, 1)
	err := n.call(ctx, func() error {
		meta, err := n.client.GetNodeMeta(addr, 1, timeout)
		if err != nil {
			return err
		}
		if meta.Version != id {
			return fmt.Errorf("the node at %s is %s, not %s", addr, meta.Version, id)
		}
		a := about{index: meta.CommitIndex}
		a.read(meta.Url)
		got <- a
		return nil
	})
	if err != nil {
		return about{}, err
	}
	return <-got, nil
}
