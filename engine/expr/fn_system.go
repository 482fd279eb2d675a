package expr

import (
	"crypto/des"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"

	"seikan/engine/expr/syntax"
	"seikan/engine/record"
)

var systemFunctions = []builtin{
	{name: "COALESCE", params: "a:any b:any*", doc: "The first argument that is not null, in the type of the first.", make: coalesce},
	{name: "IFNULL", params: "a:any b:any", doc: "a, or b where a is null.", make: coalesce},
	{name: "NULLIF", params: "a:any b:any", doc: "Null where a equals b, else a.", make: nullIf},
	{name: "UUID", volatile: true, doc: "A random UUID.", make: func(k *call) (*node, error) {
		return k.rows(record.String, func(r *row) error {
			var u [16]byte
			binary.BigEndian.PutUint64(u[:8], r.f.env.Random())
			binary.BigEndian.PutUint64(u[8:], r.f.env.Random())
			u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80 // version 4, RFC 9562
			for i, b := range [5][]byte{u[:4], u[4:6], u[6:8], u[8:10], u[10:]} {
				if i > 0 {
					r.append('-')
				}
				r.out.data = hex.AppendEncode(r.out.data, b)
			}
			return nil
		})
	}},
	{name: "DES_ENCRYPT", params: "password:text data:text", doc: "DES (ECB, PKCS #5 padding) by the first 8 bytes of the password, in Base64. For old data only: DES is not safe.", make: func(k *call) (*node, error) {
		return k.rows(record.String, func(r *row) error {
			out, err := desEncrypt(r.text(0), r.text(1))
			r.out.data = base64.StdEncoding.AppendEncode(r.out.data, out)
			return err
		})
	}},
	{name: "DES_DECRYPT", params: "password:text data:text", doc: "Reverses DES_ENCRYPT.", make: func(k *call) (*node, error) {
		return k.rows(record.String, func(r *row) error {
			out, err := desDecrypt(r.text(0), r.text(1))
			r.append(out...)
			return err
		})
	}},
}

// coalesce has the type of its first argument in ZETA, the common type in ANSI.
func coalesce(k *call) (*node, error) {
	values := k.args
	var err error
	if k.c.ansi() {
		values, err = k.c.unify(k.e, values)
	} else {
		var t record.Type
		for _, v := range values {
			if v.typ.Kind != record.Null {
				t = v.typ
				break
			}
		}
		for i, v := range values {
			if values[i], err = k.c.castLike(k.e, v, t); err != nil {
				return nil, err
			}
		}
	}
	if err != nil {
		return nil, err
	}
	conds := make([]*node, len(values)-1)
	for i := range conds {
		conds[i] = k.c.present(k.e, values[i])
	}
	return k.c.choose(k.e, conds, values), nil
}

// castLike converts as a CAST would where convert does not, or would lose something.
func (c *compiler) castLike(e syntax.Expr, n *node, t record.Type) (*node, error) {
	if t.Kind.Integer() && n.typ.Kind.Numeric() && n.typ.Kind > t.Kind {
		return c.castNumber(&syntax.Cast{Pos: syntax.Pos(e.At()), X: e}, n, t), nil
	}
	if out, err := c.convert(e, n, t); err == nil || n.typ.Kind != record.String || !t.Kind.Numeric() {
		return out, err
	}
	return c.castNumber(&syntax.Cast{Pos: syntax.Pos(e.At()), X: e}, n, t), nil
}

// present is x IS NOT NULL.
func (c *compiler) present(e syntax.Expr, n *node) *node {
	return c.node(e, record.Of(record.Boolean), []*node{n}, func(f *frame, out *vec) {
		in := n.run(f)
		for i := range out.b {
			out.b[i] = !in.isNull(i)
		}
	})
}

// nullIf compares like Java objects in ZETA: values of different types are never equal.
func nullIf(k *call) (*node, error) {
	a, b := k.args[0], k.args[1]
	if a.typ.Kind == record.Null || b.typ.Kind == record.Null {
		return a, nil
	}
	if !k.c.ansi() && !a.typ.Equal(b.typ) {
		return a, nil
	}
	same, err := k.c.compare(k.e, "=", a, b)
	if err != nil {
		return nil, err
	}
	return k.c.choose(k.e, []*node{same}, []*node{k.c.nullOf(a.at, a.typ), a}), nil
}

var errPassword = errors.New("DES needs a password of at least 8 bytes")

func desEncrypt(password, data []byte) ([]byte, error) {
	if len(password) < des.BlockSize {
		return nil, errPassword
	}
	cipher, err := des.NewCipher(password[:des.BlockSize])
	if err != nil {
		return nil, err
	}
	pad := des.BlockSize - len(data)%des.BlockSize
	out := append([]byte(nil), data...)
	for range pad {
		out = append(out, byte(pad))
	}
	for i := 0; i < len(out); i += des.BlockSize {
		cipher.Encrypt(out[i:], out[i:i+des.BlockSize])
	}
	return out, nil
}

func desDecrypt(password, text []byte) ([]byte, error) {
	if len(password) < des.BlockSize {
		return nil, errPassword
	}
	cipher, err := des.NewCipher(password[:des.BlockSize])
	if err != nil {
		return nil, err
	}
	out, err := base64.StdEncoding.AppendDecode(nil, text)
	if err != nil {
		return nil, fmt.Errorf("DES_DECRYPT: the data is not Base64: %w", err)
	}
	if len(out) == 0 || len(out)%des.BlockSize != 0 {
		return nil, fmt.Errorf("DES_DECRYPT: %d bytes are no whole number of blocks", len(out))
	}
	for i := 0; i < len(out); i += des.BlockSize {
		cipher.Decrypt(out[i:], out[i:i+des.BlockSize])
	}
	pad := int(out[len(out)-1])
	if pad < 1 || pad > des.BlockSize {
		return nil, errors.New("DES_DECRYPT: wrong password, or not encrypted data")
	}
	for _, b := range out[len(out)-pad:] {
		if int(b) != pad {
			return nil, errors.New("DES_DECRYPT: wrong password, or not encrypted data")
		}
	}
	return out[:len(out)-pad], nil
}
