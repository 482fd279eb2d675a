package delimited

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"seikan/engine/format/value"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

// Source is a plugin.FileReading of rows that are lines.
//
// The position of a row is its offset in the file's text (after decompression and in UTF-8), as
// eight bytes, big endian.
type Source struct {
	Scanner Scanner
	Rules   Rules
	Values  value.Options
	Rows    *record.Schema // what is read, in output order
	Cells   []string       // the name of each cell of the Scanner
	Charset *Charset
	Header  int64 // rows to leave out at the start of a file
}

// Schema implements plugin.FileReading.
func (s *Source) Schema(context.Context, plugin.File) (*record.Schema, error) { return s.Rows, nil }

// Open implements plugin.FileReading.
func (s *Source) Open(ctx context.Context, task plugin.Task, split plugin.Split, f plugin.File, piece plugin.Range, schema *record.Schema) (plugin.SplitReader, error) {
	b, err := s.builder(schema)
	if err != nil {
		return nil, plugin.Permanent(fmt.Errorf("%s: %w", f.Name(), err))
	}
	r := &reader{source: s, task: task, split: split, file: f, builder: b, at: split.At}
	from, skip := piece.From, split.At.Rows
	if len(split.At.Token) == 8 {
		from, skip = int64(binary.BigEndian.Uint64(split.At.Token)), 0
	}
	if split.At.Done {
		r.done = true
		return r, nil
	}
	if r.in, err = openInput(ctx, f, s.Charset, from, piece.To); err != nil {
		return nil, err
	}
	r.start = from
	if from == 0 {
		skip += s.Header
	}
	if err := r.skip(ctx, skip); err != nil {
		return nil, errors.Join(err, r.Close())
	}
	return r, nil
}

type reader struct {
	*builder
	source *Source
	task   plugin.Task
	split  plugin.Split
	file   plugin.File
	in     *input
	done   bool
	at     record.Position

	start    int64 // offset where reading began
	above    int64 // line ends before start, once counted
	counted  bool
	lines    int64 // line ends since start
	consumed int   // bytes of the batch that is being made
}

// scan finds the next rows. It returns how many bytes they take, and false at the end.
func (r *reader) scan(ctx context.Context) (int, bool, error) {
	for {
		if err := ctx.Err(); err != nil {
			return 0, false, err
		}
		r.grid.reset()
		data, last := r.in.data(), r.in.eof
		if len(data) > plugin.BatchBytes { // the buffer grew for a long row: keep batches small
			if n := r.source.Scanner.Scan(data[:plugin.BatchBytes], false, r.grid); n > 0 {
				return n, true, nil
			}
			r.grid.reset()
		}
		if len(data) > 0 {
			if n := r.source.Scanner.Scan(data, last, r.grid); n > 0 {
				return n, true, nil
			}
		}
		if r.in.eof {
			return 0, false, nil
		}
		if r.in.full() {
			line, err := r.line(ctx, 0)
			if err != nil {
				return 0, false, err
			}
			return 0, false, plugin.Permanent(fmt.Errorf("%s, line %d, byte %d: the row is longer than %d MiB; a line end is missing, or a closing quote",
				r.file.Name(), line, r.in.offset, MaxRow>>20))
		}
		if err := r.in.fill(); err != nil {
			return 0, false, fmt.Errorf("reading %s at byte %d: %w", r.file.Name(), r.in.offset, err)
		}
	}
}

func (r *reader) consume(n int) {
	r.lines += int64(bytes.Count(r.in.data()[:n], []byte{'\n'}))
	r.in.consume(n)
	r.consumed += n
}

// skip leaves out rows, whatever they hold.
func (r *reader) skip(ctx context.Context, rows int64) error {
	for rows > 0 {
		r.grid.Max = int(min(rows, gridRows))
		n, ok, err := r.scan(ctx)
		if err != nil {
			return err
		}
		if !ok {
			break
		}
		rows -= int64(r.grid.Rows)
		r.consume(n)
	}
	return nil
}

// Next implements plugin.SplitReader.
func (r *reader) Next(ctx context.Context) (*record.Batch, error) {
	if r.done {
		return nil, plugin.ErrEnd
	}
	r.consumed = 0
	most := r.task.MaxRows()
	for r.rows < most && r.consumed < plugin.BatchBytes {
		r.grid.Max = min(gridRows, most-r.rows)
		n, ok, err := r.scan(ctx)
		if err != nil {
			return nil, err
		}
		if !ok {
			r.done = true
			break
		}
		if err := r.convert(ctx, r.in.data()[:n]); err != nil {
			return nil, err
		}
		r.next()
		r.consume(n)
	}
	if r.rows == 0 {
		r.done = true
		return nil, plugin.ErrEnd
	}
	from := r.at
	r.at = r.position(int64(r.rows), r.in.offset)
	return r.batch(ctx, r.split.ID, from, r.at)
}

// convert adds the rows of the grid, which stand in data, to the columns.
func (r *reader) convert(ctx context.Context, data []byte) error {
	for _, row := range r.add(data) {
		if err := r.refuse(ctx, row, data); err != nil {
			return err
		}
		r.drop(row)
	}
	return nil
}

// refuse hands a bad row to the task.
func (r *reader) refuse(ctx context.Context, row int, data []byte) error {
	span := r.grid.Spans[row]
	line, err := r.line(ctx, int(span.From))
	if err != nil {
		return err
	}
	bad := r.grid.failed[row].at(r.file.Name(), line)
	if r.task.Dirty == nil {
		return plugin.Permanent(bad)
	}
	return r.task.Dirty(ctx, plugin.DirtyRow{
		Raw: bytes.Clone(data[span.From : span.From+span.N]), Err: bad, Table: r.schema.Table(), Split: r.split.ID,
		At: r.position(int64(r.rows+row), r.in.offset+int64(span.From)),
	})
}

// line is the number, from 1, of the line that holds byte n of what is not consumed yet.
func (r *reader) line(ctx context.Context, n int) (int64, error) {
	if !r.counted && r.start > 0 {
		above, err := lines(ctx, r.file, r.source.Charset, r.start)
		if err != nil {
			return 0, fmt.Errorf("counting the lines of %s: %w", r.file.Name(), err)
		}
		r.above = above
	}
	r.counted = true
	return r.above + r.lines + int64(bytes.Count(r.in.data()[:n], []byte{'\n'})) + 1, nil
}

// position is the one in front of a row: rows rows behind the start of the batch, at offset.
func (r *reader) position(rows, offset int64) record.Position {
	return record.Position{Rows: r.at.Rows + rows, Token: binary.BigEndian.AppendUint64(nil, uint64(offset))}
}

// Close implements plugin.SplitReader.
func (r *reader) Close() error {
	if r.in == nil {
		return nil
	}
	return r.in.close.Close()
}
