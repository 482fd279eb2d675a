package delimited

import (
	"context"
	"errors"
	"fmt"

	"seikan/engine/record"
)

// Decoder makes rows out of messages, for queues and services.
type Decoder struct {
	*builder
	scanner Scanner
}

// Decoder makes a Decoder. The Scanner gets whole messages: its last is always true.
func (s *Source) Decoder() (*Decoder, error) {
	b, err := s.builder(s.Rows)
	if err != nil {
		return nil, err
	}
	return &Decoder{b, s.Scanner}, nil
}

// Add adds the rows of one message and returns how many there are; none when the message is
// empty, and none when err says what is wrong with it.
func (d *Decoder) Add(message []byte) (rows int, err error) {
	if len(message) > MaxRow {
		return 0, fmt.Errorf("the message is longer than %d MiB", MaxRow>>20)
	}
	first := d.rows
	for len(message) > 0 {
		d.grid.reset()
		n := d.scanner.Scan(message, true, d.grid)
		if n == 0 {
			break
		}
		for _, row := range d.add(message[:n]) {
			f := d.grid.failed[row]
			if f.column != "" {
				f.err = fmt.Errorf("column %q: %w", f.column, f.err)
			}
			err = errors.Join(err, f.err)
		}
		d.next()
		message = message[n:]
	}
	if err != nil {
		for row := first; row < d.rows; row++ {
			d.dropped = append(d.dropped, row)
		}
		return 0, err
	}
	return d.rows - first, nil
}

// Rows is the number of rows added since the last Batch.
func (d *Decoder) Rows() int { return d.rows - len(d.dropped) }

// Batch returns the rows added since the last Batch. Its place in a split is the caller's to
// fill in: rows of refused messages are not in it, and it has no Ordinals.
func (d *Decoder) Batch(ctx context.Context) (*record.Batch, error) {
	b, err := d.batch(ctx, "", record.Position{}, record.Position{})
	if b != nil {
		b.Ordinals = nil
	}
	return b, err
}
