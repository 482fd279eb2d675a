package expr

import (
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"pgregory.net/rapid"
)

// wideInt draws numbers of all lengths up to 38 digits.
func wideInt(t *rapid.T, name string) *big.Int {
	v := big.NewInt(rapid.Int64().Draw(t, name))
	switch rapid.IntRange(0, 3).Draw(t, name+" size") {
	case 0:
		v.Rem(v, big.NewInt(1000))
	case 1:
		v.Rem(v, big.NewInt(1e15))
	case 2:
		v.Mul(v, big.NewInt(rapid.Int64().Draw(t, name+" factor")))
		v.Rem(v, bigTen[38])
	}
	return v
}

// rounded is x × 10^scale as a whole number.
func rounded(x *big.Rat, scale int, r rounding) *big.Int {
	x = new(big.Rat).Mul(x, new(big.Rat).SetInt(bigTen[scale]))
	q, rem := new(big.Int).QuoRem(x.Num(), x.Denom(), new(big.Int))
	if rem.Sign() == 0 {
		return q
	}
	positive := x.Sign() > 0
	away := false
	switch r {
	case up:
		away = true
	case halfUp:
		away = new(big.Int).Lsh(rem, 1).CmpAbs(x.Denom()) >= 0
	case ceiling:
		away = positive
	case floor:
		away = !positive
	}
	if away {
		return q.Add(q, big.NewInt(int64(x.Sign())))
	}
	return q
}

func rat(v *big.Int, scale int) *big.Rat { return new(big.Rat).SetFrac(v, bigTen[scale]) }

func TestDecimalArithmeticIsExact(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		a, b := wideInt(t, "a"), wideInt(t, "b")
		scales := rapid.SliceOfN(rapid.IntRange(0, 20), 3, 3).Draw(t, "scales")
		sa, sb, so := scales[0], scales[1], scales[2]
		op := rapid.SampledFrom([]byte("+-*/%")).Draw(t, "op")
		mode := rapid.SampledFrom([]rounding{up, halfUp}).Draw(t, "rounding")
		got, err := decimalOp(op, decimal128.FromBigInt(a), sa, decimal128.FromBigInt(b), sb, so, mode)
		if b.Sign() == 0 && (op == '/' || op == '%') {
			if err != errDivideByZero {
				t.Fatalf("division by zero gives %v", err)
			}
			return
		}
		x, y, want := rat(a, sa), rat(b, sb), new(big.Rat)
		use := halfUp
		switch op {
		case '+':
			want.Add(x, y)
		case '-':
			want.Sub(x, y)
		case '*':
			want.Mul(x, y)
		case '/':
			want.Quo(x, y)
			use = mode
		case '%':
			q := rounded(new(big.Rat).Quo(x, y), 0, down)
			want.Sub(x, new(big.Rat).Mul(y, new(big.Rat).SetInt(q)))
		}
		exact := rounded(want, so, use)
		if exact.CmpAbs(bigTen[38]) >= 0 {
			if err == nil {
				t.Fatalf("%s needs more than 38 digits, got %s", exact, got.BigInt())
			}
			return
		}
		if err != nil || got.BigInt().Cmp(exact) != 0 {
			t.Fatalf("%s e-%d %c %s e-%d = %s, %v; want %s", a, sa, op, b, sb, got.BigInt(), err, exact)
		}
		if c := compareDecimal(decimal128.FromBigInt(a), sa, decimal128.FromBigInt(b), sb); c != x.Cmp(y) {
			t.Fatalf("%s compared with %s is %d", x, y, c)
		}
		all := rapid.SampledFrom([]rounding{up, down, halfUp, ceiling, floor}).Draw(t, "any rounding")
		if cut, err := rescale(decimal128.FromBigInt(a), sa, so, all); err == nil && cut.BigInt().Cmp(rounded(x, so, all)) != 0 {
			t.Fatalf("%s at scale %d, rounding %d, is %s", x, so, all, cut.BigInt())
		}
	})
}

