package node

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/memory"

	"seikan/db/state"
	"seikan/engine/checkpoint"
	"seikan/engine/format/parquet/parquetfile"
	"seikan/engine/record"
	"seikan/storage"
)

// archive keeps ended runs and events that leave the state as Parquet files on the checkpoint
// storage: seikan/history/runs/2026-11-24/BATCH.parquet, by the day of the first row.
type archive struct {
	jobs  *state.Jobs
	blobs storage.Store
}

func archiveName(b state.Batch) string {
	return checkpoint.History + b.Kind + "/" + b.First.UTC().Format(time.DateOnly) + "/" + b.ID + ".parquet"
}

// write puts a batch into its file. Whoever does it again, after a crash in between or at the same
// time, writes the same rows under the same name.
func (a archive) write(ctx context.Context, b state.Batch) error {
	var out bytes.Buffer
	rows, err := a.encode(ctx, &out, b)
	if err == nil && rows != b.Rows {
		err = fmt.Errorf("%w: %d rows were read, there were %d", state.ErrMoved, rows, b.Rows)
	}
	if err == nil {
		_, err = a.blobs.Put(ctx, archiveName(b), &out)
	}
	if err != nil {
		return fmt.Errorf("archive %s of %s: %w", b.Kind, b.First.Format(time.DateOnly), err)
	}
	return nil
}

// pageOfBatch is how many rows are in memory as such.
const pageOfBatch = 100

func (a archive) encode(ctx context.Context, out *bytes.Buffer, b state.Batch) (rows int64, err error) {
	columns := runColumns
	if b.Kind == state.ArchiveEvents {
		columns = eventColumns
	}
	schema := (&record.Schema{Columns: columns}).Freeze()
	w, err := parquetfile.NewWriter(out, schema, parquetfile.Options{Codec: parquetfile.Zstd, Message: b.Kind})
	if err != nil {
		return 0, err
	}
	for {
		page := newPage(schema)
		if b.Kind == state.ArchiveEvents {
			var events []state.Event
			events, err = a.jobs.BatchEvents(ctx, b.ID, int(rows), pageOfBatch)
			for _, e := range events {
				page.row(e.ID, e.JobID, e.RunNo, e.At, e.Kind, e.Message, e.Detail)
			}
		} else {
			var runs []state.ArchivedRun
			runs, err = a.jobs.BatchRuns(ctx, b.ID, int(rows), pageOfBatch)
			for _, r := range runs {
				page.row(r.JobID, r.RunNo, r.RunID, r.RestoredFrom, r.Name, r.Mode, string(r.Status), r.Submitted, r.Started, r.Finished,
					r.Error, r.Owner, r.Metrics, r.Text, r.TextFormat)
			}
		}
		if err != nil {
			return rows, err
		}
		if page.rows == 0 {
			return rows, w.Close()
		}
		rows += page.rows
		data := page.b.NewRecordBatch()
		err = w.Write(data)
		data.Release()
		if err != nil {
			return rows, err
		}
	}
}

// The columns of the files, as those of the tables in the state. Times are UTC.
var (
	text         = record.Of(record.String)
	instant      = record.Type{Kind: record.TimestampTZ, Scale: 3}
	number       = record.Of(record.BigInt)
	eventColumns = []record.Column{
		{Name: "id", Type: number}, {Name: "job_id", Type: text}, {Name: "run_no", Type: number}, {Name: "at", Type: instant},
		{Name: "kind", Type: text}, {Name: "message", Type: text}, {Name: "detail", Type: text}}
	runColumns = []record.Column{
		{Name: "job_id", Type: text}, {Name: "run_no", Type: number}, {Name: "run_id", Type: text}, {Name: "restored_from", Type: text},
		{Name: "name", Type: text}, {Name: "mode", Type: text}, {Name: "status", Type: text},
		{Name: "submitted", Type: instant}, {Name: "started", Type: instant}, {Name: "finished", Type: instant},
		{Name: "error", Type: text}, {Name: "owner", Type: text}, {Name: "metrics", Type: text}, {Name: "text", Type: text}, {Name: "text_format", Type: text}}
)

// page builds a batch of rows.
type page struct {
	b    *array.RecordBuilder
	rows int64
}

func newPage(s *record.Schema) *page {
	return &page{b: array.NewRecordBuilder(memory.DefaultAllocator, s.Arrow())}
}

func (p *page) row(values ...any) {
	for i, v := range values {
		switch b := p.b.Field(i).(type) {
		case *array.StringBuilder:
			b.Append(v.(string))
		case *array.Int64Builder:
			b.Append(v.(int64))
		case *array.TimestampBuilder:
			at := v.(time.Time)
			if at.IsZero() {
				b.AppendNull()
				continue
			}
			b.AppendTime(at)
		default:
			panic(fmt.Sprintf("archive: there is no builder of %T", b))
		}
	}
	p.rows++
}

// dropOld deletes files of days before one.
func (a archive) dropOld(ctx context.Context, before time.Time) (n int, err error) {
	day := before.UTC().Format(time.DateOnly)
	for _, kind := range []string{state.ArchiveRuns, state.ArchiveEvents} {
		for after := ""; ; {
			page, err := a.blobs.List(ctx, checkpoint.History+kind+"/", after, 1000)
			if err != nil {
				return n, fmt.Errorf("look for old history: %w", err)
			}
			var old []string
			for _, o := range page.Objects {
				at, _, ok := strings.Cut(strings.TrimPrefix(o.Name, checkpoint.History+kind+"/"), "/")
				if _, err := time.Parse(time.DateOnly, at); ok && err == nil && at < day {
					old = append(old, o.Name)
				}
			}
			if len(old) > 0 {
				if err := a.blobs.Delete(ctx, old...); err != nil {
					return n, fmt.Errorf("delete old history: %w", err)
				}
			}
			n += len(old)
			if after = page.Next; after == "" || len(old) < len(page.Objects) { // the oldest come first
				break
			}
		}
	}
	return n, nil
}
