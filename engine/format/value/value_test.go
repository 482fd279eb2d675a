package value

import (
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/apache/arrow-go/v18/arrow/array"
	"github.com/apache/arrow-go/v18/arrow/decimal128"
	"github.com/apache/arrow-go/v18/arrow/memory"
	"pgregory.net/rapid"

	"seikan/engine/record"
)

func TestIntegersReadAsStrconvReadsThem(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.StringMatching(`[+-]?[0-9]{0,20}`), rapid.StringMatching(`.{0,4}`),
			rapid.Map(rapid.Int64(), func(n int64) string { return strconv.FormatInt(n, 10) })).Draw(t, "text")
		want, err := strconv.ParseInt(s, 10, 64)
		got, ok := ParseInt([]byte(s))
		if ok != (err == nil) || ok && got != want {
			t.Fatalf("%q: got %d %v, want %d %v", s, got, ok, want, err)
		}
		if ok && string(AppendInt(nil, got)) != strconv.FormatInt(got, 10) {
			t.Fatalf("%d written as %s", got, AppendInt(nil, got))
		}
	})
}

func TestFloatsReadAsStrconvReadsThem(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		s := rapid.OneOf(rapid.StringMatching(`[+-]?[0-9]{0,19}(\.[0-9]{0,12})?([eE][+-]?[0-9]{1,3})?`),
			rapid.Map(rapid.Float64(), func(f float64) string { return strconv.FormatFloat(f, 'g', -1, 64) }),
			rapid.Map(rapid.Float32(), func(f float32) string { return strconv.FormatFloat(float64(f), 'f', -1, 32) })).Draw(t, "text")
		want, err := strconv.ParseFloat(s, 64)
		got, ok := ParseDouble([]byte(s))
		if ok != (err == nil) || ok && math.Float64bits(got) != math.Float64bits(want) {
			t.Fatalf("%q: got %v %v, want %v %v", s, got, ok, want, err)
		}
		want32, err := strconv.ParseFloat(s, 32)
		got32, ok := ParseFloat([]byte(s))
		if ok != (err == nil) || ok && math.Float32bits(got32) != math.Float32bits(float32(want32)) {
			t.Fatalf("%q: got %v %v, want %v %v as float", s, got32, ok, want32, err)
		}
	})
}

func TestFloatsAreWrittenAsJavaWritesThem(t *testing.T) {
	t.Parallel()
	for f, want := range map[float64]string{
		0: "0.0", math.Copysign(0, -1): "-0.0", 1: "1.0", -1.5: "-1.5", 1e10: "1.0E10", 1e7: "1.0E7", 9999999: "9999999.0",
		1.2345e-5: "1.2345E-5", 1e-3: "0.001", 9.99e-4: "9.99E-4", math.MaxFloat64: "1.7976931348623157E308",
		5e-324: "5.0E-324", math.Inf(1): "Infinity", math.Inf(-1): "-Infinity", 0.1: "0.1", 1e100: "1.0E100", 123456.789: "123456.789",
	} {
		if got := string(AppendDouble(nil, f)); got != want {
			t.Errorf("%g: got %s want %s", f, got, want)
		}
	}
	if got := string(AppendDouble(nil, math.NaN())); got != "NaN" {
		t.Errorf("NaN: %s", got)
	}
	if got := string(AppendFloat(nil, 3.4e38)); got != "3.4E38" {
		t.Errorf("float: %s", got)
	}
	rapid.Check(t, func(t *rapid.T) {
		f := rapid.Float64().Draw(t, "f")
		if back, ok := ParseDouble(AppendDouble(nil, f)); !ok || back != f {
			t.Fatalf("%v comes back as %v", f, back)
		}
	})
}

func TestDecimalsKeepEveryDigit(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		precision := rapid.IntRange(1, 38).Draw(t, "precision")
		scale := rapid.IntRange(0, precision).Draw(t, "scale")
		s := rapid.StringMatching(`[+-]?0{0,3}[0-9]{0,38}(\.[0-9]{0,20}0{0,5})?([eE][+-]?[0-9]{1,2})?`).Draw(t, "text")
		got, ok := ParseDecimal([]byte(s), precision, scale)
		r, valid := new(big.Rat).SetString(s)
		if strings.HasSuffix(s, ".") && len(s) > 1 && s[len(s)-2]-'0' <= 9 {
			r, valid = new(big.Rat).SetString(s + "0")
		}
		want := new(big.Int)
		if valid {
			r.Mul(r, new(big.Rat).SetInt(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(scale)), nil)))
			valid = r.IsInt() && r.Num().CmpAbs(new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(precision)), nil)) < 0
			want = r.Num()
		}
		if ok != valid || ok && got.BigInt().Cmp(want) != 0 {
			t.Fatalf("%q as (%d, %d): got %v %v, want %v %v", s, precision, scale, got.BigInt(), ok, want, valid)
		}
		if !ok {
			return
		}
		text := string(AppendDecimal(nil, got, scale))
		if back, ok := ParseDecimal([]byte(text), precision, scale); !ok || back != got || strings.ContainsAny(text, "eE+") {
			t.Fatalf("%v written as %s", got.BigInt(), text)
		}
	})
}

