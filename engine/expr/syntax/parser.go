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
