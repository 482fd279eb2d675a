package syntax

// Expr is a node of an expression. String prints it the way SeaTunnel's parser does, which
// names columns that have no alias.
type Expr interface {
	// At is the byte offset where the expression begins.
	At() int
	String() string
}

// Pos is a byte offset in the text.
type Pos int

// At returns p.
func (p Pos) At() int { return int(p) }

type (
	// Column names a column, perhaps after its table, or a member of a nested one.
	Column struct {
		Pos
		Parts []Name
	}
	// Name is an identifier; Quote is 0, ` or ".
	Name struct {
		Text  string
		Quote byte
	}
	// Number is a literal, as written.
	Number struct {
		Pos
		Text string
	}
	// Text is a string literal.
	Text struct {
		Pos
		Value string
	}
	// Null is the literal NULL.
	Null struct{ Pos }
	// Moment is DATE '…', TIME '…' or TIMESTAMP '…'.
	Moment struct {
		Pos
		Kind, Value string
	}
	// Unary is -x, +x or NOT x.
	Unary struct {
		Pos
		Op string
		X  Expr
	}
	// Binary is arithmetic, ||, a comparison, AND or OR.
	Binary struct {
		Pos
		Op   string
		L, R Expr
	}
	// Paren is (x).
	Paren struct {
		Pos
		X Expr
	}
	// IsNull is x IS [NOT] NULL.
	IsNull struct {
		Pos
		X   Expr
		Not bool
	}
	// In is x [NOT] IN (list).
	In struct {
		Pos
		X    Expr
		Not  bool
		List []Expr
	}
	// Like is x [NOT] LIKE pattern [ESCAPE escape].
	Like struct {
		Pos
		X, Pattern, Escape Expr
		Not                bool
	}
	// Between is x [NOT] BETWEEN lo AND hi.
	Between struct {
		Pos
		X, Lo, Hi Expr
		Not       bool
	}
	// Case is CASE [operand] WHEN … THEN … [ELSE …] END; Operand and Else may be nil.
	Case struct {
		Pos
		Operand Expr
		Whens   []When
		Else    Expr
	}
	// When is one branch of a Case.
	When struct{ Cond, Then Expr }
	// Cast is CAST(x AS type), or x::type when Short.
	Cast struct {
		Pos
		X     Expr
		Type  TypeName
		Short bool
	}
	// TypeName is a type as written, with its arguments.
	TypeName struct {
		Pos
		Name string
		Args []string
	}
	// Call is a function call. Bare is a call without parentheses: CURRENT_DATE.
	Call struct {
		Pos
		Name string
		Args []Expr
		Star bool // COUNT(*)
		Bare bool
	}
	// Extract is EXTRACT(unit FROM x).
	Extract struct {
		Pos
		Unit string
		X    Expr
	}
)

// Item is one element of a select list.
type Item struct {
	Star  bool // * or table.*
	Table string
	Expr  Expr
	Alias string
}

// Name is the name of the output column: the alias, else the column's name, else the
// expression's text.
func (i Item) Name() string {
	if i.Alias != "" {
		return i.Alias
	}
	if c, ok := i.Expr.(*Column); ok {
		return c.Parts[len(c.Parts)-1].Text
	}
	return i.Expr.String()
}

// Select is the statement. Distinct and Having are read but mean nothing to SeaTunnel.
type Select struct {
	Text     string
	Distinct bool
	Items    []Item
	From     string
	FromAt   Pos
	Where    Expr
	Having   Expr
}
