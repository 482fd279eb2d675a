package option

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"seikan/engine/job/hocon"
)

// common are the keys every plugin block may hold, whatever its spec says.
var common = []string{"plugin_name", "plugin_output", "plugin_input", "result_table_name", "source_table_name", "parallelism"}

// Parse reads the options of a plugin block. It reports every problem of the block at once;
// problems that are warnings do not make the Values unusable.
func (s *Spec) Parse(v *hocon.Value) (*Values, hocon.Problems) {
	if v == nil {
		v = &hocon.Value{Kind: hocon.Object}
	}
	p := &parser{spec: s}
	owner := s.Kind + " " + s.Name
	if s.Kind == s.Name {
		owner = s.Name
	}
	out := p.object(v, s.Options, s.Rules, owner, true)
	return out, p.problems
}

type parser struct {
	spec     *Spec
	problems hocon.Problems
}

func (p *parser) add(pos hocon.Pos, code, label, help, format string, args ...any) {
	p.problems.Add(hocon.Problem{Code: code, Pos: pos, Label: label, Help: help, Message: fmt.Sprintf(format, args...)})
}

func (p *parser) warn(pos hocon.Pos, code, label, format string, args ...any) {
	p.problems.Add(hocon.Problem{Code: code, Pos: pos, Label: label, Message: fmt.Sprintf(format, args...), Warning: true})
}

func (p *parser) object(v *hocon.Value, options []Option, rules []Rule, owner string, top bool) *Values {
	out := &Values{owner: owner, pos: v.Pos, raw: v, options: options, given: map[string]*given{}}
	used := map[*hocon.Field]bool{}
	for i := range options {
		o := &options[i]
		f := v.Lookup(o.Key)
		for _, old := range o.Old {
			if f == nil {
				if f = v.Lookup(old); f != nil {
					p.warn(f.KeyPos, "CFG-010", "use "+strconv.Quote(o.Key), "option %q is the old name of %q", old, o.Key)
				}
			}
		}
		if f == nil || f.Value.Kind == hocon.Null {
			if f != nil {
				used[f] = true
			}
			continue
		}
		used[f] = true
		g := &given{field: f}
		p.value(g, o, f.Value, owner)
		out.given[o.Key] = g
	}
	p.unknown(v, options, used, owner, top)
	for _, r := range rules {
		p.rule(out, r, owner, v.Pos)
	}
	return out
}

// unknown warns of keys that no option reads. A nested block counts as read when a dotted
// option was found inside it.
func (p *parser) unknown(v *hocon.Value, options []Option, used map[*hocon.Field]bool, owner string, top bool) {
	for _, f := range v.Fields {
		if used[f] || holdsUsed(f, used) || top && slices.Contains(common, f.Key) {
			continue
		}
		if find(options, f.Key) != nil {
			continue
		}
		label := "it is ignored"
		if near := Nearest(f.Key, keysOf(options)); near != "" {
			label = fmt.Sprintf("did you mean %q?", near)
		}
		p.warn(f.KeyPos, "CFG-012", label, "unknown option %q for %s", f.Key, owner)
	}
}

func holdsUsed(f *hocon.Field, used map[*hocon.Field]bool) bool {
	if f.Value.Kind != hocon.Object {
		return false
	}
	for _, c := range f.Value.Fields {
		if used[c] || holdsUsed(c, used) {
			return true
		}
	}
	return false
}

func keysOf(options []Option) []string {
	keys := make([]string, len(options))
	for i, o := range options {
		keys[i] = o.Key
	}
	return keys
}