func TestDecimalsAreWrittenPlainly(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		n     decimal128.Num
		scale int
		want  string
	}{
		{decimal128.FromI64(0), 0, "0"}, {decimal128.FromI64(0), 2, "0.00"}, {decimal128.FromI64(-5), 3, "-0.005"},
		{decimal128.FromI64(123456), 2, "1234.56"}, {decimal128.FromI64(7), 20, "0.00000000000000000007"},
		{decimal128.GetMaxValue(38), 38, "0." + strings.Repeat("9", 38)},
		{decimal128.GetMaxValue(38).Negate(), 0, "-" + strings.Repeat("9", 38)},
		{decimal128.GetMaxValue(38), 2, strings.Repeat("9", 36) + ".99"},
	} {
		if got := string(AppendDecimal(nil, c.n, c.scale)); got != c.want {
			t.Errorf("got %s want %s", got, c.want)
		}
	}
}

func TestEveryDayReadsAndWritesAsTheCalendarHasIt(t *testing.T) {
	t.Parallel()
	first := time.Date(1, 1, 1, 0, 0, 0, 0, time.UTC)
	start := first.Unix() / secondsADay
	for i := 0; ; i += 1 + i%3 {
		day := first.AddDate(0, 0, i)
		if day.Year() > 9999 {
			break
		}
		days := int32(start + int64(i))
		text := day.Format(time.DateOnly)
		if got, ok := ParseDate([]byte(text)); !ok || got != days {
			t.Fatalf("%s: got %d %v want %d", text, got, ok, days)
		}
		if got := string(AppendDate(nil, days, DateDash)); got != text {
			t.Fatalf("%d: got %s want %s", days, got, text)
		}
	}
}

func TestTheShapesOfDatesAndTimes(t *testing.T) {
	t.Parallel()
	day := time.Date(2024, 2, 29, 0, 0, 0, 0, time.UTC).Unix() / secondsADay
	for _, s := range []string{"2024-02-29", "2024/02/29", "2024.02.29", "20240229", "2024年02月29日"} {
		if got, ok := ParseDate([]byte(s)); !ok || int64(got) != day {
			t.Errorf("%s: %d %v", s, got, ok)
		}
		for _, clock := range []string{" 23:59:58.5", "T23:59:58.500000000"} {
			if got, ok := ParseDateTime([]byte(s + clock)); !ok || got != (Instant{day*secondsADay + 86398, 5e8}) {
				t.Errorf("%s%s: %v %v", s, clock, got, ok)
			}
		}
	}
	for _, s := range []string{"20240229235958", "2024年02月29日 23时59分58秒", "2024-02-29 23:59:58"} {
		if got, ok := ParseDateTime([]byte(s)); !ok || got != (Instant{day*secondsADay + 86398, 0}) {
			t.Errorf("%s: %v %v", s, got, ok)
		}
	}
	for _, s := range []string{"", "2023-02-29", "2024-13-01", "2024-00-01", "2024-01-00", "2024-01-32", "2024-02/29", "24-02-29", "2024-2-9", "2024-02-29 ", "20240230", "２０２４-02"} {
		if got, ok := ParseDate([]byte(s)); ok {
			t.Errorf("%q was read as %d", s, got)
		}
	}
	for _, s := range []string{"2024-02-29", "2024-02-29 24:00:00", "2024-02-29 23:60:00", "2024-02-29 23:59:60", "2024-02-29  23:59:58",
		"2024-02-29 23:59:58Z", "2024-02-29 23:59:58.", "2024-02-29 23:59:58.1234567890", "2024-02-29 23:59:58.+1", "20240229245958"} {
		if got, ok := ParseDateTime([]byte(s)); ok {
			t.Errorf("%q was read as %v", s, got)
		}
	}
	for s, want := range map[string]int64{"2024-02-29T12:00:00Z": 0, "2024-02-29 12:00:00+02:00": -7200, "2024-02-29T12:00:00-0130": 5400, "2024-02-29T12:00+01": -3600, "2024-02-29 12:00:00": 0} {
		if got, ok := ParseInstant([]byte(s)); !ok || got.Seconds != day*secondsADay+43200+want {
			t.Errorf("%s: %v %v", s, got, ok)
		}
	}
}

