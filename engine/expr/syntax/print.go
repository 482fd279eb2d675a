package syntax

import "strings"

func (n Name) String() string {
	if n.Quote == 0 {
		return n.Text
	}
	q := string(n.Quote)
	return q + strings.ReplaceAll(n.Text, q, q+q) + q
}

func (c *Column) String() string {
	parts := make([]string, len(c.Parts))
	for i, p := range c.Parts {
		parts[i] = p.String()
	}
	return strings.Join(parts, ".")
}

// Path is the dotted name without quotes.
func (c *Column) Path() string {
	parts := make([]string, len(c.Parts))
	for i, p := range c.Parts {
		parts[i] = p.Text
	}
	return strings.Join(parts, ".")
}

func (n *Number) String() string { return n.Text }
func (t *Text) String() string   { return quote(t.Value) }
func (*Null) String() string     { return "NULL" }
func (m *Moment) String() string { return m.Kind + " " + quote(m.Value) }

func quote(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

func (u *Unary) String() string {
	if u.Op == "NOT" {
		return "NOT " + u.X.String()
	}
	x := u.X.String()
	if strings.HasPrefix(x, "-") || strings.HasPrefix(x, "+") {
		return u.Op + " " + x // --x would be a comment
	}
	return u.Op + x
}

func (b *Binary) String() string {
	var out strings.Builder
	b.print(&out)
	return out.String()
}

// print goes down long left chains without building a string at each step.
func (b *Binary) print(out *strings.Builder) {
	if l, ok := b.L.(*Binary); ok {
		l.print(out)
	} else {
		out.WriteString(b.L.String())
	}
	out.WriteString(" " + b.Op + " ")
	out.WriteString(b.R.String())
}

func (p *Paren) String() string { return "(" + p.X.String() + ")" }

func (n *IsNull) String() string { return n.X.String() + " IS " + not(n.Not) + "NULL" }

func (n *In) String() string {
	return n.X.String() + " " + not(n.Not) + "IN (" + join(n.List) + ")"
}

func (n *Like) String() string {
	s := n.X.String() + " " + not(n.Not) + "LIKE " + n.Pattern.String()
	if n.Escape != nil {
		s += " ESCAPE " + n.Escape.String()
	}
	return s
}

func (n *Between) String() string {
	return n.X.String() + " " + not(n.Not) + "BETWEEN " + n.Lo.String() + " AND " + n.Hi.String()
}

func not(b bool) string {
	if b {
		return "NOT "
	}
	return ""
}

func (c *Case) String() string {
	var b strings.Builder
	b.WriteString("CASE ")
	if c.Operand != nil {
		b.WriteString(c.Operand.String() + " ")
	}
	for _, w := range c.Whens {
		b.WriteString("WHEN " + w.Cond.String() + " THEN " + w.Then.String() + " ")
	}
	if c.Else != nil {
		b.WriteString("ELSE " + c.Else.String() + " ")
	}
	b.WriteString("END")
	return b.String()
}

func (c *Cast) String() string {
	if c.Short {
		return c.X.String() + "::" + c.Type.String()
	}
	return "CAST(" + c.X.String() + " AS " + c.Type.String() + ")"
}

func (t TypeName) String() string {
	if len(t.Args) == 0 {
		return t.Name
	}
	return t.Name + " (" + strings.Join(t.Args, ", ") + ")"
}

func (c *Call) String() string {
	switch {
	case c.Bare:
		return c.Name
	case c.Star:
		return c.Name + "(*)"
	}
	return c.Name + "(" + join(c.Args) + ")"
}

func (e *Extract) String() string { return "EXTRACT(" + e.Unit + " FROM " + e.X.String() + ")" }

func join(list []Expr) string {
	parts := make([]string, len(list))
	for i, e := range list {
		parts[i] = e.String()
	}
	return strings.Join(parts, ", ")
}
