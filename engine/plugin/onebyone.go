package plugin

import (
	"context"
	"errors"
	"io"

	"seikan/engine/record"
)

// ErrEnd ends a SplitReader.
var ErrEnd = io.EOF

// OneByOne makes a Reader out of a function that opens one split. It names the split in every
// batch, counts rows into the positions where the split reader leaves them empty, and reports
// the end of each split.
func OneByOne(open func(ctx context.Context, split Split) (SplitReader, error)) Reader {
	return &oneByOne{open: open}
}

type oneByOne struct {
	open    func(ctx context.Context, split Split) (SplitReader, error)
	waiting []Split
	split   Split
	reader  SplitReader
	at      record.Position
}

func (r *oneByOne) Add(_ context.Context, split Split) error {
	r.waiting = append(r.waiting, split)
	return nil
}

func (r *oneByOne) Poll(ctx context.Context) (record.Event, error) {
	if r.reader == nil {
		if len(r.waiting) == 0 {
			return record.Event{}, nil
		}
		r.split, r.waiting = r.waiting[0], r.waiting[1:]
		reader, err := r.open(ctx, r.split)
		if err != nil {
			return record.Event{}, err
		}
		r.reader, r.at = reader, r.split.At
	}
	b, err := r.reader.Next(ctx)
	switch {
	case errors.Is(err, ErrEnd):
		err = r.reader.Close()
		r.reader = nil
		end := r.at
		end.Done = true
		return record.Event{Batch: &record.Batch{Split: r.split.ID, From: r.at, To: end}}, err
	case err != nil:
		return record.Event{}, err
	case b == nil:
		return record.Event{}, nil
	}
	b.Split = r.split.ID
	b.From = r.at
	if b.To.Rows == 0 {
		b.To.Rows = r.at.Rows + int64(b.Rows())
	}
	r.at = b.To
	return record.Event{Batch: b}, nil
}

func (r *oneByOne) Close() error {
	if r.reader == nil {
		return nil
	}
	err := r.reader.Close()
	r.reader = nil
	return err
}