func TestDateTimesAreWrittenInEveryFormat(t *testing.T) {
	t.Parallel()
	at := Instant{Seconds: -1, Nanos: 120_045_000}
	want := []string{"1969-12-31T23:59:59.120045", "1969-12-31 23:59:59", "1969-12-31 23:59:59.120045", "1969.12.31 23:59:59", "1969/12/31 23:59:59",
		"19691231235959", "1969-12-31T23:59:59", "1969-12-31T23:59:59.120", "1969-12-31T23:59:59.120045", "1969-12-31T23:59:59.120045000",
		"1969-12-31 23:59:59.120045"}
	for f, w := range want {
		if got := string(AppendDateTime(nil, at, DateTimeFormat(f))); got != w {
			t.Errorf("format %d: got %s want %s", f, got, w)
		}
	}
	if got := instantOf(-1, 1e6); got != (Instant{-1, 999_999_000}) {
		t.Errorf("a microsecond before 1970: %v", got)
	}
}

func TestAnErrorStillAddsOneEntry(t *testing.T) {
	t.Parallel()
	i, s := record.Of(record.Int), record.Of(record.String)
	for _, c := range []struct {
		t    record.Type
		o    Options
		text string
	}{
		{i, Options{}, "x"}, {record.DecimalOf(3, 1), Options{}, "1.25"}, {record.Of(record.Date), Options{}, "?"},
		{record.ArrayOf(i), Options{}, "[1,x]"}, {record.ArrayOf(i), Options{}, `[1,"x",3]`}, {record.ArrayOf(i), Options{Nested: Levels}, "1\x02x"},
		{record.MapOf(i, s), Options{}, `{"a":"b"}`}, {record.MapOf(s, i), Options{}, `{"a":"b"}`}, {record.MapOf(i, i), Options{Nested: Levels}, "1\x03x\x02\x032"},
		{record.RowOf(record.Field{Name: "a", Type: i}, record.Field{Name: "b", Type: i}), Options{}, `{"a":"x"}`},
		{record.RowOf(record.Field{Name: "a", Type: i}, record.Field{Name: "b", Type: i}), Options{Nested: Levels}, "x"},
		{record.Of(record.Bytes), Options{Base64: true}, "%"},
	} {
		b := array.NewBuilder(memory.DefaultAllocator, c.t.Arrow())
		add := Appender(c.t, c.o)
		for range 2 {
			if err := add(b, []byte(c.text)); err == nil {
				t.Errorf("%q was read as %s", c.text, c.t)
			}
		}
		if n := b.NewArray().Len(); n != 2 {
			t.Errorf("%q as %s: %d entries after two errors", c.text, c.t, n)
		}
	}
}

// everyType lists types with texts of their values as JSON.
var everyType = []struct {
	t    record.Type
	json []string
}{
	{record.Of(record.String), []string{`"a\"\\\n\u0001ü😀"`, `""`, `" "`}},
	{record.Of(record.Boolean), []string{"true", "false"}},
	{record.Of(record.TinyInt), []string{"-128", "127"}},
	{record.Of(record.SmallInt), []string{"-32768", "32767"}},
	{record.Of(record.Int), []string{"-2147483648", "2147483647"}},
	{record.Of(record.BigInt), []string{"-9223372036854775808", "9223372036854775807"}},
	{record.Of(record.Float), []string{"1.5", "3.4E38", `"NaN"`}},
	{record.Of(record.Double), []string{"0.1", "1.0E10", `"-Infinity"`}},
	{record.DecimalOf(38, 10), []string{"-1234567890123456789012345678.0123456789"}},
	{record.Of(record.Bytes), []string{`"AAEC/w=="`, `""`}},
	{record.Of(record.Date), []string{`"0001-01-01"`, `"9999-12-31"`}},
	{record.Of(record.Time), []string{`"23:59:59.999999"`, `"00:00:00"`}},
	{record.Type{Kind: record.Time, Scale: 9}, []string{`"23:59:59.999999999"`}},
	{record.Of(record.Timestamp), []string{`"0001-01-01T00:00:00"`, `"9999-12-31T23:59:59.999999"`}},
	{record.Type{Kind: record.Timestamp, Scale: 9}, []string{`"2024-01-01T00:00:00.000000001"`}},
	{record.Of(record.TimestampTZ), []string{`"2024-01-01T00:00:00Z"`}},
	{record.ArrayOf(record.Of(record.Int)), []string{"[]", "[1,null,3]"}},
	{record.MapOf(record.Of(record.Int), record.ArrayOf(record.Of(record.String))), []string{`{"1":["a"],"2":null,"3":[]}`}},
	{record.RowOf(record.Field{Name: "a", Type: record.Of(record.Int)}, record.Field{Name: "b", Type: record.MapOf(record.Of(record.String), record.Of(record.Double))}), []string{`{"a":1,"b":{"x":1.5}}`, `{"a":null,"b":null}`}},
	{record.Of(record.Null), []string{"null"}},
	{record.Of(record.FloatVector), []string{"[1.0,2.5]"}},
	{record.Of(record.BinaryVector), []string{`"AQI="`}},
	{record.Of(record.SparseFloatVector), []string{`{"3":1.5}`}},
}

