package file

import (
	"context"
	"encoding/json"
	"fmt"

	"seikan/engine/format/compress"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

func (s *source) Reader(_ context.Context, task plugin.Task) (plugin.Reader, error) {
	return plugin.OneByOne(func(ctx context.Context, split plugin.Split) (plugin.SplitReader, error) {
		return s.open(ctx, task, split)
	}), nil
}

func (s *source) open(ctx context.Context, task plugin.Task, split plugin.Split) (plugin.SplitReader, error) {
	var p piece
	if err := json.Unmarshal(split.Data, &p); err != nil {
		return nil, fmt.Errorf("read the description of split %s: %w", split.ID, err)
	}
	if p.Table < 0 || p.Table >= len(s.tables) {
		return nil, plugin.Permanent(fmt.Errorf("split %s belongs to table %d of %d: the job file was changed", split.ID, p.Table+1, len(s.tables)))
	}
	if split.At.Done {
		return ended{}, nil
	}
	t := s.tables[p.Table]
	info, err := t.sys.Stat(ctx, p.Path)
	if err != nil {
		return nil, opened(p.Path, err)
	}
	if err := p.unchanged(info, split.At.Rows > 0); err != nil {
		return nil, plugin.Permanent(err)
	}
	f := t.file(info)
	var r plugin.SplitReader
	if t.archive == "" {
		r, err = t.reading.Open(ctx, task, split, compress.File(f, t.codec), p.Range, t.body)
	} else {
		r, err = t.openArchive(ctx, task, split, f)
	}
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", p.Path, err)
	}
	if len(t.partitions) > 0 {
		r = &withPartitions{SplitReader: r, schema: t.schema, file: p.Path, names: t.partitions}
	}
	return r, nil
}

// ended reads what is read already.
type ended struct{}

func (ended) Next(context.Context) (*record.Batch, error) { return nil, plugin.ErrEnd }
func (ended) Close() error                                { return nil }

// unchanged tells why a piece of a file, or the rest of it, no longer means the same rows.
// Growth is taken for lines appended behind what was planned.
func (p piece) unchanged(now Info, resumed bool) error {
	switch {
	case p.Whole && !resumed, now.Size > p.Size:
	case now.Size < p.Size:
		return fmt.Errorf("%s shrank from %d to %d bytes since the job began to read it; run the job again", p.Path, p.Size, now.Size)
	case p.Modified != 0 && !now.ModTime.IsZero() && now.ModTime.UnixNano() != p.Modified:
		return fmt.Errorf("%s was rewritten since the job began to read it; run the job again", p.Path)
	}
	return nil
}

// archiveReader reads the entries of an archive as one split.
type archiveReader struct {
	table   *table
	task    plugin.Task
	split   plugin.Split
	archive plugin.File
	entries compress.Entries
	current plugin.SplitReader
	place   archivePlace // of the current or the next entry
	rows    int64        // of the split before the next batch
}

// archivePlace is the Token of a position in an archive.
type archivePlace struct {
	Entry int    `json:"entry"`           // number of the entry, counting those that match
	Base  int64  `json:"base"`            // rows in the entries before it
	Token []byte `json:"token,omitempty"` // the format's own
}

func (t *table) openArchive(ctx context.Context, task plugin.Task, split plugin.Split, f plugin.File) (plugin.SplitReader, error) {
	a := &archiveReader{table: t, task: task, split: split, archive: f, rows: split.At.Rows}
	if len(split.At.Token) > 0 {
		if err := json.Unmarshal(split.At.Token, &a.place); err != nil {
			return nil, fmt.Errorf("read the position in split %s: %w", split.ID, err)
		}
	}
	var err error
	if a.entries, err = compress.Open(ctx, f, t.archive, archiveSuffixes[t.format.Name()]); err != nil {
		return nil, err
	}
	for range a.place.Entry {
		if _, err := a.entries.Next(); err != nil {
			a.entries.Close()
			return nil, fmt.Errorf("go back to entry %d: %w", a.place.Entry+1, err)
		}
	}
	return a, nil
}

func (a *archiveReader) Next(ctx context.Context) (*record.Batch, error) {
	for {
		if a.current == nil {
			if err := a.next(ctx); err != nil {
				return nil, err
			}
		}
		b, err := a.current.Next(ctx)
		if err == plugin.ErrEnd {
			err = a.current.Close()
			a.current = nil
			a.place = archivePlace{Entry: a.place.Entry + 1, Base: a.rows}
			if err != nil {
				return nil, err
			}
			continue
		}
		if err != nil || b == nil {
			return b, err
		}
		b.From = record.Position{Rows: a.rows}
		if b.To.Rows > 0 {
			a.rows = a.place.Base + b.To.Rows
		} else {
			a.rows += int64(b.Rows())
		}
		here := a.place
		here.Token = b.To.Token
		token, err := json.Marshal(here)
		if err != nil {
			panic(err) // numbers and bytes
		}
		b.To = record.Position{Rows: a.rows, Token: token}
		return b, nil
	}
}

// next opens the next entry; its error is plugin.ErrEnd when there is none.
func (a *archiveReader) next(ctx context.Context) error {
	entry, err := a.entries.Next()
	if err == plugin.ErrEnd {
		if a.place.Entry == 0 {
			a.task.Log.Warn("the archive has no file of the format; it gives no rows",
				"archive", a.archive.Name(), "expected", archiveSuffixes[a.table.format.Name()])
		}
		return err
	}
	if err != nil {
		return err
	}
	inner := a.split
	inner.At = record.Position{Rows: a.rows - a.place.Base, Token: a.place.Token}
	a.current, err = a.table.reading.Open(ctx, a.task, inner, compress.File(entry, a.table.codec), plugin.Range{From: 0, To: -1}, a.table.body)
	if err != nil {
		return fmt.Errorf("open %s: %w", entry.Name(), err)
	}
	return nil
}

func (a *archiveReader) Close() error {
	var err error
	if a.current != nil {
		err = a.current.Close()
	}
	if cerr := a.entries.Close(); err == nil {
		err = cerr
	}
	return err
}
