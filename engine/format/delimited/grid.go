// Package delimited is what formats share whose rows are lines: finding rows in a stream of
// bytes, turning their cells into columns, cutting files at row boundaries, writing.
package delimited

import (
	"cmp"
	"fmt"
	"slices"
)

// Cell is where the text of one value stands in a block: N bytes from From on. The zero Cell
// is null.
type Cell struct{ From, N uint32 }

// Flags in N. Blocks are far smaller than 1<<30 bytes.
const (
	Quoted  = 1 << 31 // the text stood in quotes, which the cell leaves out: empty is not null
	Escaped = 1 << 30 // the text must go through Rules.Unescape
	length  = Escaped - 1
)

// gridRows is how many rows are found before their cells are converted: few enough for the
// cells and the text to stay in the processor's nearest caches.
const gridRows = 256

// Grid holds the cells of some rows of a block.
type Grid struct {
	Rows    int    // found so far
	Max     int    // stop there
	Columns int    // cells a row
	Cells   []Cell // of row r, column c: Cells[c*Max+r]
	Spans   []Cell // where each row stands, without its line end

	failed map[int]failure
}

type failure struct {
	column string
	err    error
}

func newGrid(columns int) *Grid {
	return &Grid{Max: gridRows, Columns: columns, Cells: make([]Cell, columns*gridRows), Spans: make([]Cell, gridRows)}
}

func (g *Grid) reset() {
	g.Rows = 0
	if len(g.failed) > 0 {
		clear(g.failed)
	}
}

// Fail marks row as bad; the first mark stays. column may be empty.
func (g *Grid) Fail(row int, column string, err error) {
	if g.failed == nil {
		g.failed = map[int]failure{}
	}
	if _, twice := g.failed[row]; !twice {
		g.failed[row] = failure{column, err}
	}
}

// FailRow marks the row that is being found, from byte from to byte to, as bad, and counts it.
func (g *Grid) FailRow(from, to int, err error) {
	for c := range g.Columns {
		g.Cells[c*g.Max+g.Rows] = Cell{}
	}
	g.Spans[g.Rows] = Cell{uint32(from), uint32(to - from)}
	g.Fail(g.Rows, "", err)
	g.Rows++
}

// bad lists the numbers of bad rows in order. A mark behind the last row is of one that is not
// complete yet and will be found again.
func (g *Grid) bad() []int {
	rows := make([]int, 0, len(g.failed))
	for r := range g.failed {
		if r < g.Rows {
			rows = append(rows, r)
		}
	}
	slices.SortFunc(rows, cmp.Compare)
	return rows
}

func (f failure) at(file string, line int64) error {
	if f.column != "" {
		return fmt.Errorf("%s, line %d, column %q: %w", file, line, f.column, f.err)
	}
	return fmt.Errorf("%s, line %d: %w", file, line, f.err)
}

// Scanner finds rows.
type Scanner interface {
	// Scan adds to g, which is empty, the rows from the start of data on that end in data,
	// or all of them when last says that nothing follows, until g is full. It returns how
	// many bytes they took; a row that is not complete takes none.
	Scan(data []byte, last bool, g *Grid) int
}

// Rules are what formats do differently with the text of a cell.
type Rules struct {
	// Unescape adds the text behind an Escaped cell to dst.
	Unescape func(dst, raw []byte) ([]byte, error)
	// QuotedBlankIsNull reads a quoted blank as null where the type is not STRING or BYTES.
	QuotedBlankIsNull bool
	// JSON says that cells are JSON values: strings are Quoted cells, the rest is as
	// written, null is the zero Cell.
	JSON bool
}
