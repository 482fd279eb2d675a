package expr

import (
	"fmt"
	"strings"
	"time"

	"seikan/engine/record"
)

// UDF is a function added to the engine, for what SeaTunnel loads from jars.
//
// Values are nil, string, bool, int64, float64, []byte (BYTES), Decimal, and time.Time in UTC
// for dates and times.
type UDF struct {
	Name string // in any case
	Doc  string
	Args []string // names of the arguments, for messages and documentation
	// Type tells the result's type; it refuses arguments it cannot take.
	Type func(args []record.Type) (record.Type, error)
	// Eval computes one row; it must be safe for concurrent use and depend on args alone.
	Eval func(args []any) (any, error)
}

// Decimal is a DECIMAL value of a UDF: N × 10^-Scale.
type Decimal struct {
	N     num
	Scale int
}

// Register adds a function. Call it from init; a name that is taken panics.
func Register(u UDF) {
	params := make([]string, len(u.Args))
	for i, a := range u.Args {
		params[i] = a + ":any"
	}
	register("Added", []builtin{{
		name: strings.ToUpper(u.Name), params: strings.Join(params, " "), doc: u.Doc,
		make: func(k *call) (*node, error) {
			types := make([]record.Type, len(k.args))
			for i, a := range k.args {
				types[i] = a.typ
			}
			t, err := u.Type(types)
			if err != nil {
				return nil, at(k.e, "%s: %s", k.name, err)
			}
			return k.c.node(k.e, t, k.args, func(f *frame, out *vec) {
				runRows(f, out, k.args, false, func(r *row) error {
					args := make([]any, len(r.a))
					for i, a := range r.a {
						args[i] = a.boxed(r.i)
					}
					v, err := u.Eval(args)
					if err != nil || v == nil {
						r.null = true
						return err
					}
					return out.unbox(r.i, v)
				})
			}), nil
		},
	}})
}

// boxed is value i as a UDF sees it.
func (v *vec) boxed(i int) any {
	k := i & v.mask
	switch {
	case v.isNull(i):
		return nil
	case v.typ.Kind == record.String:
		return string(v.text(i))
	case v.typ.Kind == record.Bytes:
		return append([]byte(nil), v.text(i)...)
	case v.typ.Kind.Temporal():
		return v.time(i)
	}
	switch familyOf(v.typ.Kind) {
	case famInt:
		return v.i[k]
	case famFloat:
		return v.f[k]
	case famDecimal:
		return Decimal{v.d[k], v.typ.Scale}
	case famBool:
		return v.b[k]
	}
	return v.arr.ValueStr(k)
}

// unbox takes the result of a UDF; texts are appended, as runRows wants them.
func (v *vec) unbox(i int, x any) error {
	fam := familyOf(v.typ.Kind)
	switch x := x.(type) {
	case string:
		if fam == famText {
			v.data = append(v.data, x...)
			return nil
		}
	case []byte:
		if fam == famText {
			v.data = append(v.data, x...)
			return nil
		}
	case bool:
		if fam == famBool {
			v.b[i] = x
			return nil
		}
	case int64:
		if v.typ.Kind.Integer() {
			v.i[i] = x
			return nil
		}
	case float64:
		if fam == famFloat {
			v.f[i] = x
			return nil
		}
	case Decimal:
		if fam == famDecimal {
			d, err := rescale(x.N, x.Scale, v.typ.Scale, halfUp)
			v.d[i] = d
			return err
		}
	case time.Time:
		if v.typ.Kind.Temporal() {
			return v.setTime(i, x)
		}
	}
	return fmt.Errorf("the function returned a %T, which is no %s", x, v.typ)
}