func (p *parser) rule(v *Values, r Rule, owner string, pos hocon.Pos) {
	var have, lack []string
	for _, k := range r.keys {
		if v.Given(k) {
			have = append(have, k)
		} else {
			lack = append(lack, k)
		}
	}
	help := "seikan connectors " + p.spec.Name
	const lead = "There are unconfigured options, the options"
	switch r.kind {
	case required:
		if len(lack) > 0 {
			p.add(pos, "CFG-020", "missing in this block", help, "%s: %s(%s) are required.", owner, lead, quoteJoin(lack))
		}
	case oneOf:
		if len(have) == 0 {
			p.add(pos, "CFG-021", "missing in this block", help, "%s: %s(%s) are mutually exclusive, exactly one of them must be given.", owner, lead, quoteJoin(r.keys))
		}
		fallthrough
	case atMostOne:
		if len(have) > 1 {
			p.add(v.KeyPos(have[1]), "CFG-022", fmt.Sprintf("excludes %q", have[0]), help, "%s: the options(%s) are mutually exclusive, allowed only one of them.", owner, quoteJoin(have))
		}
	case together:
		if len(have) > 0 && len(lack) > 0 {
			p.add(v.KeyPos(have[0]), "CFG-023", "needs "+quoteJoin(lack)+" too", help, "%s: the options(%s) are bundled, must be present or absent together.", owner, quoteJoin(r.keys))
		}
	case requiredIf:
		if slices.ContainsFunc(r.equals, func(e string) bool { return strings.EqualFold(e, v.text(r.when)) }) && len(lack) > 0 {
			at := pos
			if v.Given(r.when) {
				at = v.KeyPos(r.when)
			}
			p.add(at, "CFG-024", "then "+quoteJoin(lack)+" must be given", help, "%s: %s(%s) are required because ['%s' == %s] is true.", owner, lead, quoteJoin(lack), r.when, v.text(r.when))
		}
	}
}

func (p *parser) wrong(o *Option, v *hocon.Value, owner, expected string) {
	p.add(v.Pos, "CFG-030", "expected "+expected, o.Doc, "option %q of %s: %s is not %s", o.Key, owner, show(v), expected)
}

func show(v *hocon.Value) string {
	switch v.Kind {
	case hocon.List:
		return "a list"
	case hocon.Object:
		return "a map"
	}
	if len(v.Text) > 60 {
		return strconv.Quote(v.Text[:60] + "…")
	}
	return strconv.Quote(v.Text)
}

func (p *parser) value(g *given, o *Option, v *hocon.Value, owner string) {
	switch o.Type {
	case String:
		if v.Scalar() {
			g.text = v.Text
		} else {
			g.text = string(hocon.JSON(v))
		}
	case Bool:
		switch {
		case v.Scalar() && strings.EqualFold(v.Text, "true"):
			g.flag = true
		case v.Scalar() && strings.EqualFold(v.Text, "false"):
		default:
			p.wrong(o, v, owner, "true or false")
		}
	case Int, Long:
		p.integer(g, o, v, owner)
	case Double:
		f, err := strconv.ParseFloat(strings.TrimSpace(v.Text), 64)
		if !v.Scalar() || err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			p.wrong(o, v, owner, "a number")
			return
		}
		p.bounds(o, v, owner, f)
		g.number = f
	case Enum:
		for _, c := range o.Choices {
			if v.Scalar() && strings.EqualFold(c, v.Text) {
				g.text = c
				return
			}
		}
		p.wrong(o, v, owner, "one of "+strings.Join(o.Choices, ", "))
	case List:
		p.list(g, o, v, owner)
	case Map, Object:
		p.mapping(g, o, v, owner)
	case Objects:
		p.objects(g, o, v, owner)
	case Schema:
		if v.Kind != hocon.Object {
			p.wrong(o, v, owner, "a schema block: schema { fields { name = type } }")
		}
	}
}

func (p *parser) integer(g *given, o *Option, v *hocon.Value, owner string) {
	bits, what := 64, "a whole number"
	if o.Type == Int {
		bits = 32
	}
	n, err := strconv.ParseInt(strings.TrimSpace(v.Text), 10, bits)
	if err != nil || !v.Scalar() {
		// 1.0 and 1e3 are whole numbers too.
		f, ferr := strconv.ParseFloat(strings.TrimSpace(v.Text), 64)
		if !v.Scalar() || ferr != nil || f != math.Trunc(f) || math.Abs(f) >= math.Ldexp(1, bits-1) {
			if o.Type == Int {
				what = "a whole number of 32 bits"
			}
			p.wrong(o, v, owner, what)
			return
		}
		n = int64(f)
	}
	p.bounds(o, v, owner, float64(n))
	g.whole = n
}

