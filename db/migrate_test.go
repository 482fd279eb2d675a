package db_test

import (
	"testing"

	"seikan/db"
	"seikan/migrations"
)

func TestEveryMigrationPassesTheScreening(t *testing.T) {
	t.Parallel()
	for _, m := range migrations.All() {
		for _, sql := range m.SQL {
			if err := db.Screen(sql); err != nil {
				t.Errorf("%04d_%s: %v in\n%s", m.Version, m.Name, err, sql)
			}
		}
	}
}