func TestEveryTypeComesBackFromItsJSON(t *testing.T) {
	t.Parallel()
	for _, c := range everyType {
		b := array.NewBuilder(memory.DefaultAllocator, c.t.Arrow())
		add := JSONAppender(c.t)
		want := append(c.json, "null")
		for _, text := range want {
			if err := add(b, []byte(" "+text+"\n")); err != nil {
				t.Errorf("%s: %v", c.t, err)
			}
		}
		a := b.NewArray()
		for i, text := range want {
			if got := string(AppendJSON(nil, c.t, a, i)); got != text {
				t.Errorf("%s: got %s want %s", c.t, got, text)
			}
		}
	}
}

func TestEveryTypeComesBackFromItsText(t *testing.T) {
	t.Parallel()
	for _, nested := range []Nesting{JSON, Levels} {
		o := Options{Nested: nested}
		for _, c := range everyType {
			b := array.NewBuilder(memory.DefaultAllocator, c.t.Arrow())
			for _, text := range c.json {
				if err := JSONAppender(c.t)(b, []byte(text)); err != nil {
					t.Fatal(err)
				}
			}
			a := b.NewArray()
			print, add := Printer(c.t, o), Appender(c.t, o)
			for i, want := range c.json {
				text := print(nil, a, i)
				if len(text) == 0 && c.t.Kind != record.String && c.t.Kind != record.Bytes {
					continue // null, or an empty list: nothing stands for both
				}
				if bound := Bind(c.t, o, a)(nil, i); string(bound) != string(text) {
					t.Errorf("%s: bound print %q, print %q", c.t, bound, text)
				}
				if nested == Levels && want == `{"1":["a"],"2":null,"3":[]}` {
					want = `{"1":["a"],"2":null,"3":null}`
				}
				back := array.NewBuilder(memory.DefaultAllocator, c.t.Arrow())
				if err := add(back, text); err != nil {
					t.Errorf("%s: %q: %v", c.t, text, err)
				}
				if got := string(AppendJSON(nil, c.t, back.NewArray(), 0)); got != want && !(nested == Levels && want == `{"a":null,"b":null}`) {
					t.Errorf("%s: %q: got %s want %s", c.t, text, got, want)
				}
			}
		}
	}
}

func TestNestingIsBounded(t *testing.T) {
	t.Parallel()
	deep := record.Of(record.Int)
	for range 7 {
		deep = record.ArrayOf(deep)
	}
	if err := Supports(deep, Options{Nested: Levels}); err == nil {
		t.Error("seven levels of arrays were accepted with six delimiters")
	}
	if err := Supports(deep, Options{}); err != nil {
		t.Error(err)
	}
	text := strings.Repeat("[", 1_000_000)
	if _, err := ScanJSON([]byte(text), 0); err == nil || !strings.Contains(err.Error(), "nested deeper") {
		t.Errorf("got %v", err)
	}
	if err := Supports(record.MapOf(record.Of(record.Null), deep), Options{}); err == nil {
		t.Error("a map with null keys was accepted")
	}
}

func TestErrorsShowTheValueAndWhatWasExpected(t *testing.T) {
	t.Parallel()
	b := array.NewBuilder(memory.DefaultAllocator, record.Of(record.TinyInt).Arrow())
	err := Appender(record.Of(record.TinyInt), Options{})(b, []byte("300"))
	if want := `"300" is no TINYINT: expected a whole number from -128 to 127`; fmt.Sprint(err) != want {
		t.Errorf("got %v want %s", err, want)
	}
	if got := Wrong([]byte(strings.Repeat("ü", 1000)), record.Of(record.Int), "x").Error(); len(got) > 200 {
		t.Errorf("an error of %d bytes", len(got))
	}
}
