package file

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"

	"golang.org/x/sync/errgroup"

	"seikan/engine/option"
	"seikan/engine/plugin"
	"seikan/engine/record"
)

type source struct {
	connector Connector
	tables    []*table
}

func (c Connector) newSource(ctx context.Context, job plugin.Job, opts *option.Values) (plugin.Source, error) {
	s := &source{connector: c}
	blocks := []*option.Values{opts}
	if opts.Given("tables_configs") {
		if blocks = opts.Objects("tables_configs"); len(blocks) == 0 {
			return nil, opts.Problem("tables_configs", "at least one block", "the list is empty")
		}
	}
	seen := map[string]bool{}
	for _, block := range blocks {
		t, err := c.newTable(ctx, job, block)
		if err != nil {
			return nil, err
		}
		if name := t.schema.Table(); seen[name] {
			return nil, block.Problem("schema", `give each block its own schema { table = "…" }`, "two tables are called %q", name)
		} else {
			seen[name] = true
		}
		s.tables = append(s.tables, t)
	}
	return s, nil
}

func (s *source) Tables() []*record.Schema {
	out := make([]*record.Schema, len(s.tables))
	for i, t := range s.tables {
		out[i] = t.schema
	}
	return out
}

func (s *source) Traits() plugin.SourceTraits {
	return plugin.SourceTraits{Replayable: true, Stored: true, NodeBound: s.connector.NodeBound}
}

// Pieces are as large as makes four a reader, within these bounds: small ones cost a seek and
// a reader each, large ones leave readers idle at the end.
const (
	minPiece       = 8 << 20
	maxPiece       = 256 << 20
	piecesPerTask  = 4
	filesAtOnce    = 64 // cut between two looks at the clock
	filesCutAtOnce = 8
)

func pieceSize(total int64, parallelism int) int64 {
	return min(max(total/int64(piecesPerTask*max(parallelism, 1)), minPiece), maxPiece)
}

// place says how far discovery is: all files of earlier tables, and of this one those up to a
// path.
type place struct {
	Table int    `json:"table"`
	After string `json:"after,omitempty"`
}

const stateVersion = 1

func (s *source) Enumerator(_ context.Context, task plugin.Task, state *plugin.State) (plugin.Enumerator, error) {
	e := &enumerator{source: s, task: task}
	if state != nil {
		if state.Version != stateVersion {
			return nil, fmt.Errorf("the saved state of %s has version %d; this program reads %d", s.connector.Name, state.Version, stateVersion)
		}
		if err := json.Unmarshal(state.Data, &e.at); err != nil {
			return nil, fmt.Errorf("read the saved state of %s: %w", s.connector.Name, err)
		}
		return e, nil
	}
	for _, t := range s.tables {
		if len(t.found.files) == 0 {
			task.Log.Warn("there is no file to read; the table stays empty",
				slog.String("path", t.root), slog.String("table", t.schema.Table()), slog.String("files", t.found.leftOut()))
		}
	}
	return e, nil
}

type enumerator struct {
	source *source
	task   plugin.Task
	at     place
}

func (e *enumerator) Discover(ctx context.Context) (plugin.Discovery, error) {
	if e.at.Table >= len(e.source.tables) {
		return plugin.Discovery{Done: true}, nil
	}
	t := e.source.tables[e.at.Table]
	files := t.found.files
	for len(files) > 0 && e.at.After != "" && files[0].Path <= e.at.After {
		files = files[1:]
	}
	last := len(files) <= filesAtOnce
	if !last {
		files = files[:filesAtOnce]
	}
	splits, err := e.cut(ctx, t, files)
	if err != nil {
		return plugin.Discovery{}, err
	}
	if last {
		e.at = place{Table: e.at.Table + 1}
	} else {
		e.at.After = files[len(files)-1].Path
	}
	return plugin.Discovery{Splits: splits, Done: e.at.Table >= len(e.source.tables)}, nil
}

// cut divides files into splits, in their order.
func (e *enumerator) cut(ctx context.Context, t *table, files []Info) ([]plugin.Split, error) {
	target := pieceSize(t.found.bytes(), e.task.Parallelism)
	pieces := make([][]plugin.Range, len(files))
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(filesCutAtOnce)
	for i, f := range files {
		pieces[i] = []plugin.Range{{From: 0, To: -1}}
		if t.archive != "" || !t.codec.None() {
			continue
		}
		group.Go(func() error {
			cut, err := t.reading.Cut(ctx, t.file(f), target)
			if err != nil {
				return fmt.Errorf("divide %s: %w", f.Path, err)
			}
			pieces[i] = cut
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	var out []plugin.Split
	for i, f := range files {
		for _, r := range pieces[i] {
			out = append(out, e.split(t, f, r, len(pieces[i])))
		}
	}
	return out, nil
}

// piece is what a split's Data holds.
type piece struct {
	Table    int    `json:"table"`
	Path     string `json:"path"`
	Size     int64  `json:"size"`
	Modified int64  `json:"modified"` // nanoseconds since 1970, 0 when unknown
	Whole    bool   `json:"whole"`    // the piece is the whole file
	plugin.Range
}

func (e *enumerator) split(t *table, f Info, r plugin.Range, of int) plugin.Split {
	id := fmt.Sprintf("%s@%d-", relative(t.root, f.Path), r.From)
	if r.To >= 0 {
		id += fmt.Sprint(r.To)
	}
	if len(e.source.tables) > 1 {
		id = fmt.Sprintf("%d:%s", e.at.Table, id)
	}
	p := piece{Table: e.at.Table, Path: f.Path, Size: f.Size, Whole: of == 1, Range: r}
	if !f.ModTime.IsZero() {
		p.Modified = f.ModTime.UnixNano()
	}
	data, err := json.Marshal(p)
	if err != nil {
		panic(err) // numbers and a text
	}
	return plugin.Split{ID: id, Table: t.schema.Table(), Data: data, Bytes: f.Size / int64(of)}
}

func (e *enumerator) Snapshot() (plugin.State, error) {
	data, err := json.Marshal(e.at)
	return plugin.State{Version: stateVersion, Data: data}, err
}

func (e *enumerator) Close() error { return nil }
