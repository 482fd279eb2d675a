package record

import (
	"fmt"
	"strconv"
	"strings"
)

var kindWords = map[string]Kind{
	"string": String, "boolean": Boolean, "tinyint": TinyInt, "byte": TinyInt,
	"smallint": SmallInt, "short": SmallInt, "int": Int, "bigint": BigInt, "long": BigInt,
	"float": Float, "double": Double, "null": Null, "bytes": Bytes, "date": Date, "time": Time,
	"timestamp": Timestamp, "timestamp_tz": TimestampTZ,
	"binary_vector": BinaryVector, "float_vector": FloatVector, "float16_vector": Float16Vector,
	"bfloat16_vector": BFloat16Vector, "sparse_float_vector": SparseFloatVector,
}

// TypeWords lists the plain type names a schema may use, for error messages.
func TypeWords() []string {
	return []string{"string", "boolean", "tinyint", "smallint", "int", "bigint", "float", "double",
		"decimal(p,s)", "null", "bytes", "date", "time", "timestamp", "timestamp_tz", "array<T>", "map<K,V>",
		"{field = type, …}", "binary_vector", "float_vector", "float16_vector", "bfloat16_vector", "sparse_float_vector"}
}

// ParseType reads a type as a job file writes it, in any case and with any
// blanks: "map<string, decimal(10,2)>", "timestamp(9)", "{a = int, b = string}".
func ParseType(text string) (Type, error) {
	p := &typeParser{text: text, rest: text}
	t, err := p.parse(0)
	if err != nil {
		return Type{}, err
	}
	if p.skip(); p.rest != "" {
		return Type{}, p.fail("unexpected %q after the type", p.rest)
	}
	return t, nil
}

// maxTypeDepth bounds nesting, so that a hostile text cannot exhaust the stack.
const maxTypeDepth = 64

type typeParser struct{ text, rest string }

func (p *typeParser) fail(format string, args ...any) error {
	return fmt.Errorf("type %q: %s", p.text, fmt.Sprintf(format, args...))
}

func (p *typeParser) skip() { p.rest = strings.TrimLeft(p.rest, " \t\r\n") }

func (p *typeParser) take(s string) bool {
	p.skip()
	if strings.HasPrefix(p.rest, s) {
		p.rest = p.rest[len(s):]
		return true
	}
	return false
}

func (p *typeParser) word() string {
	p.skip()
	i := 0
	for i < len(p.rest) && !strings.ContainsRune("<>(),{}=:\" \t\r\n", rune(p.rest[i])) {
		i++
	}
	w := p.rest[:i]
	p.rest = p.rest[i:]
	return w
}

func (p *typeParser) parse(depth int) (Type, error) {
	if depth > maxTypeDepth {
		return Type{}, p.fail("nested deeper than %d levels", maxTypeDepth)
	}
	if p.take("{") {
		return p.row(depth)
	}
	quoted := p.take(`"`)
	w := strings.ToLower(p.word())
	t, err := p.named(w, depth)
	if err == nil && quoted && !p.take(`"`) {
		err = p.fail("missing closing quote")
	}
	return t, err
}

func (p *typeParser) named(w string, depth int) (Type, error) {
	switch w {
	case "decimal":
		args, err := p.args()
		if err != nil {
			return Type{}, err
		}
		if len(args) != 2 {
			return Type{}, p.fail("decimal needs precision and scale, as in decimal(10,2)")
		}
		if args[0] < 1 || args[0] > 38 || args[1] < 0 || args[1] > args[0] {
			return Type{}, p.fail("decimal precision must be 1 to 38 and scale 0 to the precision")
		}
		return DecimalOf(args[0], args[1]), nil
	case "array":
		if !p.take("<") {
			return Type{}, p.fail("array needs an element type, as in array<int>")
		}
		e, err := p.parse(depth + 1)
		if err != nil {
			return Type{}, err
		}
		if !p.take(">") {
			return Type{}, p.fail("missing > after the element type")
		}
		return ArrayOf(e), nil
	case "map":
		if !p.take("<") {
			return Type{}, p.fail("map needs key and value types, as in map<string, int>")
		}
		k, err := p.parse(depth + 1)
		if err != nil {
			return Type{}, err
		}
		if !p.take(",") {
			return Type{}, p.fail("missing , between key and value types")
		}
		v, err := p.parse(depth + 1)
		if err != nil {
			return Type{}, err
		}
		if !p.take(">") {
			return Type{}, p.fail("missing > after the value type")
		}
		return MapOf(k, v), nil
	}
	k, ok := kindWords[w]
	if !ok {
		return Type{}, p.fail("unknown type %q; known are %s", w, strings.Join(TypeWords(), ", "))
	}
	t := Of(k)
	if (k == Time || k == Timestamp || k == TimestampTZ) && strings.HasPrefix(strings.TrimLeft(p.rest, " "), "(") {
		args, err := p.args()
		if err != nil {
			return Type{}, err
		}
		if len(args) != 1 || args[0] < 0 || args[0] > 9 {
			return Type{}, p.fail("%s takes one number of fraction digits, 0 to 9", w)
		}
		t.Scale = args[0]
	}
	return t, nil
}

func (p *typeParser) args() ([]int, error) {
	if !p.take("(") {
		return nil, nil
	}
	var out []int
	for {
		w := p.word()
		n, err := strconv.Atoi(w)
		if err != nil {
			return nil, p.fail("%q is not a whole number", w)
		}
		out = append(out, n)
		if p.take(")") {
			return out, nil
		}
		if !p.take(",") {
			return nil, p.fail("missing ) ")
		}
	}
}

func (p *typeParser) row(depth int) (Type, error) {
	var fields []Field
	seen := map[string]bool{}
	for {
		if p.take("}") {
			break
		}
		quoted := p.take(`"`)
		name := p.word()
		if quoted && !p.take(`"`) {
			return Type{}, p.fail("missing closing quote after field name %q", name)
		}
		if name == "" {
			return Type{}, p.fail("a field name is missing")
		}
		if seen[name] {
			return Type{}, p.fail("field %q appears twice", name)
		}
		seen[name] = true
		if !p.take("=") {
			p.take(":")
		}
		t, err := p.parse(depth + 1)
		if err != nil {
			return Type{}, err
		}
		fields = append(fields, Field{Name: name, Type: t})
		p.take(",")
		if p.skip(); p.rest == "" {
			return Type{}, p.fail("missing }")
		}
	}
	if len(fields) == 0 {
		return Type{}, p.fail("a row type needs at least one field")
	}
	return RowOf(fields...), nil
}