func TestDecimalTexts(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		v, scale := wideInt(t, "v"), rapid.IntRange(0, 38).Draw(t, "scale")
		n := decimal128.FromBigInt(v)
		for _, plain := range []bool{true, false} {
			text := string(appendDecimal(nil, n, scale, plain))
			back, s, err := decimalOfText(text)
			if err != nil || compareDecimal(back, s, n, scale) != 0 {
				t.Fatalf("%s e-%d is written %s and read %s e-%d, %v", v, scale, text, back.BigInt(), s, err)
			}
			if x, _ := rat(v, scale).Float64(); x != toFloat(n, scale) {
				t.Fatalf("%s is %v as a double, not %v", text, x, toFloat(n, scale))
			}
		}
	})
	for _, bad := range []string{"", "-", ".", "1.2.3", "1e", "1e99999999999", "e5", "0x1", "1 ", "１", "--1", "1e200"} {
		if n, s, err := decimalOfText(bad); err == nil {
			t.Errorf("%q is read as %s e-%d", bad, n.BigInt(), s)
		}
	}
	for text, want := range map[string]string{"1e3": "1000", "1.50": "1.50", "-.5": "-0.5", "5.": "5", "1.5e-3": "0.0015", "1e-300": "0",
		"0.1234567890123456789012345678901234567890": "0.12345678901234567890123456789012345679"} {
		n, s, err := decimalOfText(text)
		if got := string(appendDecimal(nil, n, s, true)); err != nil || strings.TrimRight(got, "0") != strings.TrimRight(want, "0") {
			t.Errorf("%s is read as %s, %v", text, got, err)
		}
	}
}

func TestDoubleTextsAreThoseOfJava(t *testing.T) {
	t.Parallel()
	for x, want := range map[float64]string{
		0: "0.0", 1: "1.0", -1.5: "-1.5", 100: "100.0", 1e6: "1000000.0", 1e7: "1.0E7", 12345678.9: "1.23456789E7", 0.001: "0.001", 0.0001: "1.0E-4",
		1.234e-10: "1.234E-10", 1e300: "1.0E300", math.Inf(-1): "-Infinity", 9007199254740993: "9.007199254740992E15",
	} {
		if got := string(appendFloat(nil, x, 64)); got != want {
			t.Errorf("%g is written %s, want %s", x, got, want)
		}
	}
	rapid.Check(t, func(t *rapid.T) {
		x := rapid.Float64().Draw(t, "x")
		if back, err := strconv.ParseFloat(string(appendFloat(nil, x, 64)), 64); err != nil || back != x {
			t.Fatalf("%g is written %s", x, appendFloat(nil, x, 64))
		}
		n, s, err := decimalOfFloat(x)
		if err == nil && math.Abs(x) > 1e-20 && toFloat(n, s) != x {
			t.Fatalf("%g as a decimal is %s e-%d", x, n.BigInt(), s)
		}
	})
}

// The short way of rounding gives what the decimal digits say.
func TestRoundingOfDoublesIsDecimal(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		x := float64(rapid.Int64Range(-1e9, 1e9).Draw(t, "n")) / math.Pow10(rapid.IntRange(0, 9).Draw(t, "scale"))
		d := rapid.IntRange(-3, 9).Draw(t, "d")
		mode := rapid.SampledFrom([]rounding{halfUp, down}).Draw(t, "rounding")
		got := roundFloat(x, d, mode, 0)
		exact, _ := new(big.Rat).SetString(strconv.FormatFloat(x, 'f', -1, 64))
		shift := max(-d, 0)
		exact.Quo(exact, new(big.Rat).SetInt(bigTen[shift]))
		r := rat(rounded(exact, max(d, 0), mode), max(d, 0))
		r.Mul(r, new(big.Rat).SetInt(bigTen[shift]))
		if want, _ := r.Float64(); got != want {
			t.Fatalf("%v to %d digits (%d) is %v, want %v", x, d, mode, got, want)
		}
	})
}

