package syntax

import "slices"

// reserved words cannot be names unless they are quoted.
var reserved = []string{
	"ALL", "AND", "AS", "BETWEEN", "CASE", "CROSS", "DISTINCT", "ELSE", "END", "EXCEPT", "EXISTS", "FETCH", "FOR",
	"FROM", "FULL", "GROUP", "HAVING", "IN", "INNER", "INTERSECT", "INTO", "IS", "JOIN", "LIKE", "LIMIT",
	"MINUS", "NATURAL", "NOT", "NULL", "OFFSET", "ON", "OR", "ORDER", "SELECT", "THEN", "UNION", "WHEN", "WHERE", "WITH",
}

// bare functions may be written without parentheses.
var bare = []string{"CURRENT_DATE", "CURRENT_TIME", "CURRENT_TIMESTAMP"}

type parser struct {
	text   string
	tokens []token
	at     int
	depth  int
}

// ParseExpr reads one expression or condition. Errors are *Error.
func ParseExpr(text string) (Expr, error) {
	p, err := newParser(text)
	if err != nil {
		return nil, err
	}
	e, err := p.expr(0)
	if err != nil {
		return nil, err
	}
	if t := p.peek(); t.kind != tokenEnd {
		return nil, p.fail(t, "unexpected %s after the expression", describe(t))
	}
	return e, nil
}

func newParser(text string) (*parser, error) {
	tokens, err := lex(text)
	if err != nil {
		return nil, err
	}
	return &parser{text: text, tokens: tokens}, nil
}

func (p *parser) peek() token { return p.tokens[p.at] }

func (p *parser) peekAfter() token { return p.tokens[min(p.at+1, len(p.tokens)-1)] }

func (p *parser) next() token {
	t := p.tokens[p.at]
	if t.kind != tokenEnd {
		p.at++
	}
	return t
}

func (p *parser) fail(t token, format string, args ...any) error {
	return ErrorAt(p.text, t.at, format, args...)
}

func describe(t token) string {
	switch t.kind {
	case tokenEnd:
		return "end of the statement"
	case tokenText:
		return quote(t.text)
	case tokenQuoted:
		return Name{t.text, t.quote}.String()
	}
	return `"` + t.text + `"`
}

// word takes the keyword w, in any case, when it is next.
func (p *parser) word(w string) bool {
	if t := p.peek(); t.kind == tokenWord && t.upper == w {
		p.at++
		return true
	}
	return false
}

func (p *parser) isWord(w string) bool {
	t := p.peek()
	return t.kind == tokenWord && t.upper == w
}

func (p *parser) symbol(s string) bool {
	if p.isSymbol(s) {
		p.at++
		return true
	}
	return false
}

func (p *parser) isSymbol(s string) bool {
	t := p.peek()
	return t.kind == tokenSymbol && t.text == s
}

func (p *parser) expect(s, why string) error {
	if t := p.peek(); t.kind == tokenWord && p.word(s) || t.kind == tokenSymbol && p.symbol(s) {
		return nil
	}
	return p.fail(p.peek(), "expected %s %s, found %s", s, why, describe(p.peek()))
}

func isReserved(upper string) bool {
	_, found := slices.BinarySearch(reserved, upper)
	return found
}

// Binding powers, weakest first.
const (
	powerOr = 1 + iota
	powerAnd
	powerNot
	powerCompare
	powerConcat
	powerAdd
	powerMultiply
	powerSign
	powerCast
)

func power(t token) int {
	switch t.kind {
	case tokenSymbol:
		switch t.text {
		case "=", "<>", "!=", "<", "<=", ">", ">=":
			return powerCompare
		case "||":
			return powerConcat
		case "+", "-":
			return powerAdd
		case "*", "/", "%":
			return powerMultiply
		case "::":
			return powerCast
		}
	case tokenWord:
		switch t.upper {
		case "OR":
			return powerOr
		case "AND":
			return powerAnd
		case "IS", "IN", "LIKE", "BETWEEN", "NOT":
			return powerCompare
		}
	}
	return 0
}

