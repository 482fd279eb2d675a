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

// Migrate brings the store's schema to the newest of all, one Write a migration, so that
// several processes may do it at the same time: the version's row is written with its changes
// and only one can. A store of a newer schema is left alone (ErrNewer).
func Migrate(ctx context.Context, s Store, nowMs int64, all []migrations.Migration) error {
	const tries = 20
	newest := 0
	if len(all) > 0 {
		newest = all[len(all)-1].Version
	}
	var last error
	for range tries {
		version, err := SchemaVersion(ctx, s)
		switch {
		case err != nil:
			return err
		case version > newest:
			return fmt.Errorf("%w: it has version %d and this program knows up to %d; "+
				"use the program that wrote it or a later one", ErrNewer, version, newest)
		case version == newest:
			return nil
		}
		before := version
		for _, m := range all {
			if m.Version <= version {
				continue
			}
			if last = apply(ctx, s, nowMs, m); last != nil {
				break
			}
			version = m.Version
		}
		if last == nil {
			return nil
		}
		// Another process may have been first, or the outcome is unknown: look again. Nothing
		// moved and nothing was busy means that the migration itself does not work here.
		if now, err := SchemaVersion(ctx, s); err == nil && now == before && !retry(last) {
			return last
		}
		if ctx.Err() != nil {
			break
		}
	}
	return last
}

func retry(err error) bool {
	var m *migrationError
	return errors.Is(err, ErrBusy) || errors.As(err, &m) && m.outcome == Unknown
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

type migrationError struct {
	version int
	name    string
	outcome Outcome
	err     error
}

func (e *migrationError) Error() string {
	return fmt.Sprintf("migration %04d_%s (%v): %v", e.version, e.name, e.outcome, e.err)
}

func (e *migrationError) Unwrap() error { return e.err }

func apply(ctx context.Context, s Store, nowMs int64, m migrations.Migration) error {
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
	if res, err := s.Write(ctx, batch...); err != nil {
		return &migrationError{m.Version, m.Name, res.Outcome, err}
	}
	return nil
}
