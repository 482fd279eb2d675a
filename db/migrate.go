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

// ErrNewer is inside the error of Migrate on a store written by a newer program.
var ErrNewer = errors.New("schema is newer than this program")

// IsGuard says whether sql is the statement of a Guard that fails when its condition is false.
func IsGuard(sql string) bool { return strings.HasPrefix(sql, "INSERT INTO guard(ok)") }

// Migrate brings the store's schema to the newest of all, which are numbered from 1 without
// gaps: one Write a migration. Several processes may do it at the same time: the version's row
// is written with its changes and only one can. A store of a newer schema is left alone
// (ErrNewer).
func Migrate(ctx context.Context, s Store, nowMs int64, all []migrations.Migration) error {
	const tries = 20
	var last error
	for failures := 0; failures < tries && ctx.Err() == nil; {
		version, err := SchemaVersion(ctx, s)
		switch {
		case err != nil:
			return err
		case version > len(all):
			return fmt.Errorf("%w: it has version %d and this program knows up to %d; "+
				"use the program that wrote it or a later one", ErrNewer, version, len(all))
		case version == len(all):
			return nil
		}
		outcome, err := apply(ctx, s, nowMs, all[version])
		if err == nil {
			continue
		}
		last = err
		failures++
		// Another process may have been first, or the outcome is unknown: look again. Refused and
		// nothing has moved means that the migration itself does not work here.
		if now, err := SchemaVersion(ctx, s); err == nil && now == version && outcome == Refused {
			return last
		}
	}
	return errors.Join(last, ctx.Err())
}

// SchemaVersion is the version of the newest migration applied, 0 for an empty store.
func SchemaVersion(ctx context.Context, s Store) (int, error) {
	rows, err := s.Query(ctx, S("SELECT count(*) FROM sqlite_master WHERE type='table' AND name='schema_version'"))
	if err == nil && rows.Values[0][0] == int64(0) {
		return 0, nil
	}
	if err == nil {
		rows, err = s.Query(ctx, S("SELECT COALESCE(max(version), 0) FROM schema_version"))
	}
	if err != nil {
		return 0, fmt.Errorf("read schema version: %w", err)
	}
	version, ok := rows.Values[0][0].(int64)
	if !ok {
		return 0, fmt.Errorf("read schema version: got %v", rows.Values[0][0])
	}
	return int(version), nil
}

func apply(ctx context.Context, s Store, nowMs int64, m migrations.Migration) (Outcome, error) {
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
	res, err := s.Write(ctx, batch...)
	if err != nil {
		return res.Outcome, fmt.Errorf("migration %04d_%s (%v): %w", m.Version, m.Name, res.Outcome, err)
	}
	return Done, nil
}
