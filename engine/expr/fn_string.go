package expr

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"unicode/utf16"
	"unicode/utf8"

	"golang.org/x/text/cases"
	"golang.org/x/text/language"

	"seikan/engine/expr/syntax"
	"seikan/engine/record"
)

var stringFunctions = []builtin{
	{name: "ASCII", params: "s:text", doc: "Code of the first UTF-16 unit; 0 for an empty text.", make: func(k *call) (*node, error) {
		return k.rows(record.Int, func(r *row) error {
			r.setInt(0)
			if s := r.text(0); len(s) > 0 {
				c, _ := utf8.DecodeRune(s)
				if hi, _ := utf16.EncodeRune(c); c >= 0x10000 {
					c = hi
				}
				r.setInt(int64(c))
			}
			return nil
		})
	}},
	{name: "BIT_LENGTH", params: "s:string", doc: "Length in bits of the UTF-8 form.", make: lengthBy(func(s []byte) int { return 8 * len(s) })},
	{name: "OCTET_LENGTH", params: "s:string", doc: "Length in bytes of the UTF-8 form.", make: lengthBy(func(s []byte) int { return len(s) })},
	{name: "CHAR_LENGTH LENGTH", params: "s:text", doc: "Length in UTF-16 units.", make: lengthBy(unitLen)},
	{name: "CHAR CHR", params: "n:int", doc: "The character with this code.", make: func(k *call) (*node, error) {
		return k.rows(record.String, func(r *row) error {
			r.out.data = utf8.AppendRune(r.out.data, rune(uint16(r.int(0))))
			return nil
		})
	}},
	{name: "CONCAT", params: "a:text a:text*", doc: "Joins texts; nulls are left out.", make: func(k *call) (*node, error) {
		return k.c.concat(k.e, k.args, false), nil
	}},
	{name: "CONCAT_WS", params: "sep:text a:text*", doc: "Joins texts with a separator between; nulls are left out, a null separator is empty.", make: func(k *call) (*node, error) {
		return k.loose(record.String, false, func(r *row) error {
			first := true
			for i := 1; i < len(r.a); i++ {
				if r.isNull(i) {
					continue
				}
				if !first && !r.isNull(0) {
					r.append(r.text(0)...)
				}
				r.append(r.text(i)...)
				first = false
			}
			return nil
		})
	}},
	{name: "HEXTORAW", params: "s:text", doc: "The text whose characters are written as four hexadecimal digits each.", make: func(k *call) (*node, error) {
		return k.rows(record.String, func(r *row) error {
			s := r.str(0)
			if len(s)%4 != 0 {
				return fmt.Errorf("HEXTORAW needs four hexadecimal digits for each character; %s has %d digits", quoted(s), len(s))
			}
			codes := make([]uint16, 0, len(s)/4)
			for ; s != ""; s = s[4:] {
				c, err := strconv.ParseUint(s[:4], 16, 16)
				if err != nil {
					return fmt.Errorf("HEXTORAW: %s are not hexadecimal digits", quoted(s[:4]))
				}
				codes = append(codes, uint16(c))
			}
			r.append([]byte(string(utf16.Decode(codes)))...)
			return nil
		})
	}},
	{name: "RAWTOHEX", params: "s:bytes", doc: "Hexadecimal digits, in lower case: four for each character of a text, two for each byte.", make: func(k *call) (*node, error) {
		return k.rows(record.String, func(r *row) error {
			if r.a[0].typ.Kind == record.Bytes {
				r.out.data = hex.AppendEncode(r.out.data, r.text(0))
				return nil
			}
			for _, u := range units(r.text(0)) {
				r.out.data = hex.AppendEncode(r.out.data, []byte{byte(u >> 8), byte(u)})
			}
			return nil
		})
	}},
	{name: "INSERT", params: "s:text start:int len:int add:text", doc: "Replaces len characters from start by add.", make: func(k *call) (*node, error) {
		return k.loose(record.String, false, insertText)
	}},
	{name: "LOWER LCASE", params: "s:text", doc: "In lower case.", make: caseChange('A', 'Z', cases.Lower)},
	{name: "UPPER UCASE", params: "s:text", doc: "In upper case.", make: caseChange('a', 'z', cases.Upper)},
	{name: "LEFT", params: "s:text n:int", doc: "The first n characters.", make: func(k *call) (*node, error) {
		return k.rows(record.String, func(r *row) error {
			s := r.text(0)
			n := unitLen(s)
			r.out.data = appendUnits(r.out.data, s, 0, clip(r.int(1), n))
			return nil
		})
	}},
	{name: "RIGHT", params: "s:text n:int", doc: "The last n characters.", make: func(k *call) (*node, error) {
		return k.rows(record.String, func(r *row) error {
			s := r.text(0)
			n := unitLen(s)
			r.out.data = appendUnits(r.out.data, s, n-clip(r.int(1), n), n)
			return nil
		})
	}},
	{name: "LPAD", params: "s:text n:int pad:text?", doc: "Fills up on the left to n characters with the first one of pad, a blank without it; cuts what is longer.", make: padding(true)},
	{name: "RPAD", params: "s:text n:int pad:text?", doc: "Fills up on the right to n characters; like LPAD.", make: padding(false)},
	{name: "LTRIM", params: "s:text c:text?", doc: "Removes the first character of c, a blank without it, from the left end.", make: trimming(true, false)},
	{name: "RTRIM", params: "s:text c:text?", doc: "Removes characters from the right end; like LTRIM.", make: trimming(false, true)},
	{name: "TRIM", params: "s:text c:text?", doc: "Removes characters from both ends; like LTRIM.", make: trimming(true, true)},
	{name: "REPEAT", params: "s:text n:int", doc: "n copies of a text.", make: func(k *call) (*node, error) {
		return k.rows(record.String, func(r *row) error { return repeat(r, r.text(0), r.int(1)) })
	}},
	{name: "SPACE", params: "n:int", doc: "n blanks.", make: func(k *call) (*node, error) {
		return k.rows(record.String, func(r *row) error { return repeat(r, []byte{' '}, r.int(0)) })
	}},
	{name: "REPLACE", params: "s:text find:text rep:text?", doc: "Replaces every find by rep, by nothing without it.", make: func(k *call) (*node, error) {
		return k.loose(record.String, true, replaceText)
	}},
	{name: "SOUNDEX", params: "s:text", doc: "The Soundex code: a letter and three digits.", make: func(k *call) (*node, error) {
		return k.rows(record.String, func(r *row) error { r.append(soundex(r.text(0))...); return nil })
	}},
	{name: "SUBSTRING SUBSTR", params: "s:text start:int len:int?", doc: "Characters from start, counted from 1 or, when negative, from the end. An empty result is null in ZETA.", make: substring},
	{name: "TRANSLATE", params: "s:text from:text to:text", doc: "Replaces each character of from by the one at its place in to; those without one stay.", make: func(k *call) (*node, error) {
		return k.rows(record.String, translate)
	}},
}

