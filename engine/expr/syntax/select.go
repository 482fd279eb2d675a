package syntax

import (
	"fmt"
	"strings"
)

// ValidateError refuses a statement that is SQL but more than SeaTunnel's transform can do.
type ValidateError struct {
	Text  string
	Cause *Error
}

func (e *ValidateError) Error() string {
	return fmt.Sprintf("SQL validate failed: %s, cause: %s", e.Text, e.Cause)
}

// Unwrap returns the cause.
func (e *ValidateError) Unwrap() error { return e.Cause }

// ParseError says that a text is not a statement.
type ParseError struct {
	Text  string
	Cause error
}

func (e *ParseError) Error() string {
	return fmt.Sprintf("SQL parse failed: %s, cause: %s", e.Text, e.Cause)
}

// Unwrap returns the cause.
func (e *ParseError) Unwrap() error { return e.Cause }

// ParseSelect reads SELECT … FROM table [WHERE …]. Errors are *ParseError or *ValidateError.
func ParseSelect(text string) (*Select, error) {
	p, err := newParser(text)
	if err != nil {
		return nil, &ParseError{text, err}
	}
	s, err := p.selectStatement()
	if err == nil {
		return s, nil
	}
	if _, ok := err.(*ValidateError); ok {
		return nil, err
	}
	return nil, &ParseError{text, err}
}

func (p *parser) refuse(t token, format string, args ...any) error {
	return &ValidateError{p.text, ErrorAt(p.text, t.at, format, args...)}
}

func (p *parser) selectStatement() (*Select, error) {
	first := p.next()
	switch {
	case first.kind == tokenEnd:
		return nil, p.fail(first, "the query is empty; expected SELECT … FROM table [WHERE …]")
	case first.kind == tokenWord && first.upper == "WITH":
		return nil, p.refuse(first, "Unsupported SQL syntax: WITH")
	case first.kind == tokenWord && first.upper != "SELECT":
		return nil, p.refuse(first, "only SELECT statements are supported")
	case first.kind != tokenWord:
		return nil, p.fail(first, "expected SELECT, found %s", describe(first))
	}
	s := &Select{Text: p.text}
	if p.word("DISTINCT") {
		s.Distinct = true
	} else {
		p.word("ALL")
	}
	for {
		item, err := p.item()
		if err != nil {
			return nil, err
		}
		s.Items = append(s.Items, item)
		if !p.symbol(",") {
			break
		}
	}
	if p.isWord("INTO") {
		return nil, p.refuse(p.peek(), "Unsupported SQL syntax: SELECT INTO")
	}
	if err := p.expect("FROM", "after the select list"); err != nil {
		return nil, err
	}
	if err := p.from(s); err != nil {
		return nil, err
	}
	return s, p.clauses(s)
}

func (p *parser) item() (Item, error) {
	if p.symbol("*") {
		return Item{Star: true}, nil
	}
	if t := p.peek(); (t.kind == tokenWord || t.kind == tokenQuoted) && p.peekAfter().text == "." &&
		p.at+2 < len(p.tokens) && p.tokens[p.at+2].kind == tokenSymbol && p.tokens[p.at+2].text == "*" {
		p.at += 3
		return Item{Star: true, Table: t.text}, nil
	}
	e, err := p.expr(0)
	if err != nil {
		return Item{}, err
	}
	item := Item{Expr: e}
	named := p.word("AS")
	switch t := p.peek(); {
	case t.kind == tokenQuoted, named && (t.kind == tokenWord || t.kind == tokenText),
		t.kind == tokenWord && !isReserved(t.upper):
		p.next()
		item.Alias = t.text
	case named:
		return item, p.fail(t, "expected a name after AS, found %s", describe(t))
	}
	return item, nil
}

func (p *parser) from(s *Select) error {
	t := p.next()
	switch {
	case t.kind == tokenSymbol && t.text == "(":
		return p.refuse(t, "Unsupported SQL syntax: a sub-select in FROM")
	case t.kind != tokenQuoted && (t.kind != tokenWord || isReserved(t.upper)):
		return p.fail(t, "expected a table name after FROM, found %s", describe(t))
	}
	s.From, s.FromAt = t.text, Pos(t.at)
	if p.isSymbol(".") {
		return p.refuse(p.peek(), "a table name with its schema or database is not supported; write FROM with the plain table name")
	}
	return nil
}

// joins are the words that continue a FROM with more tables.
var joins = []string{"JOIN", "INNER", "LEFT", "RIGHT", "FULL", "CROSS", "NATURAL", "OUTER"}

func (p *parser) clauses(s *Select) error {
	t := p.peek()
	if t.kind == tokenWord {
		for _, j := range joins {
			if t.upper == j {
				return p.refuse(t, "Unsupported SQL syntax: JOIN")
			}
		}
	}
	if t.kind == tokenQuoted || t.kind == tokenWord && (t.upper == "AS" || !isReserved(t.upper)) {
		return p.refuse(t, "a table alias is not supported")
	}
	if p.isSymbol(",") {
		return p.refuse(p.peek(), "Unsupported SQL syntax: several tables in FROM")
	}
	var err error
	if p.word("WHERE") {
		if s.Where, err = p.expr(0); err != nil {
			return err
		}
	}
	if p.word("HAVING") {
		if s.Having, err = p.expr(0); err != nil {
			return err
		}
	}
	p.symbol(";")
	switch t := p.peek(); {
	case t.kind == tokenEnd:
		return nil
	case t.kind == tokenWord && strings.Contains(" GROUP ORDER LIMIT OFFSET FETCH UNION EXCEPT INTERSECT MINUS FOR WINDOW ", " "+t.upper+" "):
		what := t.upper
		if what == "GROUP" || what == "ORDER" {
			what += " BY"
		}
		return p.refuse(t, "Unsupported SQL syntax: %s", what)
	default:
		return p.fail(t, "unexpected %s after the statement", describe(t))
	}
}
