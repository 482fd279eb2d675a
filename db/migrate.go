package db

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"seikan/migrations"
)

// ErrBusy is inside the error of a Write that was refused only because others were writing:
// nothing took effect, and the same Write may be tried again.
var ErrBusy = errors.New("state store is busy")

// ErrNewer is inside the error of what a store is refused for that a newer program wrote.
var ErrNewer = errors.New("schema is newer than this program")

// IsGuard says whether sql is the statement of a Guard that fails when its condition is false.
func IsGuard(sql string) bool { return strings.HasPrefix(sql, "INSERT INTO guard(ok)") }

// Schema is what a store says of its tables.
type Schema struct {
	// Version is of the newest migration applied, 0 for an empty store.
	Version int
	// ReadableFrom: programs that know this version or a later one can work on it.
	ReadableFrom int
}

// Check says whether a program that knows the migrations up to known can work on the store:
// ErrNewer if it cannot.
func (s Schema) Check(known int) error {
	if s.ReadableFrom > known {
		return fmt.Errorf("%w: it has version %d, for programs that know %d, and this program knows up to %d; "+
			"use the program that wrote it or a later one", ErrNewer, s.Version, s.ReadableFrom, known)
	}
	return nil
}

// Migrate brings the store's schema to the newest of all, which are numbered from 1 without
// gaps: one Write a migration. Several processes may do it at the same time: the version's row
// is written with its changes and only one can. A store of a newer schema is left as it is; its
// Check tells whether this program can work on it.
func Migrate(ctx context.Context, s Store, nowMs int64, all []migrations.Migration) error {
	const tries = 20
	var last error
	for failures := 0; failures < tries && ctx.Err() == nil; {
		schema, err := SchemaOf(ctx, s)
		switch {
		case err != nil:
			return err
		case schema.Version >= len(all):
			return schema.Check(len(all))
		}
		version := schema.Version
		outcome, err := apply(ctx, s, nowMs, all[:version+1])
		if err == nil {
			continue
		}
		last = err
		failures++
		// Another process may have been first, or the outcome is unknown: look again. Refused and
		// nothing has moved means that the migration itself does not work here.
		if now, err := SchemaOf(ctx, s); err == nil && now.Version == version && outcome == Refused {
			return last
		}
	}
	return errors.Join(last, ctx.Err())
}

// hasReaders is the migration that adds schema_version.readable_from.
const hasReaders = 5

// SchemaOf reads the store's schema.
func SchemaOf(ctx context.Context, s Store) (Schema, error) {
	rows, err := s.Query(ctx, S("SELECT COALESCE(max(sql), '') FROM sqlite_master WHERE type='table' AND name='schema_version'"))
	if err != nil {
		return Schema{}, fmt.Errorf("read the schema's version: %w", err)
	}
	table, _ := rows.Values[0][0].(string)
	query := "SELECT COALESCE(max(version), 0), COALESCE(max(version), 0) FROM schema_version"
	switch {
	case table == "":
		return Schema{}, nil
	case strings.Contains(table, "readable_from"):
		query = "SELECT max(version), max(readable_from) FROM schema_version"
	}
	if rows, err = s.Query(ctx, S(query)); err != nil {
		return Schema{}, fmt.Errorf("read the schema's version: %w", err)
	}
	version, ok := rows.Values[0][0].(int64)
	from, ok2 := rows.Values[0][1].(int64)
	if !ok || !ok2 {
		return Schema{}, fmt.Errorf("read the schema's version: got %v", rows.Values[0])
	}
	return Schema{int(version), int(from)}, nil
}

// apply makes the last of steps.
func apply(ctx context.Context, s Store, nowMs int64, steps []migrations.Migration) (Outcome, error) {
	m := steps[len(steps)-1]
	var batch []Statement
	done := S("INSERT INTO schema_version(version, name, applied_ms) VALUES (?, ?, ?)", int64(m.Version), m.Name, nowMs)
	if m.Version > 1 {
		batch = append(batch, done) // first: it fails when another process has been here
	}
	for _, sql := range m.SQL {
		batch = append(batch, S(sql))
	}
	if m.Version == 1 {
		batch = append(batch, done) // its table is made by this very migration
	}
	if m.Version >= hasReaders {
		batch = append(batch, S("UPDATE schema_version SET readable_from = ? WHERE version = ?", int64(migrations.Readers(steps)), int64(m.Version)))
	}
	res, err := s.Write(ctx, batch...)
	if err != nil {
		return res.Outcome, fmt.Errorf("migration %04d_%s (%v): %w", m.Version, m.Name, res.Outcome, err)
	}
	return Done, nil
}