func lengthBy(length func([]byte) int) func(k *call) (*node, error) {
	return func(k *call) (*node, error) {
		return k.rows(record.BigInt, func(r *row) error { r.setInt(int64(length(r.text(0)))); return nil })
	}
}

// clip bounds a count by 0 and n.
func clip(v int64, n int) int { return int(min(max(v, 0), int64(n))) }

// concat joins texts. Nulls are left out unless strict.
func (c *compiler) concat(e syntax.Expr, args []*node, strict bool) *node {
	return c.node(e, record.Of(record.String), args, func(f *frame, out *vec) {
		vecs := make([]*vec, len(args))
		for k, a := range args {
			vecs[k] = a.run(f)
		}
		if strict {
			out.strictNulls(f.n, vecs...)
		}
		for i := range f.n {
			if out.null == nil || !out.null[i] {
				for _, v := range vecs {
					if !v.isNull(i) {
						out.data = append(out.data, v.text(i)...)
					}
				}
				if len(out.data) > maxColumn {
					f.fail(i, fmt.Errorf("the column's values take more than %d bytes in one batch", maxColumn))
					out.data = out.data[:out.off[i]]
				}
			}
			out.endText()
		}
	})
}

// concatOp is a || b || …: one node for the whole chain.
func (c *compiler) concatOp(x *syntax.Binary) (*node, error) {
	var parts []syntax.Expr
	for {
		parts = append(parts, x.R)
		l, ok := x.L.(*syntax.Binary)
		if !ok || l.Op != "||" {
			parts = append(parts, x.L)
			break
		}
		x = l
	}
	args := make([]*node, len(parts))
	for i, p := range parts {
		n, err := c.expr(p)
		if err == nil && familyOf(n.typ.Kind) == famArray {
			err = at(p, "|| joins texts; %s is %s", p, n.typ)
		}
		if err == nil {
			n, err = c.convert(p, n, record.Of(record.String))
		}
		if err != nil {
			return nil, err
		}
		args[len(parts)-1-i] = n
	}
	return c.concat(x, args, c.ansi()), nil
}

// insertText replaces part of a text; out of range it stays.
func insertText(r *row) error {
	switch {
	case r.isNull(0) && r.isNull(3):
		r.null = true
		return nil
	case r.isNull(0):
		r.append(r.text(3)...)
		return nil
	case r.isNull(3) || r.isNull(1) || r.isNull(2):
		r.append(r.text(0)...)
		return nil
	}
	s, add := r.text(0), r.text(3)
	n := int64(unitLen(s))
	start, length := r.int(1)-1, r.int(2)
	if start < 0 || length <= 0 || len(add) == 0 || start > n {
		r.append(s...)
		return nil
	}
	length = min(length, n-start)
	r.out.data = appendUnits(r.out.data, s, 0, int(start))
	r.append(add...)
	r.out.data = appendUnits(r.out.data, s, int(start+length), int(n))
	return nil
}

// caseChange flips the ASCII letters from lo to hi, all texts of a batch at once; other texts
// follow Unicode.
func caseChange(lo, hi byte, full func(language.Tag, ...cases.Option) cases.Caser) func(k *call) (*node, error) {
	return func(k *call) (*node, error) {
		arg := k.args[0]
		return k.c.node(k.e, record.Of(record.String), k.args, func(f *frame, out *vec) {
			in := arg.run(f)
			out.strictNulls(f.n, in)
			if in.mask != 0 {
				from, to := in.off[0], in.off[f.n]
				if all := in.data[from:to]; isASCII(all) {
					out.data = append(out.data, all...)
					for i, b := range out.data {
						if b-lo <= hi-lo {
							out.data[i] = b ^ 0x20
						}
					}
					for _, o := range in.off[1 : f.n+1] {
						out.off = append(out.off, o-from)
					}
					return
				}
			}
			caser := full(language.Und)
			for i := range f.n {
				if s := in.text(i); isASCII(s) {
					start := len(out.data)
					out.data = append(out.data, s...)
					for j, b := range out.data[start:] {
						if b-lo <= hi-lo {
							out.data[start+j] = b ^ 0x20
						}
					}
				} else {
					out.data = append(out.data, caser.Bytes(s)...)
				}
				out.endText()
			}
		}), nil
	}
}