// expr reads an expression whose operators bind more tightly than min.
func (p *parser) expr(min int) (Expr, error) {
	if p.depth++; p.depth > MaxDepth {
		return nil, p.fail(p.peek(), "the expression nests deeper than %d", MaxDepth)
	}
	defer func() { p.depth-- }()
	left, err := p.prefix()
	tests := 0 // IS NULL, IN, :: and the like, one behind the other
	for err == nil {
		t := p.peek()
		bp := power(t)
		if bp == 0 || bp <= min {
			return left, nil
		}
		if left, err = p.infix(left, t, bp); err != nil {
			return nil, err
		}
		if _, chain := left.(*Binary); !chain {
			if tests++; tests > MaxDepth {
				return nil, p.fail(t, "the expression nests deeper than %d", MaxDepth)
			}
		}
	}
	return nil, err
}

func (p *parser) infix(left Expr, t token, bp int) (Expr, error) {
	at := Pos(left.At())
	if t.kind == tokenSymbol || t.upper == "AND" || t.upper == "OR" {
		p.next()
		if t.text == "::" {
			typ, err := p.typeName()
			return &Cast{Pos: at, X: left, Type: typ, Short: true}, err
		}
		right, err := p.expr(bp)
		if err != nil {
			return nil, err
		}
		op := t.text
		if t.kind == tokenWord {
			op = t.upper
		}
		return &Binary{Pos: at, Op: op, L: left, R: right}, nil
	}
	if p.word("IS") {
		not := p.word("NOT")
		if !p.word("NULL") {
			return nil, p.fail(p.peek(), "expected NULL after IS, found %s", describe(p.peek()))
		}
		return &IsNull{Pos: at, X: left, Not: not}, nil
	}
	not := p.word("NOT")
	switch {
	case p.word("IN"):
		if err := p.expect("(", "after IN"); err != nil {
			return nil, err
		}
		if p.isWord("SELECT") {
			return nil, p.fail(p.peek(), "Unsupported SQL Expression: a sub-select")
		}
		list, err := p.list(")")
		return &In{Pos: at, X: left, Not: not, List: list}, err
	case p.word("LIKE"):
		pattern, err := p.expr(powerCompare)
		if err != nil {
			return nil, err
		}
		like := &Like{Pos: at, X: left, Pattern: pattern, Not: not}
		if p.word("ESCAPE") {
			like.Escape, err = p.expr(powerCompare)
		}
		return like, err
	case p.word("BETWEEN"):
		lo, err := p.expr(powerCompare)
		if err != nil {
			return nil, err
		}
		if err := p.expect("AND", "in BETWEEN"); err != nil {
			return nil, err
		}
		hi, err := p.expr(powerCompare)
		return &Between{Pos: at, X: left, Lo: lo, Hi: hi, Not: not}, err
	}
	return nil, p.fail(p.peek(), "expected IN, LIKE or BETWEEN after NOT, found %s", describe(p.peek()))
}

// list reads expressions up to the closing symbol; at least one.
func (p *parser) list(closing string) ([]Expr, error) {
	var out []Expr
	for {
		e, err := p.expr(0)
		if err != nil {
			return nil, err
		}
		out = append(out, e)
		if p.symbol(closing) {
			return out, nil
		}
		if !p.symbol(",") {
			return nil, p.fail(p.peek(), "expected , or %s, found %s", closing, describe(p.peek()))
		}
	}
}

// prefix reads what an expression can begin with.
func (p *parser) prefix() (Expr, error) {
	t := p.next()
	at := Pos(t.at)
	switch t.kind {
	case tokenNumber:
		return &Number{at, t.text}, nil
	case tokenText:
		return &Text{at, t.text}, nil
	case tokenQuoted:
		return p.column(t)
	case tokenSymbol:
		switch t.text {
		case "(":
			if p.isWord("SELECT") {
				return nil, p.fail(p.peek(), "Unsupported SQL Expression: a sub-select")
			}
			x, err := p.expr(0)
			if err != nil {
				return nil, err
			}
			return &Paren{at, x}, p.expect(")", "to close the parenthesis")
		case "-", "+":
			x, err := p.expr(powerSign)
			if err != nil {
				return nil, err
			}
			return &Unary{at, t.text, x}, nil
		}
	case tokenWord:
		return p.named(t)
	}
	return nil, p.fail(t, "expected an expression, found %s", describe(t))
}

