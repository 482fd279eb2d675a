package db

import "context"

type staleKey struct{}

// Stale marks the queries of ctx as content with what this node has, which may be behind what
// was written: right for lists and pages, wrong for decisions. A store that is never behind
// ignores it. Writes ignore it too.
func Stale(ctx context.Context) context.Context { return context.WithValue(ctx, staleKey{}, true) }

// IsStale says whether ctx was marked by Stale.
func IsStale(ctx context.Context) bool { return ctx.Value(staleKey{}) != nil }
