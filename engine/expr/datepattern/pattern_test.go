package datepattern

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

var moment = time.Date(2024, 2, 29, 0, 5, 9, 123456789, time.UTC)

func compiled(t testing.TB, p string) *Pattern {
	t.Helper()
	out, err := Compile(p)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func TestFormat(t *testing.T) {
	t.Parallel()
	rome := time.FixedZone("CET", 3600)
	for _, c := range []struct {
		pattern string
		at      time.Time
		want    string
	}{
		{"yyyy-MM-dd HH:mm:ss", moment, "2024-02-29 00:05:09"},
		{"yyyyMMddHHmmssSSS", moment, "20240229000509123"},
		{"yy.M.d", moment, "24.2.29"},
		{"uuuu", time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC), "-0005"},
		{"yyyy G", time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC), "0006 BC"},
		{"GGGG GGGGG", moment, "Anno Domini A"},
		{"y", time.Date(812, 1, 1, 0, 0, 0, 0, time.UTC), "812"},
		{"yyyy", time.Date(12024, 1, 1, 0, 0, 0, 0, time.UTC), "+12024"},
		{"MMM MMMM MMMMM LLL", moment, "Feb February F Feb"},
		{"E EEE EEEE EEEEE", moment, "Thu Thu Thursday T"},
		{"h hh K KK k kk H", moment, "12 12 0 00 24 24 0"},
		{"h a", moment.Add(13 * time.Hour), "1 PM"},
		{"a", moment, "AM"},
		{"S SS SSS SSSSSS SSSSSSSSS n", moment, "1 12 123 123456 123456789 123456789"},
		{"A N", moment, "309123 309123456789"},
		{"D DDD", moment, "60 060"},
		{"Q QQ QQQ QQQQ q", moment, "1 01 Q1 1st quarter 1"},
		{"YYYY w", time.Date(2024, 12, 29, 0, 0, 0, 0, time.UTC), "2025 1"},
		{"YYYY ww", time.Date(2024, 1, 6, 0, 0, 0, 0, time.UTC), "2024 01"},
		{"YYYY ww", time.Date(2024, 1, 7, 0, 0, 0, 0, time.UTC), "2024 02"},
		{"yyyy-MM-dd'T'HH:mm 'o''clock' ''", moment, "2024-02-29T00:05 o'clock '"},
		{"yyyy年MM月dd日", moment, "2024年02月29日"},
		{"yyyy[-MM[-dd]]", moment, "2024-02-29"},
		{"X XX XXX x xxx Z ZZZZ ZZZZZ O OOOO z", moment.In(rome), "+01 +0100 +01:00 +01 +01:00 +0100 GMT+01:00 +01:00 GMT+1 GMT+01:00 CET"},
		{"X XXX xxx ZZZZZ O VV", moment, "Z Z +00:00 Z GMT UTC"},
		{"X", moment.In(time.FixedZone("", -5400)), "-0130"},
	} {
		if got := compiled(t, c.pattern).Format(c.at); got != c.want {
			t.Errorf("%s: got %q, want %q", c.pattern, got, c.want)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ pattern, text, want string }{
		{"yyyy-MM-dd HH:mm:ss", "2024-02-29 10:11:12", "2024-02-29T10:11:12Z date time"},
		{"yyyyMMdd", "20240229", "2024-02-29T00:00:00Z date"},
		{"yyyyMMddHHmmssSSS", "20240229101112123", "2024-02-29T10:11:12.123Z date time"},
		{"yyyyMMdd", "120240229", "error: a year of more than 4 digits"},
		{"uuuuMMdd", "+120240229", "12024-02-29T00:00:00Z date"},
		{"yyyy-M-d", "2024-2-9", "2024-02-09T00:00:00Z date"},
		{"yy-MM-dd", "24-02-09", "2024-02-09T00:00:00Z date"},
		{"yyyy-MM-dd", "2023-02-30", "2023-02-28T00:00:00Z date"},
		{"yyyy-MM-dd", "2023-02-32", "error: 32 is not between 1 and 31 at position 9"},
		{"yyyy-MM-dd", "2023-2-03", "error: expected 2 digits for MM at position 6"},
		{"yyyy-MM-dd", "2023-02-03x", `error: unexpected "x" at position 11`},
		{"yyyy-MM-dd", "", "error: expected 4 digits for yyyy at position 1"},
		{"d MMM yyyy", "3 Feb 2024", "2024-02-03T00:00:00Z date"},
		{"d MMMM yyyy", "3 February 2024", "2024-02-03T00:00:00Z date"},
		{"d MMM yyyy", "3 feb 2024", "error: no match for MMM at position 3"},
		{"E, d MMM yyyy", "Sat, 3 Feb 2024", "2024-02-03T00:00:00Z date"},
		{"E, d MMM yyyy", "Sun, 3 Feb 2024", "error: 2024-02-03 is a Saturday, not a Sunday"},
		{"hh:mm a", "12:05 AM", "1970-01-01T00:05:00Z time"},
		{"hh:mm a", "12:05 PM", "1970-01-01T12:05:00Z time"},
		{"hh:mm", "12:05", "error: a 12-hour clock needs AM or PM"},
		{"kk", "24", "1970-01-01T00:00:00Z time"},
		{"HH", "24", "error: 24 is not between 0 and 23"},
		{"HH:mm[:ss[.SSS]]", "10:11", "1970-01-01T10:11:00Z time"},
		{"HH:mm[:ss[.SSS]]", "10:11:12.5", `error: unexpected ".5"`},
		{"HH:mm[:ss[.SSS]]", "10:11:12.500", "1970-01-01T10:11:12.5Z time"},
		{"yyyy-DDD", "2024-060", "2024-02-29T00:00:00Z date"},
		{"yyyy-DDD", "2023-366", "error: 2023 has no day 366"},
		{"yyyy-MM", "2024-02", "1970-01-01T00:00:00Z"},
		{"yyyy G M d", "0006 BC 1 2", "-0005-01-02T00:00:00Z date"},
		{"yyyy-MM-dd HH:mmXXX", "2024-02-29 10:11+05:30", "2024-02-29T10:11:00+05:30 date time zone"},
		{"yyyy-MM-dd HH:mmX", "2024-02-29 10:11Z", "2024-02-29T10:11:00Z date time zone"},
		{"HH:mm VV", "10:11 Asia/Shanghai", "1970-01-01T10:11:00+08:00 time zone"},
		{"A", "61000", "1970-01-01T00:01:01Z time"},
		{"N", "61000000001", "1970-01-01T00:01:01.000000001Z time"},
		{"QQQ yyyy-MM-dd", "Q1 2024-02-29", "2024-02-29T00:00:00Z date"},
		{"yyyy年MM月dd日", "2024年02月29日", "2024-02-29T00:00:00Z date"},
	} {
		got, err := compiled(t, c.pattern).Parse(c.text)
		s := ""
		if err != nil {
			_, reason, _ := strings.Cut(err.Error(), `": `)
			s = "error: " + reason
			if strings.HasPrefix(c.want, "error: ") && strings.HasPrefix(s, c.want) {
				continue
			}
		} else {
			s = got.Time.Format(time.RFC3339Nano)
			for _, f := range []struct {
				has  bool
				name string
			}{{got.HasDate, " date"}, {got.HasTime, " time"}, {got.HasZone, " zone"}} {
				if f.has {
					s += f.name
				}
			}
		}
		if s != c.want {
			t.Errorf("%s of %q: got %q, want %q", c.pattern, c.text, s, c.want)
		}
	}
}

