package file

import (
	"context"
	"encoding/json"
	"fmt"
	"path"
	"strconv"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
	"golang.org/x/sync/errgroup"

	"seikan/engine/plugin"
	"seikan/engine/record"
)

const (
	maxOpen       = 64 // parts of a writer with partitions; the one not used for longest is ended for another
	settledAtOnce = 16 // the disk writes many together
	commitsAtOnce = 8
)

// writer writes the files of one transaction after the other.
type writer struct {
	sink       *sink
	task       plugin.Task
	background context.Context // for Close
	home       string
	distinct   string // keeps names of writers apart that the expression does not

	checkpoint  int64 // that will end the transaction
	transaction transaction
	name        string
	open        map[string]*part // by directory; by file for binary rows
	next        map[string]int   // number of the next part by directory
	unfinished  map[string]int64 // bytes of binary files that the last transaction may have cut
	settling    *errgroup.Group
	writes      int64
	wrote       bool // rows, in any transaction
	warned      bool
}

// writerState is a writer's State.
type writerState struct {
	Checkpoint int64            `json:"checkpoint"`
	Wrote      bool             `json:"wrote,omitempty"`
	Next       map[string]int   `json:"next,omitempty"` // only when names do not hold the transaction
	Unfinished map[string]int64 `json:"unfinished,omitempty"`
}

func (s *sink) Writer(ctx context.Context, task plugin.Task, states []plugin.State) (plugin.Writer, error) {
	temporary, err := s.chooseTemporary(ctx, task)
	if err != nil {
		return nil, err
	}
	w := &writer{sink: s, task: task, background: context.WithoutCancel(ctx), home: s.home(temporary, task), next: map[string]int{}, unfinished: map[string]int64{}}
	for _, state := range states {
		var old writerState
		if state.Version != stateVersion {
			return nil, fmt.Errorf("the saved state of %s has version %d; this program reads %d", s.connector.Name, state.Version, stateVersion)
		}
		if err := json.Unmarshal(state.Data, &old); err != nil {
			return nil, fmt.Errorf("read the saved state of %s: %w", s.connector.Name, err)
		}
		w.checkpoint, w.wrote = max(w.checkpoint, old.Checkpoint), w.wrote || old.Wrote
		for dir, n := range old.Next {
			w.next[dir] = max(w.next[dir], n)
		}
		for name, n := range old.Unfinished {
			w.unfinished[name] = max(w.unfinished[name], n)
		}
	}
	if !s.naming.unique() && (task.Parallelism > 1 || task.Replica > 0) {
		w.distinct = "_" + strconv.Itoa(task.Subtask)
		if task.Replica > 0 {
			w.distinct += "r" + strconv.Itoa(task.Replica)
		}
	}
	w.begin(w.checkpoint + 1)
	return w, nil
}

func (w *writer) begin(checkpoint int64) {
	w.checkpoint = checkpoint
	w.name = w.sink.transactionName(w.task, checkpoint)
	w.transaction = transaction{Dir: path.Join(w.home, w.name), Path: w.sink.dir}
	w.open = map[string]*part{}
	w.settling = &errgroup.Group{}
	w.settling.SetLimit(settledAtOnce)
	if w.sink.naming.unique() {
		clear(w.next)
	}
}

func (w *writer) Write(ctx context.Context, b *record.Batch) error {
	if b.Rows() == 0 {
		return nil
	}
	w.warnOfChanges(b)
	groups := []group{{to: b.Rows()}}
	if w.sink.layout != nil {
		ordered, parts, err := w.sink.layout.order(ctx, b)
		if err != nil {
			return err
		}
		defer ordered.Release()
		b, groups = ordered, parts
	}
	body := w.project(b)
	defer body.Release()
	for _, g := range groups {
		if err := w.put(ctx, g, body); err != nil {
			return err
		}
	}
	w.wrote = true
	return nil
}

func (w *writer) warnOfChanges(b *record.Batch) {
	if b.Kinds == nil || w.warned {
		return
	}
	for _, k := range b.Kinds {
		if k != record.Insert {
			w.task.Log.Warn("files are only appended to: updates and deletes are written as rows like any others", "table", w.sink.schema.Table())
			w.warned = true
			return
		}
	}
}

// project picks the columns of the file. The caller owns the result.
func (w *writer) project(b *record.Batch) *record.Batch {
	same := len(w.sink.columns) == int(b.Data.NumCols())
	columns := make([]arrow.Array, len(w.sink.columns))
	for i, c := range w.sink.columns {
		columns[i] = b.Data.Column(c)
		same = same && c == i
	}
	if same {
		b.Retain()
		return b
	}
	return record.NewBatch(w.sink.schema, array.NewRecordBatch(w.sink.schema.Arrow(), columns, b.Data.NumRows()))
}

// put writes the rows of a group, going on to the next part where one is full.
func (w *writer) put(ctx context.Context, g group, body *record.Batch) error {
	for from := g.from; from < g.to; {
		p, err := w.part(ctx, g.dir, body, from)
		if err != nil {
			return err
		}
		n := g.to - from
		if w.rolls() {
			n = min(n, int(w.sink.batchSize-p.rows))
		}
		rows := body
		if n < body.Rows() {
			rows = body.Slice(from, from+n)
		} else {
			rows.Retain()
		}
		if p.first > 0 {
			rows = fromZero(rows, p.first)
		}
		err = p.encoder.Write(rows)
		rows.Release()
		if err != nil {
			return writeError("write", p.path, err)
		}
		from += n
		if p.rows += int64(n); w.rolls() && p.rows >= w.sink.batchSize {
			if err := w.end(g.dir); err != nil {
				return err
			}
		}
	}
	return nil
}

func (w *writer) rolls() bool {
	return !w.sink.single && !w.sink.binary()
}

// part returns the open part of a directory, or opens the next one for row from of rows.
func (w *writer) part(ctx context.Context, dir string, rows *record.Batch, from int) (*part, error) {
	w.writes++
	if p := w.open[dir]; p != nil {
		p.used = w.writes
		return p, nil
	}
	if len(w.open) >= maxOpen {
		if err := w.end(w.stalest()); err != nil {
			return nil, err
		}
	}
	file, first := written{Partition: dir}, int64(0)
	if w.sink.binary() {
		var err error
		if file, first, err = w.binaryFile(dir, rows, from); err != nil {
			return nil, err
		}
	} else {
		number := w.next[dir]
		w.next[dir]++
		file.Name = w.sink.naming.name(w.name, dir, number, w.distinct, w.task.Now())
	}
	p, err := w.sink.create(ctx, file, w.transaction.from(file))
	if err != nil {
		return nil, err
	}
	p.used, p.first = w.writes, first
	w.open[dir] = p
	w.transaction.Files = append(w.transaction.Files, file)
	return p, nil
}

func (w *writer) stalest() string {
	var dir string
	var oldest *part
	for d, p := range w.open {
		if oldest == nil || p.used < oldest.used {
			dir, oldest = d, p
		}
	}
	return dir
}

// end finishes the open part of a directory; the disk catches up in the background.
func (w *writer) end(dir string) error {
	p := w.open[dir]
	delete(w.open, dir)
	if err := p.end(); err != nil {
		p.handle.Close()
		return err
	}
	w.settling.Go(p.settle)
	return nil
}
