package syntax

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestPrintedAsTheParserDoes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a+1":                               "a + 1",
		"a  *( b - -1 )":                    "a * (b - -1)",
		"upper( a )":                        "upper(a)",
		"Concat(a,'x''y', b.c)":             "Concat(a, 'x''y', b.c)",
		"cast(a as decimal(10,2))":          "CAST(a AS decimal (10, 2))",
		"a::int":                            "a::int",
		"case when a>1 then 'x' else b end": "CASE WHEN a > 1 THEN 'x' ELSE b END",
		"case a when 1 then 2 end":          "CASE a WHEN 1 THEN 2 END",
		"a is not null and b not in(1,2)":   "a IS NOT NULL AND b NOT IN (1, 2)",
		"a not like 'x%' or not b = 1":      "a NOT LIKE 'x%' OR NOT b = 1",
		"a between 1 and 2 and b":           "a BETWEEN 1 AND 2 AND b",
		"a like 'x' escape '!'":             "a LIKE 'x' ESCAPE '!'",
		"extract(year from t)":              "EXTRACT(year FROM t)",
		"current_date":                      "current_date",
		"current_date()":                    "current_date()",
		"count(*)":                          "count(*)",
		"- -a":                              "- -a",
		"+a":                                "+a",
		"1.50":                              "1.50",
		".5e3":                              ".5e3",
		"`a b`.\"c\"":                       "`a b`.\"c\"",
		"a||b -- comment":                   "a || b",
		"a /* x */ % b":                     "a % b",
		"a != b":                            "a != b",
		"date '2024-01-01'":                 "DATE '2024-01-01'",
		"date":                              "date",
		"列 + 1":                             "列 + 1",
		"left(a, 1)":                        "left(a, 1)",
		"null":                              "NULL",
	} {
		e, err := ParseExpr(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if e.String() != want {
			t.Errorf("%s is printed %s, expected %s", text, e, want)
		}
	}
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a or b and c":        "[a OR [b AND c]]",
		"not a = b and c":     "[(NOT [a = b]) AND c]",
		"a + b * c - d":       "[[a + [b * c]] - d]",
		"a || b + c = d":      "[[a || [b + c]] = d]",
		"-a * b":              "[(- a) * b]",
		"-a::int":             "(- (a::int))",
		"a = b is null":       "([a = b] IS NULL)",
		"a between b and c+1": "(a BETWEEN b [c + 1])",
		"a in (1) = b":        "[(a IN 1) = b]",
	} {
		e, err := ParseExpr(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := shape(e); got != want {
			t.Errorf("%s is read %s, expected %s", text, got, want)
		}
	}
}

func shape(e Expr) string {
	switch x := e.(type) {
	case *Binary:
		return "[" + shape(x.L) + " " + x.Op + " " + shape(x.R) + "]"
	case *Unary:
		return "(" + x.Op + " " + shape(x.X) + ")"
	case *Cast:
		return "(" + shape(x.X) + "::" + x.Type.Name + ")"
	case *IsNull:
		return "(" + shape(x.X) + " IS NULL)"
	case *Between:
		return "(" + shape(x.X) + " BETWEEN " + shape(x.Lo) + " " + shape(x.Hi) + ")"
	case *In:
		return "(" + shape(x.X) + " IN " + shape(x.List[0]) + ")"
	}
	return e.String()
}

func TestSelect(t *testing.T) {
	t.Parallel()
	s, err := ParseSelect("select distinct a, b+1 as c, d `e`, *, t.*, f g from `my table` where a > 1 having b > 2 ;")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, i := range s.Items {
		if i.Star {
			names = append(names, i.Table+"*")
		} else {
			names = append(names, i.Name())
		}
	}
	if got := strings.Join(names, " "); got != "a c e * t* g" {
		t.Errorf("names %s", got)
	}
	if s.From != "my table" || !s.Distinct || s.Where.String() != "a > 1" || s.Having.String() != "b > 2" {
		t.Errorf("%+v", s)
	}
}

func TestErrorsNameLineAndColumn(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"a +":                      "line 1, column 4: expected an expression, found end of the statement, at the end",
		"a\n + é ^ b":              "line 2, column 6: unexpected character '^', at: ^ b",
		"upper(a":                  "line 1, column 8: expected , or ), found end of the statement, at the end",
		"'open":                    "line 1, column 1: the quote ' is not closed, at: 'open",
		"/* open":                  "line 1, column 1: the comment is not closed; expected */, at: /* open",
		"a b":                      `line 1, column 3: unexpected "b" after the expression, at: b`,
		"case when a then b":       "line 1, column 19: expected END to close CASE, found end of the statement, at the end",
		"case else 1 end":          `line 1, column 6: expected an expression, found "else"; put a column of this name in back-ticks, at: else 1 end`,
		"a is 1":                   `line 1, column 6: expected NULL after IS, found "1", at: 1`,
		"a not b":                  `line 1, column 7: expected IN, LIKE or BETWEEN after NOT, found "b", at: b`,
		"cast(a int)":              `line 1, column 8: expected AS in CAST, found "int", at: int)`,
		"a.1":                      `line 1, column 2: unexpected ".1" after the expression, at: .1`,
		"1abc":                     "line 1, column 1: a number runs into a name",
		"``":                       "line 1, column 1: a quoted name is empty",
		strings.Repeat("(", 10000): "the expression nests deeper than 200",
		strings.Repeat("-", 1) + strings.Repeat(" -", 10000) + "1": "the expression nests deeper than 200",
		"count(distinct a)": "Unsupported SQL Expression: DISTINCT inside a function call",
	} {
		_, err := ParseExpr(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40s\n  got  %v\n  want %s", text, err, want)
		}
		var se *Error
		if err != nil && !errors.As(err, &se) {
			t.Errorf("%.40s: %T is no *Error", text, err)
		}
	}
}

