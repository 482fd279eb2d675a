package syntax

import "slices"

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
