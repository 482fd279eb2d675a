// Package expr compiles SQL expressions and evaluates them over batches, a column at a time.
//
//	c, err := expr.ParseCondition("UPPER(name) LIKE 'A%'", schema, expr.ZETA)
//	keep, err := c.Keep(ctx, batch, nil)
//
// Two modes give two meanings to the same text: ZETA that of SeaTunnel's SQL engine, quirks
// included, ANSI that of the SQL standard. DESIGN.md lists the differences.
package expr

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"seikan/engine/expr/syntax"
	"seikan/engine/record"
)

// Mode is the meaning given to an expression.
type Mode uint8

const (
	// ZETA gives every value the SeaTunnel engine of that name gives.
	ZETA Mode = iota
	// ANSI follows the SQL standard: three-valued logic, exact decimals, checked overflow.
	ANSI
)

func (m Mode) String() string { return [...]string{"ZETA", "ANSI"}[m] }

// Env is what an expression may ask of the world.
type Env struct {
	Now    func() time.Time
	Zone   *time.Location // of CURRENT_TIME and conversions from epochs
	Random func() uint64  // uniform bits for RAND() and UUID()
}

func (e Env) filled() Env {
	if e.Now == nil {
		e.Now = time.Now
	}
	if e.Zone == nil {
		e.Zone = time.Local
	}
	if e.Random == nil {
		e.Random = rand.Uint64
	}
	return e
}

// Program is a compiled expression. It may be used by several goroutines.
type Program struct {
	root    *node
	slots   int
	columns []int
	mode    Mode
	env     Env
	pool    sync.Pool
}

// Compile checks an expression against a schema and compiles it. Errors are *syntax.Error
// without text; At tells where in the statement they belong (see syntax.ErrorAt).
func Compile(e syntax.Expr, schema *record.Schema, mode Mode) (*Program, error) {
	c := &compiler{schema: schema, mode: mode, columns: map[int]*node{}}
	n, err := c.expr(e)
	if err != nil {
		return nil, err
	}
	return &Program{root: n, slots: c.slots, columns: slices.Sorted(maps.Keys(c.columns)), mode: mode, env: Env{}.filled()}, nil
}

// WithEnv returns a program that asks env instead of the machine; members left zero keep
// asking the machine.
func (p *Program) WithEnv(env Env) *Program {
	return &Program{root: p.root, slots: p.slots, columns: p.columns, mode: p.mode, env: env.filled()}
}

// Type is the type of the result.
func (p *Program) Type() record.Type { return p.root.typ }

// Column returns the index of the column when the expression is nothing but one.
func (p *Program) Column() (int, bool) { return p.root.column - 1, p.root.column > 0 }

// Columns lists the indexes of the columns the expression reads, in order.
func (p *Program) Columns() []int { return p.columns }

// Eval computes the expression for every row of b. The caller owns the array.
//
// Rows that cannot be computed (division by zero, a text that is not a number) do not stop
// the others: the error is a RowErrors that names them, and the array, in which they are
// null, is returned with it.
func (p *Program) Eval(ctx context.Context, b *record.Batch) (arrow.Array, error) {
	f := p.frame(ctx, b)
	defer p.done(f)
	v := p.root.run(f)
	if err := f.finish(); err != nil {
		return nil, err
	}
	if len(f.failed) > 0 && v.arr == nil && v.mask != 0 {
		for _, r := range f.failed {
			v.setNull(r.Row, f.n)
		}
	}
	return v.array(f.n), f.errors()
}

// frame takes a frame from the pool and points it at b.
func (p *Program) frame(ctx context.Context, b *record.Batch) *frame {
	f, _ := p.pool.Get().(*frame)
	if f == nil {
		f = &frame{slots: make([]vec, p.slots)}
	}
	f.start(ctx, b.Data, b.Rows(), p.mode, p.env)
	return f
}

func (p *Program) done(f *frame) {
	if f.clear() {
		p.pool.Put(f)
	}
}

// Condition is a compiled predicate.
type Condition struct{ program *Program }

// CompileCondition is Compile for a WHERE clause or any other predicate. The expression must
// be BOOLEAN.
func CompileCondition(e syntax.Expr, schema *record.Schema, mode Mode) (*Condition, error) {
	p, err := Compile(e, schema, mode)
	if err != nil {
		return nil, err
	}
	if k := p.root.typ.Kind; k != record.Boolean && k != record.Null {
		return nil, at(e, "a condition must be BOOLEAN; %s is %s", e, p.root.typ)
	}
	return &Condition{p}, nil
}

// ParseCondition is CompileCondition for a text; its errors name line and column.
func ParseCondition(text string, schema *record.Schema, mode Mode) (*Condition, error) {
	e, err := syntax.ParseExpr(text)
	if err != nil {
		return nil, err
	}
	c, err := CompileCondition(e, schema, mode)
	var mistake *syntax.Error
	if errors.As(err, &mistake) {
		err = syntax.ErrorAt(text, mistake.At, "%s", mistake.Message)
	}
	return c, err
}

// WithEnv is Program.WithEnv.
func (c *Condition) WithEnv(env Env) *Condition { return &Condition{c.program.WithEnv(env)} }

// Keep tells for each row of b whether the condition is true, into keep, which is grown when
// too short. An unknown (null) condition is not true. Errors are those of Program.Eval; the
// rows they name are not kept.
func (c *Condition) Keep(ctx context.Context, b *record.Batch, keep []bool) ([]bool, error) {
	f := c.program.frame(ctx, b)
	defer c.program.done(f)
	v := c.program.root.run(f)
	if err := f.finish(); err != nil {
		return nil, err
	}
	keep = grow(keep, f.n)
	for i := range keep {
		keep[i] = v.isTrue(i)
	}
	for _, r := range f.failed {
		keep[r.Row] = false
	}
	return keep, f.errors()
}

// at makes the error of a mistake in e.
func at(e syntax.Expr, format string, args ...any) error {
	return &syntax.Error{At: e.At(), Message: fmt.Sprintf(format, args...)}
}