func (p *parser) bounds(o *Option, v *hocon.Value, owner string, f float64) {
	if o.Min == o.Max {
		return
	}
	if f < o.Min || o.Max > o.Min && f > o.Max {
		expected := "at least " + plain(o.Min)
		if o.Max > o.Min {
			expected = "between " + plain(o.Min) + " and " + plain(o.Max)
		}
		p.wrong(o, v, owner, expected)
	}
}

// plain writes a number without an exponent.
func plain(f float64) string { return strconv.FormatFloat(f, 'f', -1, 64) }

func (p *parser) list(g *given, o *Option, v *hocon.Value, owner string) {
	if v.Kind == hocon.Object {
		p.wrong(o, v, owner, "a list")
		return
	}
	if v.Scalar() {
		text := strings.TrimSpace(v.Text)
		if strings.HasPrefix(text, "[") {
			inner, err := hocon.ParseJSON(v.Pos.File, []byte(text))
			if err == nil && inner.Kind == hocon.List {
				moveTo(inner, v.Pos)
				v = inner
			} else {
				p.wrong(o, v, owner, "a list")
				return
			}
		} else {
			for _, part := range strings.Split(v.Text, ",") {
				g.list = append(g.list, strings.TrimSpace(part))
			}
			if len(g.list) > 1 {
				p.warn(v.Pos, "CFG-011", "write [a, b]", "option %q of %s is a text; it is split at its commas", o.Key, owner)
			}
			return
		}
	}
	for _, item := range v.Items {
		if item.Scalar() {
			g.list = append(g.list, item.Text)
		} else {
			g.list = append(g.list, string(hocon.JSON(item)))
		}
	}
}

func (p *parser) mapping(g *given, o *Option, v *hocon.Value, owner string) {
	if v = inline(v, hocon.Object); v.Kind != hocon.Object {
		p.wrong(o, v, owner, "a map: { key = value }")
		return
	}
	g.tree = v
	if o.Type == Object {
		g.object = p.object(v, o.Fields, o.Rules, o.Key+" of "+owner, false)
	}
}

func (p *parser) objects(g *given, o *Option, v *hocon.Value, owner string) {
	v = inline(v, hocon.List)
	if v.Kind == hocon.Object { // a single one without the brackets
		v = &hocon.Value{Kind: hocon.List, Items: []*hocon.Value{v}, Pos: v.Pos}
	}
	if v.Kind != hocon.List {
		p.wrong(o, v, owner, "a list of maps: [ { key = value } ]")
		return
	}
	g.tree = v
	for i, item := range v.Items {
		if item = inline(item, hocon.Object); item.Kind != hocon.Object {
			p.wrong(o, item, owner, "a map: { key = value }")
			continue
		}
		g.objects = append(g.objects, p.object(item, o.Fields, o.Rules, fmt.Sprintf("%s[%d] of %s", o.Key, i, owner), false))
	}
}

// inline reads a text that holds JSON as the list or map it stands for.
func inline(v *hocon.Value, want hocon.Kind) *hocon.Value {
	if v.Kind != hocon.String {
		return v
	}
	tree, err := hocon.ParseJSON(v.Pos.File, []byte(v.Text))
	if err != nil || tree.Kind != want {
		return v
	}
	moveTo(tree, v.Pos)
	return tree
}

// moveTo makes every part of a tree that was parsed out of a text point at that text.
func moveTo(v *hocon.Value, pos hocon.Pos) {
	v.Pos = pos
	for _, i := range v.Items {
		moveTo(i, pos)
	}
	for _, f := range v.Fields {
		f.KeyPos = pos
		moveTo(f.Value, pos)
	}
}