// named reads what begins with a word: a column, a call, a keyword expression.
func (p *parser) named(t token) (Expr, error) {
	at := Pos(t.at)
	switch t.upper {
	case "NULL":
		return &Null{at}, nil
	case "NOT":
		x, err := p.expr(powerNot)
		if err != nil {
			return nil, err
		}
		return &Unary{at, "NOT", x}, nil
	case "CASE":
		return p.caseExpr(at)
	case "EXISTS", "SELECT":
		return nil, p.fail(t, "Unsupported SQL Expression: %s", t.upper)
	}
	if isReserved(t.upper) {
		return nil, p.fail(t, "expected an expression, found %s; put a column of this name in back-ticks", describe(t))
	}
	if after := p.peek(); after.kind == tokenText && (t.upper == "DATE" || t.upper == "TIME" || t.upper == "TIMESTAMP") {
		p.next()
		return &Moment{at, t.upper, after.text}, nil
	}
	if !p.isSymbol("(") {
		if slices.Contains(bare, t.upper) {
			return &Call{Pos: at, Name: t.text, Bare: true}, nil
		}
		return p.column(t)
	}
	p.next()
	switch t.upper {
	case "CAST":
		return p.cast(at)
	case "TRY_CAST":
		return nil, p.fail(t, "Unsupported SQL Expression: TRY_CAST")
	case "EXTRACT":
		return p.extract(at)
	}
	call := &Call{Pos: at, Name: t.text}
	if p.symbol(")") {
		return call, nil
	}
	if p.isSymbol("*") && p.peekAfter().text == ")" {
		p.next()
		p.next()
		call.Star = true
		return call, nil
	}
	if p.isWord("DISTINCT") {
		return nil, p.fail(p.peek(), "Unsupported SQL Expression: DISTINCT inside a function call")
	}
	var err error
	call.Args, err = p.list(")")
	return call, err
}

func (p *parser) column(t token) (Expr, error) {
	c := &Column{Pos: Pos(t.at), Parts: []Name{{t.text, t.quote}}}
	for p.isSymbol(".") {
		p.next()
		t := p.next()
		if t.kind != tokenWord && t.kind != tokenQuoted {
			return nil, p.fail(t, "expected a name after the dot, found %s", describe(t))
		}
		c.Parts = append(c.Parts, Name{t.text, t.quote})
	}
	return c, nil
}

func (p *parser) caseExpr(at Pos) (Expr, error) {
	c := &Case{Pos: at}
	var err error
	if !p.isWord("WHEN") {
		if c.Operand, err = p.expr(0); err != nil {
			return nil, err
		}
	}
	for p.word("WHEN") {
		var w When
		if w.Cond, err = p.expr(0); err != nil {
			return nil, err
		}
		if err = p.expect("THEN", "after the condition of WHEN"); err != nil {
			return nil, err
		}
		if w.Then, err = p.expr(0); err != nil {
			return nil, err
		}
		c.Whens = append(c.Whens, w)
	}
	if len(c.Whens) == 0 {
		return nil, p.fail(p.peek(), "expected WHEN in CASE, found %s", describe(p.peek()))
	}
	if p.word("ELSE") {
		if c.Else, err = p.expr(0); err != nil {
			return nil, err
		}
	}
	return c, p.expect("END", "to close CASE")
}

func (p *parser) cast(at Pos) (Expr, error) {
	x, err := p.expr(0)
	if err != nil {
		return nil, err
	}
	if err := p.expect("AS", "in CAST"); err != nil {
		return nil, err
	}
	typ, err := p.typeName()
	if err != nil {
		return nil, err
	}
	return &Cast{Pos: at, X: x, Type: typ}, p.expect(")", "to close CAST")
}

func (p *parser) typeName() (TypeName, error) {
	t := p.next()
	typ := TypeName{Pos: Pos(t.at), Name: t.text}
	if t.kind != tokenWord {
		return typ, p.fail(t, "expected a type name, found %s", describe(t))
	}
	if !p.symbol("(") {
		return typ, nil
	}
	for {
		n := p.next()
		if n.kind != tokenNumber {
			return typ, p.fail(n, "expected a number in the type, found %s", describe(n))
		}
		typ.Args = append(typ.Args, n.text)
		if p.symbol(")") {
			return typ, nil
		}
		if err := p.expect(",", "or ) in the type"); err != nil {
			return typ, err
		}
	}
}

func (p *parser) extract(at Pos) (Expr, error) {
	unit := p.next()
	if unit.kind != tokenWord && unit.kind != tokenText {
		return nil, p.fail(unit, "expected a unit such as YEAR in EXTRACT, found %s", describe(unit))
	}
	if err := p.expect("FROM", "in EXTRACT"); err != nil {
		return nil, err
	}
	x, err := p.expr(0)
	if err != nil {
		return nil, err
	}
	return &Extract{at, unit.text, x}, p.expect(")", "to close EXTRACT")
}
