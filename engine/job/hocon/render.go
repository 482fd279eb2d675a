package hocon

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

const (
	tabWidth  = 4
	lineWidth = 140 // columns of a source line that are shown, around the caret
)

// Render writes problems for people, in the order in which they stand: message, place, the source
// line with the place marked, and what to do. source returns a file's text, or nil when it is not
// to be shown. color uses ANSI colours. The error is w's.
func Render(w io.Writer, problems Problems, source func(file string) []byte, color bool) error {
	sorted := slices.Clone(problems)
	slices.SortStableFunc(sorted, func(a, b Problem) int {
		return cmp.Or(cmp.Compare(a.Pos.File, b.Pos.File), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
	r := &renderer{color: color, lines: map[string][]string{}, source: source}
	var errors, warnings int
	for _, p := range sorted {
		if p.Warning {
			warnings++
		} else {
			errors++
		}
		r.problem(p)
	}
	r.count(errors, warnings)
	_, err := io.WriteString(w, r.String())
	return err
}

const (
	red    = "1;31"
	yellow = "1;33"
	blue   = "1;34"
	bold   = "1"
)

type renderer struct {
	strings.Builder
	color  bool
	source func(string) []byte
	lines  map[string][]string
}

func (r *renderer) paint(code, text string) string {
	if !r.color || text == "" {
		return text
	}
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (r *renderer) problem(p Problem) {
	word, tone := "error", red
	if p.Warning {
		word, tone = "warning", yellow
	}
	if p.Code != "" {
		word += "[" + p.Code + "]"
	}
	message := clean(p.Message)
	line, ok := r.line(p.Pos)
	if !ok && p.Label != "" {
		message += " (" + clean(p.Label) + ")"
	}
	fmt.Fprintf(r, "%s%s\n", r.paint(tone, word), r.paint(bold, ": "+message))
	number := fmt.Sprint(p.Pos.Line)
	margin := strings.Repeat(" ", len(number))
	if p.Pos.File != "" || p.Pos.Line > 0 {
		at := clean(p.Pos.File)
		if p.Pos.Line > 0 {
			at = fmt.Sprintf("%s:%d:%d", at, p.Pos.Line, p.Pos.Col)
		}
		fmt.Fprintf(r, "%s%s %s\n", margin, r.paint(blue, "-->"), at)
	}
	bar := margin + " " + r.paint(blue, "|")
	if ok {
		text, before, carets := excerpt(line, p.Pos)
		fmt.Fprintf(r, "%s\n%s %s %s\n", bar, r.paint(blue, number), r.paint(blue, "|"), text)
		mark := strings.Repeat("^", carets)
		if p.Label != "" {
			mark += " " + clean(p.Label)
		}
		fmt.Fprintf(r, "%s %s%s\n", bar, strings.Repeat(" ", before), r.paint(tone, mark))
	}
	if p.Help != "" {
		fmt.Fprintf(r, "%s %s\n", margin+" "+r.paint(blue, "="), r.paint(bold, "help:")+" "+clean(p.Help))
	}
	r.WriteByte('\n')
}

func (r *renderer) count(errors, warnings int) {
	plural := func(n int, word string) string {
		if n == 1 {
			return "1 " + word
		}
		return fmt.Sprintf("%d %ss", n, word)
	}
	var parts []string
	if errors > 0 {
		parts = append(parts, r.paint(red, plural(errors, "error")))
	}
	if warnings > 0 {
		parts = append(parts, r.paint(yellow, plural(warnings, "warning")))
	}
	if len(parts) > 0 {
		r.WriteString(strings.Join(parts, ", ") + "\n")
	}
}

// line returns the text of the line that pos is on.
func (r *renderer) line(pos Pos) (string, bool) {
	if pos.Line < 1 || r.source == nil {
		return "", false
	}
	lines, known := r.lines[pos.File]
	if !known {
		if text := r.source(pos.File); text != nil {
			lines = strings.Split(strings.TrimPrefix(string(text), "\ufeff"), "\n")
		}
		r.lines[pos.File] = lines
	}
	if pos.Line > len(lines) {
		return "", false
	}
	return strings.TrimSuffix(lines[pos.Line-1], "\r"), true
}

// excerpt lays out a source line: what to print, the columns before the mark and its width.
// Tabs become spaces, wide characters count as two, and a long line is cut around the mark.
func excerpt(line string, pos Pos) (text string, before, carets int) {
	var b strings.Builder
	var starts []int // the screen column of each character, and one past the end
	at := 0
	cells := make([]string, 0, len(line))
	for _, c := range line {
		starts = append(starts, at)
		cell := string(c)
		switch n := columns(c); {
		case c == '\t':
			cell = strings.Repeat(" ", tabWidth-at%tabWidth)
			at += len(cell)
		case unicode.IsControl(c):
			cell = "·"
			at++
		default:
			at += n
		}
		cells = append(cells, cell)
	}
	starts = append(starts, at)
	column := func(col int) int { return starts[min(max(col-1, 0), len(starts)-1)] }
	from, to := column(pos.Col), column(pos.EndCol)
	first, last := 0, len(cells)
	if at > lineWidth {
		first = max(0, min(pos.Col-1, len(cells))-lineWidth/3)
		last = min(len(cells), first+lineWidth)
	}
	if first > 0 {
		b.WriteString("…")
		before = 1
	}
	for _, cell := range cells[first:last] {
		b.WriteString(cell)
	}
	if last < len(cells) {
		b.WriteString("…")
	}
	before += from - starts[first]
	carets = max(1, min(to, starts[last])-from)
	return b.String(), before, carets
}

// columns is the number of screen columns that c takes.
func columns(c rune) int {
	if unicode.In(c, unicode.Mn, unicode.Me, unicode.Cf) {
		return 0
	}
	switch width.LookupRune(c).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	}
	return 1
}

// clean keeps text from a file from steering a terminal.
func clean(text string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return '·'
		}
		return r
	}, text)
}