func TestLongChainsAreNoNesting(t *testing.T) {
	t.Parallel()
	text := "a = 0" + strings.Repeat(" OR a = 1", 20000)
	e, err := ParseExpr(text)
	if err != nil {
		t.Fatal(err)
	}
	if e.String() != text {
		t.Error("the chain is printed otherwise")
	}
	if _, err := ParseExpr(strings.Repeat(" ", MaxText+1)); err == nil {
		t.Error("a text past the limit was read")
	}
}

// random draws an expression; operands are in parentheses where precedence could matter.
func random(t *rapid.T, depth int) Expr {
	kind := rapid.IntRange(0, 5).Draw(t, "leaf")
	if depth > 0 {
		kind = rapid.IntRange(0, 17).Draw(t, "kind")
	}
	sub := func() Expr {
		e := random(t, depth-1)
		switch e.(type) {
		case *Column, *Number, *Text, *Null, *Call, *Paren:
			return e
		}
		return &Paren{X: e}
	}
	list := func() []Expr {
		out := []Expr{sub()}
		for range rapid.IntRange(0, 2).Draw(t, "more") {
			out = append(out, sub())
		}
		return out
	}
	yes := func() bool { return rapid.Bool().Draw(t, "yes") }
	switch kind {
	case 0:
		return &Number{Text: rapid.SampledFrom([]string{"0", "1", "2147483648", "1.5", "1e5", ".5"}).Draw(t, "number")}
	case 1:
		return &Text{Value: rapid.StringN(0, 5, 20).Draw(t, "text")}
	case 2:
		return &Null{}
	case 3:
		return &Moment{Kind: "DATE", Value: "2024-01-01"}
	case 4, 5:
		c := &Column{}
		for range rapid.IntRange(1, 3).Draw(t, "parts") {
			c.Parts = append(c.Parts, rapid.SampledFrom([]Name{{"a", 0}, {"select", '`'}, {"x y", '"'}, {"b`c", '`'}, {"date", 0}}).Draw(t, "name"))
		}
		return c
	case 6:
		return &Unary{Op: rapid.SampledFrom([]string{"-", "+", "NOT"}).Draw(t, "sign"), X: sub()}
	case 7, 8, 9:
		return &Binary{Op: rapid.SampledFrom([]string{"+", "-", "*", "/", "%", "||", "=", "<>", "!=", "<", "<=", ">", ">=", "AND", "OR"}).Draw(t, "op"), L: sub(), R: sub()}
	case 10:
		return &Paren{X: sub()}
	case 11:
		return &IsNull{X: sub(), Not: yes()}
	case 12:
		return &In{X: sub(), Not: yes(), List: list()}
	case 13:
		l := &Like{X: sub(), Not: yes(), Pattern: sub()}
		if yes() {
			l.Escape = &Text{Value: "!"}
		}
		return l
	case 14:
		return &Between{X: sub(), Lo: sub(), Hi: sub(), Not: yes()}
	case 15:
		c := &Case{Whens: []When{{Cond: sub(), Then: sub()}}}
		if yes() {
			c.Operand = sub()
		}
		if yes() {
			c.Else = sub()
		}
		return c
	case 16:
		return &Cast{X: sub(), Type: TypeName{Name: "DECIMAL", Args: []string{"10", "2"}}, Short: yes()}
	}
	return &Call{Name: "COALESCE", Args: list()}
}

func TestParseReadsWhatStringWrites(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		e := random(t, 4)
		back, err := ParseExpr(e.String())
		if err != nil {
			t.Fatalf("%s: %v", e, err)
		}
		if back.String() != e.String() || shape(back) != shape(e) {
			t.Fatalf("%s is read as %s", e, back)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"SELECT *, a+1 AS b FROM t WHERE a IN (1,2)", "SELECT CASE a WHEN 1 THEN 'x' END FROM `t`", "a::int || 'x' -- c", "CAST(a AS DECIMAL(1,2))", "t.* /* */"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if e, err := ParseExpr(text); err == nil {
			back, err := ParseExpr(e.String())
			if err != nil {
				t.Fatalf("%q is printed %q: %v", text, e, err)
			}
			if back.String() != e.String() {
				t.Fatalf("%q is printed %q, then %q", text, e, back)
			}
		}
		_, _ = ParseSelect(text)
	})
}