func TestOverflowIsFound(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		edge := rapid.SampledFrom([]int64{0, 1, -1, 2, math.MaxInt64, math.MinInt64, math.MaxInt64 - 1, 1 << 32, -1 << 31, math.MaxInt32})
		a, b := edge.Draw(t, "a"), edge.Draw(t, "b")
		if rapid.Bool().Draw(t, "any") {
			a, b = rapid.Int64().Draw(t, "x"), rapid.Int64().Draw(t, "y")
		}
		x, y, z := big.NewInt(a), big.NewInt(b), new(big.Int)
		for op, result := range map[byte]int64{'+': a + b, '-': a - b, '*': a * b} {
			switch op {
			case '+':
				z.Add(x, y)
			case '-':
				z.Sub(x, y)
			case '*':
				z.Mul(x, y)
			}
			if overflows(op, a, b, result, false) == z.IsInt64() {
				t.Fatalf("%d %c %d = %s", a, op, b, z)
			}
		}
	})
}

func TestPositionsAreUTF16Units(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.StringOfN(rapid.SampledFrom([]rune("abé漢😀𝄞")), 0, 12, -1).Draw(t, "s")
		u := utf16.Encode([]rune(s))
		if n := unitLen([]byte(s)); n != len(u) {
			t.Fatalf("%q has %d units, not %d", s, len(u), n)
		}
		from := rapid.IntRange(0, len(u)).Draw(t, "from")
		to := rapid.IntRange(from, len(u)).Draw(t, "to")
		if got, want := string(appendUnits(nil, []byte(s), from, to)), string(utf16.Decode(u[from:to])); got != want {
			t.Fatalf("%q from %d to %d is %q, want %q", s, from, to, got, want)
		}
		find := utf16.Encode([]rune(rapid.StringOfN(rapid.SampledFrom([]rune("ab😀")), 1, 2, -1).Draw(t, "find")))
		start := rapid.IntRange(-15, 15).Draw(t, "start")
		if got, want := locate([]byte(s), []byte(string(utf16.Decode(find))), int64(start)), locateUnits(u, find, start); got != want {
			t.Fatalf("locate %q in %q from %d is %d, want %d", string(utf16.Decode(find)), s, start, got, want)
		}
	})
}

// locateUnits is String.indexOf and lastIndexOf, spelled out.
func locateUnits(s, find []uint16, start int) int64 {
	at := func(i int) bool {
		return i >= 0 && i+len(find) <= len(s) && string(utf16.Decode(s[i:i+len(find)])) == string(utf16.Decode(find))
	}
	if start < 0 {
		for i := min(len(s)+start, len(s)); i >= 0; i-- {
			if at(i) {
				return int64(i) + 1
			}
		}
		return 0
	}
	for i := max(start-1, 0); i <= len(s); i++ {
		if at(i) {
			return int64(i) + 1
		}
	}
	return 0
}

func TestLikeMatchesWhatItsRegularExpressionDoes(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		pattern := rapid.StringOfN(rapid.SampledFrom([]rune("ab%_é!")), 0, 8, -1).Draw(t, "pattern")
		s := rapid.StringOfN(rapid.SampledFrom([]rune("abé%_\n")), 0, 10, -1).Draw(t, "s")
		p, err := compileLike(pattern, 0)
		if err != nil {
			t.Fatal(err)
		}
		re := regexp.MustCompile(`\A(?s:` + strings.NewReplacer("%", ".*", "_", ".").Replace(regexp.QuoteMeta(pattern)) + `)\z`)
		if got := p.match([]byte(s)); got != re.MatchString(s) {
			t.Fatalf("%q LIKE %q is %v", s, pattern, got)
		}
	})
}

func TestTextsAreOrderedAsInJava(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		letters := rapid.StringOfN(rapid.SampledFrom([]rune("aé\uD7FF\uE000\uFFFD😀𝄞")), 0, 4, -1)
		a, b := letters.Draw(t, "a"), letters.Draw(t, "b")
		x, y := utf16.Encode([]rune(a)), utf16.Encode([]rune(b))
		want := len(x) - len(y)
		for i := range min(len(x), len(y)) {
			if x[i] != y[i] {
				want = int(x[i]) - int(y[i])
				break
			}
		}
		got := compareText([]byte(a), []byte(b))
		if (got < 0) != (want < 0) || (got > 0) != (want > 0) {
			t.Fatalf("%q compared with %q is %d, want %d", a, b, got, want)
		}
	})
}