func TestBadPatternsAreRefused(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string]string{
		"yyyy-bb": `unknown pattern letter 'b' at position 6`,
		"'open":   "the quote at position 1 is not closed",
		"[yyyy":   "the [ at position 1 is not closed",
		"yyyy]":   "the ] at position 5 closes nothing",
		"ddd":     "pattern letter 'd' is repeated 3 times",
		"{":       "is reserved",
		"OO":      "pattern letter 'O' is repeated 2 times",
		strings.Repeat("[", 40) + strings.Repeat("]", 40): "nest deeper",
	} {
		if _, err := Compile(pattern); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", pattern, err, want)
		}
	}
}

func TestNeeds(t *testing.T) {
	t.Parallel()
	p := compiled(t, "HH:mm X")
	if p.NeedsDate() || !p.NeedsTime() || !p.NeedsZone() || p.String() != "HH:mm X" {
		t.Error("HH:mm X needs a time and a zone")
	}
}

func TestZones(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]int{"UTC": 0, "Z": 0, "UTC+8": 28800, "GMT-03:30": -12600, "+0530": 19800, "UT+1": 3600, "Asia/Shanghai": 28800} {
		loc, err := Zone(name)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if _, got := moment.In(loc).Zone(); got != want {
			t.Errorf("%s: offset %d, want %d", name, got, want)
		}
	}
	for _, name := range []string{"", "Local", "Moon", "UTC+99", "../etc/passwd"} {
		if _, err := Zone(name); err == nil {
			t.Errorf("%q is a zone", name)
		}
	}
}

// Whatever a pattern with all parts writes, it reads back.
func TestParseReadsWhatFormatWrites(t *testing.T) {
	t.Parallel()
	patterns := []*Pattern{}
	for _, p := range []string{"yyyy-MM-dd HH:mm:ss.SSSSSSSSS", "yyyyMMddHHmmssSSSSSSSSS", "d MMMM uuuu h:mm:ss.n a", "EEEE, yyyy-DDD N", "MMM d yyyy kk:mm:ss'.'SSSSSSSSS"} {
		patterns = append(patterns, compiled(t, p))
	}
	rapid.Check(t, func(t *rapid.T) {
		at := time.Unix(rapid.Int64Range(-30e9, 253402300799).Draw(t, "second"), rapid.Int64Range(0, 999999999).Draw(t, "nano")).UTC()
		p := rapid.SampledFrom(patterns).Draw(t, "pattern")
		got, err := p.Parse(p.Format(at))
		if err != nil {
			t.Fatal(err)
		}
		if !got.Time.Equal(at) {
			t.Fatalf("%s: %s became %s", p, at, got.Time)
		}
	})
}

func FuzzPattern(f *testing.F) {
	for _, s := range [][2]string{{"yyyy-MM-dd", "2024-02-29"}, {"[[HH]:mm]X", "10:11+01"}, {"VV", "Asia/Shanghai"}, {"yyyyMMddHHmmss", "20240229101112"}, {"''E'x'a", "'ThuxAM"}} {
		f.Add(s[0], s[1])
	}
	f.Fuzz(func(t *testing.T, pattern, text string) {
		p, err := Compile(pattern)
		if err != nil {
			return
		}
		_ = p.Format(moment)
		_, _ = p.Parse(text)
	})
}

func BenchmarkFormat(b *testing.B) {
	p := compiled(b, "yyyy-MM-dd HH:mm:ss")
	var buf []byte
	for b.Loop() {
		buf = p.Append(buf[:0], moment)
	}
}

func BenchmarkParse(b *testing.B) {
	p := compiled(b, "yyyy-MM-dd HH:mm:ss")
	for b.Loop() {
		if _, err := p.Parse("2024-02-29 10:11:12"); err != nil {
			b.Fatal(err)
		}
	}
}
