package raft

import (
	"context"
	"errors"
	"fmt"
	"time"

	"seikan/db"
	"seikan/migrations"
)

// The schema is raised by the leader, and never beyond what the program of any member can work
// with: while an old one is there, the newer ones work on its schema if they can (Config.Oldest),
// and else leave it to the old one to lead. A member that does not answer counts as one that
// cannot, unless the step is one that this program cannot do without. A node that cannot work with
// what an older leader keeps raises the schema by a forwarded write, by the same rule.

// silentSchema is what programs know that do not tell.
const silentSchema = 4

// recheck is how often the schema is looked at while something holds it back.
const recheck = 2 * time.Second

// migrate raises the schema from the beginning of a reign until it is up to date.
func (n *Node) migrate(ctx context.Context) {
	said := ""
	for ctx.Err() == nil {
		pause := 20 * time.Millisecond
		if n.st.Ready() && !n.unsettled.Load() {
			term := n.inner.CurrentTerm()
			schema, held, err := n.raise(ctx, &view{node: n, migrating: true})
			switch {
			case err == nil && schema.Version >= n.cfg.Oldest:
				n.readers.Store(int64(schema.ReadableFrom))
				if n.readyIn.Swap(term) != term {
					n.tell()
				}
				if held == "" {
					return
				}
				pause = recheck
			case errors.Is(err, db.ErrNewer):
				if _, known := n.newer.Load().(error); !known {
					n.newer.Store(err)
					n.cfg.Log.Error("this node leads and cannot write", "error", err)
					n.tell()
				}
				pause = recheck
				if n.otherVoters() > 0 {
					_ = n.st.Stepdown(false, "") // is tried again
				}
			case err != nil && ctx.Err() == nil && !errors.Is(err, ErrNotLeader):
				n.cfg.Log.Warn("the schema of the state store is not up to date yet", "error", err)
			case held != "": // an older program can lead meanwhile, this one cannot
				pause = recheck
				_ = n.st.Stepdown(false, "")
			}
			if held != "" && held != said {
				n.cfg.Log.Info("the schema of the state store is held back until every node knows the newer one", "version", schema.Version, "knows", len(n.cfg.Migrations), "why", held)
			}
			said = held
		}
		wait(ctx, pause)
	}
}

// schemaReady says whether the schema was found to be one to work on since this node leads: while
// another one did, it may have become too new.
func (n *Node) schemaReady() bool { return n.readyIn.Load() == n.inner.CurrentTerm() }

// upgrade waits until this node is in a cluster and its schema is one that this program can work
// on, and raises it where an older leader does not.
func (n *Node) upgrade() {
	told := false
	for ; n.ctx.Err() == nil; wait(n.ctx, time.Second) {
		if _, addr := n.Leader(); addr == "" || n.IsLeader() {
			continue
		}
		v := &view{node: n, forward: true}
		schema, err := db.SchemaOf(n.ctx, v)
		if err != nil || schema.Version == 0 {
			continue
		}
		if err := schema.Check(len(n.cfg.Migrations)); err != nil {
			if !told {
				n.cfg.Log.Error("this node's program cannot work on the state of its cluster", "error", err)
			}
			told = true
			continue
		}
		if schema.Version < n.cfg.Oldest {
			var held string
			if schema, held, err = n.raise(n.ctx, v); held != "" && !told {
				n.cfg.Log.Warn("this program needs a newer schema of the state store than the cluster has", "version", schema.Version,
					"needs", n.cfg.Oldest, "why_not", held)
				told = true
			}
		}
		if err == nil && schema.Version >= n.cfg.Oldest {
			return
		}
	}
}

// raise brings the schema as far as the programs of all members allow, and says what holds it
// back there, if anything.
func (n *Node) raise(ctx context.Context, s db.Store) (now db.Schema, held string, err error) {
	all := n.cfg.Migrations
	if now, err = db.SchemaOf(ctx, s); err != nil {
		return now, "", err
	}
	if now.Version >= len(all) {
		return now, "", now.Check(len(all))
	}
	programs, err := n.programs(ctx)
	if err != nil {
		return now, "", err
	}
	target, held := allowed(all, now.Version, n.cfg.Oldest, programs)
	if target == now.Version {
		return now, held, nil
	}
	if err := db.Migrate(ctx, s, n.cfg.Clock().UnixMilli(), all[:target]); err != nil {
		return now, held, err
	}
	n.cfg.Log.Info("the schema of the state store was raised", "from", now.Version, "to", target)
	return db.Schema{Version: target, ReadableFrom: migrations.Readers(all[:target])}, held, nil
}

// program is what another member's program knows.
type program struct {
	Member
	schema int // 0: it does not answer
}

func (n *Node) programs(ctx context.Context) ([]program, error) {
	const patience = time.Second
	peers, err := n.Nodes(ctx, patience)
	if err != nil {
		return nil, err
	}
	var out []program
	for _, p := range peers {
		if p.ID != n.id {
			out = append(out, program{p.Member, p.Schema})
		}
	}
	return out, nil
}

// allowed is the version up to which the schema may be raised, and what holds it back there.
func allowed(all []migrations.Migration, now, oldest int, others []program) (target int, held string) {
	target = len(all)
	for _, p := range others {
		for target > now {
			readers := migrations.Readers(all[:target])
			if p.schema >= readers {
				break
			}
			if p.schema == 0 && target <= oldest {
				break // it joins the others' schema when it is back, or is refused
			}
			held = fmt.Sprintf("%s at %s runs a program that knows schema %d, and version %d is for %d or later", p.ID, p.Addr, p.schema, target, readers)
			if p.schema == 0 {
				held = fmt.Sprintf("%s at %s does not answer, so its program is not known", p.ID, p.Addr)
			}
			target--
		}
	}
	return target, held
}

// Ready says whether writes can be served: there is a leader, a restore is over, and the schema
// is there, in this node's copy too. A follower asks the leader. The error is for what waiting
// does not heal: a schema that this program cannot work on.
func (n *Node) Ready(ctx context.Context) (bool, error) {
	if n.ctx.Err() != nil {
		return false, ErrClosed
	}
	if !n.st.Ready() {
		return false, nil
	}
	if n.IsLeader() {
		if err, ok := n.newer.Load().(error); ok {
			return false, err
		}
		return n.schemaReady(), nil
	}
	want, err := db.SchemaOf(ctx, &view{node: n, forward: true})
	if err != nil || want.Version == 0 {
		return false, nil // the leader is not ready, or another one is about to be
	}
	if err := want.Check(len(n.cfg.Migrations)); err != nil {
		return false, err
	}
	here, err := db.SchemaOf(db.Stale(ctx), &view{node: n})
	return err == nil && here.Version >= want.Version && here.Version >= n.cfg.Oldest, nil
}

// wait waits for d or until ctx ends.
func wait(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
	case <-t.C:
	}
}
