package state

import (
	"context"

	"seikan/db"
)

// TakeEpoch takes the next epoch for a new master and returns it: larger than any before. The
// writes of the masters before it (InEpoch) are refused from then on.
func (j *Jobs) TakeEpoch(ctx context.Context, node string) (int64, error) {
	return once(ctx, j, "take epoch", j.newID(), func() (d decision[int64], err error) {
		epoch, err := j.Epoch(ctx)
		if err != nil {
			return d, err
		}
		d.result = epoch + 1
		d.statements = append(db.Guard("COALESCE((SELECT epoch FROM leader), 0) = ?", epoch),
			db.S("INSERT OR REPLACE INTO leader(one, epoch, node, since_ms) VALUES (1, ?, ?, ?)",
				d.result, node, j.now().UnixMilli()))
		return d, nil
	})
}

// Epoch is the epoch taken last, 0 before the first.
func (j *Jobs) Epoch(ctx context.Context) (int64, error) {
	rows, err := j.query(ctx, "SELECT epoch FROM leader")
	if err != nil || len(rows) == 0 {
		return 0, err
	}
	return rows[0].number(), nil
}
