package expr

import (
	"bytes"
	"fmt"
	"unicode/utf8"

	"seikan/engine/record"
)

func padding(left bool) func(k *call) (*node, error) {
	return func(k *call) (*node, error) {
		return k.rows(record.String, func(r *row) error {
			s, fill := r.text(0), []byte{' '}
			if len(r.a) == 3 && len(r.text(2)) > 0 {
				_, size := utf8.DecodeRune(r.text(2))
				fill = r.text(2)[:size]
			}
			n, want := unitLen(s), max(r.int(1), 0)
			if want <= int64(n) {
				r.out.data = appendUnits(r.out.data, s, 0, int(want))
				return nil
			}
			if want*int64(len(fill)) > maxValue {
				return fmt.Errorf("%s: a text of %d characters is longer than %d bytes", k.name, want, maxValue)
			}
			missing := int(want) - n
			if !left {
				r.append(s...)
			}
			r.out.data = appendCopies(r.out.data, fill, missing)
			if left {
				r.append(s...)
			}
			return nil
		})
	}
}

func trimming(left, right bool) func(k *call) (*node, error) {
	return func(k *call) (*node, error) {
		return k.rows(record.String, func(r *row) error {
			s, cut := r.text(0), []byte{' '}
			if len(r.a) == 2 {
				if len(r.text(1)) == 0 {
					r.append(s...)
					return nil
				}
				_, size := utf8.DecodeRune(r.text(1))
				cut = r.text(1)[:size]
			}
			for left && bytes.HasPrefix(s, cut) {
				s = s[len(cut):]
			}
			for right && bytes.HasSuffix(s, cut) {
				s = s[:len(s)-len(cut)]
			}
			r.append(s...)
			return nil
		})
	}
}

func repeat(r *row, s []byte, n int64) error {
	if n <= 0 || len(s) == 0 {
		return nil
	}
	if n > maxValue/int64(len(s)) {
		return fmt.Errorf("%d copies of %d bytes are more than %d bytes", n, len(s), maxValue)
	}
	r.out.data = appendCopies(r.out.data, s, int(n))
	return nil
}

func appendCopies(dst, s []byte, n int) []byte {
	for range n {
		dst = append(dst, s...)
	}
	return dst
}

func replaceText(r *row) error {
	s := r.text(0)
	if r.isNull(1) || len(r.text(1)) == 0 {
		r.append(s...)
		return nil
	}
	find := r.text(1)
	var with []byte
	if len(r.a) == 3 && !r.isNull(2) {
		with = r.text(2)
	}
	if len(with) > len(find) && bytes.Count(s, find)*(len(with)-len(find))+len(s) > maxValue {
		return fmt.Errorf("REPLACE: the result is longer than %d bytes", maxValue)
	}
	for {
		i := bytes.Index(s, find)
		if i < 0 {
			r.append(s...)
			return nil
		}
		r.append(s[:i]...)
		r.append(with...)
		s = s[i+len(find):]
	}
}

// soundex is the American Soundex of the National Archives: vowels part equal codes, H and W
// do not.
func soundex(s []byte) []byte {
	const codes = "01230120022455012623010202" // A to Z
	out := make([]byte, 0, 4)
	var last byte
	for _, b := range s {
		b &^= 0x20
		if b < 'A' || b > 'Z' {
			continue
		}
		code := codes[b-'A']
		switch {
		case len(out) == 0:
			out = append(out, b)
		case b == 'H' || b == 'W':
			continue
		case code != '0' && code != last:
			out = append(out, code)
		}
		if last = code; len(out) == 4 {
			return out
		}
	}
	for len(out) > 0 && len(out) < 4 {
		out = append(out, '0')
	}
	return out
}

func substring(k *call) (*node, error) {
	zeta := !k.c.ansi()
	return k.rows(record.String, func(r *row) error {
		s := r.text(0)
		n := int64(unitLen(s))
		from := r.int(1)
		switch {
		case from > 0:
			from--
		case from < 0:
			from = max(n+from, 0)
		}
		to := n
		if len(r.a) == 3 {
			to = n
			if l := r.int(2); l < n-from {
				to = from + l
			}
		}
		if from >= to {
			r.null = zeta
			return nil
		}
		r.out.data = appendUnits(r.out.data, s, int(from), int(to))
		return nil
	})
}

func translate(r *row) error {
	s, to := r.text(0), []rune(r.str(2))
	for len(s) > 0 {
		c, size := utf8.DecodeRune(s)
		k := 0
		found := false
		for _, x := range r.str(1) {
			if x == c && k < len(to) {
				r.out.data = utf8.AppendRune(r.out.data, to[k])
				found = true
				break
			}
			if x == c {
				break
			}
			k++
		}
		if !found {
			r.append(s[:size]...)
		}
		s = s[size:]
	}
	return nil
}
