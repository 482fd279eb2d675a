package rowwise_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/apache/arrow-go/v18/arrow/array"

	"seikan/engine/format/rowwise"
	"seikan/engine/plugin"
	"seikan/engine/plugin/plugintest"
	"seikan/engine/record"
)

// numbers are the rows 1 to last; every tenth is bad. Behind the last one comes end.
type numbers struct {
	n, last int64
	end     error
	closed  bool
}

func (r *numbers) Next() error {
	if r.n == r.last {
		return r.end
	}
	r.n++
	return nil
}

func (r *numbers) Append(columns []array.Builder) error {
	columns[0].(*array.Int64Builder).Append(r.n)
	columns[1].AppendNull()
	if r.n%10 == 0 {
		return errors.New("ends in zero")
	}
	return nil
}

func (r *numbers) Bytes() int    { return 8 }
func (r *numbers) Raw() []byte   { return fmt.Append(nil, r.n) }
func (r *numbers) Place() string { return fmt.Sprintf("row %d", r.n) }
func (r *numbers) Close() error  { r.closed = true; return nil }

func TestBadRowsKeepTheirPlaces(t *testing.T) {
	t.Parallel()
	rows := &numbers{last: 25, end: io.EOF}
	task := plugintest.Task(t, 1)
	var bad []string
	task.Dirty = func(_ context.Context, row plugin.DirtyRow) error {
		bad = append(bad, fmt.Sprintf("%s at %d: %v", row.Raw, row.At.Rows, row.Err))
		return nil
	}
	r := rowwise.New(task, plugin.Split{ID: "s", At: record.Position{Rows: 5}}, "f", plugintest.Schema(), rows)
	b, err := r.Next(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer b.Release()
	if b.Rows() != 18 || b.From.Rows != 5 || b.To.Rows != 25 || b.Ordinal(0) != 6 || b.Ordinal(4) != 11 {
		t.Errorf("%d rows from %d to %d; the fifth is number %d", b.Rows(), b.From.Rows, b.To.Rows, b.Ordinal(4))
	}
	if got := strings.Join(bad, "; "); got != "10 at 10: f, row 10: ends in zero; 20 at 20: f, row 20: ends in zero" {
		t.Error(got)
	}
	if _, err := r.Next(t.Context()); err != plugin.ErrEnd {
		t.Errorf("behind the last row: %v", err)
	}
	if err := r.Close(); err != nil || !rows.closed {
		t.Errorf("closed %v, %v", rows.closed, err)
	}
}

func TestABadRowFailsATaskThatTakesNone(t *testing.T) {
	t.Parallel()
	r := rowwise.New(plugin.Task{}, plugin.Split{}, "f", plugintest.Schema(), &numbers{last: 25, end: io.EOF})
	defer r.Close()
	if _, err := r.Next(t.Context()); err == nil || !plugin.IsPermanent(err) {
		t.Errorf("error %v", err)
	}
}

func TestAFileThatCannotBeReadFurtherNamesThePlace(t *testing.T) {
	t.Parallel()
	r := rowwise.New(plugintest.Task(t, 1), plugin.Split{}, "f", plugintest.Schema(), &numbers{last: 5, end: errors.New("torn")})
	defer r.Close()
	if _, err := r.Next(t.Context()); err == nil || err.Error() != "reading f, row 5: torn" {
		t.Errorf("error %v", err)
	}
}

func TestADoneSplitGivesNothing(t *testing.T) {
	t.Parallel()
	r := rowwise.New(plugintest.Task(t, 1), plugin.Split{At: record.Position{Done: true}}, "f", plugintest.Schema(), &numbers{last: 5, end: io.EOF})
	defer r.Close()
	if _, err := r.Next(t.Context()); err != plugin.ErrEnd {
		t.Errorf("error %v", err)
	}
}
