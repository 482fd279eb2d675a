package rest

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"
)

func TestDoublesAreWrittenAsJavaDoes(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]float64{"0.0": 0, "1.0": 1, "-2.5": -2.5, "0.001": 0.001, "9.999E-4": 0.0009999, "9999999.0": 9999999, "1.0E7": 1e7,
		"1.23456789E8": 123456789, "1.0E-10": 1e-10, "1.7976931348623157E308": math.MaxFloat64, "NaN": math.NaN(), "Infinity": math.Inf(1), "-Infinity": math.Inf(-1)} {
		if got := double(f); got != want {
			t.Errorf("%v is %s, want %s", f, got, want)
		}
	}
}

func TestNumbersAreReadAsJavaDoes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{"5": "5", "+5": "5", "-5": "-5", "007": "7", "9223372036854775807": "9223372036854775807",
		"9223372036854775808": "", "": "", " 5": "", "0x5": "", "1_000": "", "5.0": "", "１": ""} {
		got, err := jobID(text)
		if (err == nil) != (want != "") || err == nil && got != want {
			t.Errorf("%q is %s (%v)", text, got, err)
		}
	}
	_, err := jobID(strings.Repeat("9", 10000))
	if err == nil || len(err.Error()) > 300 {
		t.Errorf("the message has %d bytes", len(err.Error()))
	}
}

func TestSizesHaveOneDecimal(t *testing.T) {
	t.Parallel()
	for n, want := range map[uint64]string{0: "0", 1023: "1023", 1024: "1.0K", 1 << 20: "1.0M", 3 << 29: "1.5G", 16 << 30: "16.0G", 1 << 41: "2048.0G"} {
		if got := size(n); got != want {
			t.Errorf("%d is %s, want %s", n, got, want)
		}
	}
}

func TestRatesCountFromTheStart(t *testing.T) {
	t.Parallel()
	m := metricsOf(map[string]int64{"SourceReceivedCount#": 3, "SourceReceivedCount#a.b": 7, "SourceReceivedBytes#a.b": 10, "Other#a.b": 5}, 4*time.Second)
	if m.SourceReceivedCount != "10" || m.SourceReceivedQPS != "2.5" || len(m.TableSourceReceivedCount) != 1 || m.TableSourceReceivedQPS["a.b"] != "1.75" {
		t.Errorf("metrics are %+v", m)
	}
	for _, ran := range []time.Duration{0, -time.Second} {
		if m := metricsOf(map[string]int64{"SinkWriteCount#a": 1}, ran); m.SinkWriteQPS != "0.0" {
			t.Errorf("rate over %v is %s", ran, m.SinkWriteQPS)
		}
	}
}

func TestOwnStacksAreUnderstood(t *testing.T) {
	t.Parallel()
	all := goroutines(stacks())
	found := false
	for _, g := range all {
		if g.ThreadID <= 0 || g.ThreadName == "unknown" || g.StackTrace == "" {
			t.Errorf("a goroutine is %+v", g)
		}
		found = found || strings.Contains(g.StackTrace, "TestOwnStacksAreUnderstood")
	}
	if !found {
		t.Errorf("this test is not among %d goroutines", len(all))
	}
	for _, text := range []string{"", "goroutine", "goroutine 1 [", "\t", "goroutine 99999999999999999999 [x]:", "main.main()\n\t/a.go:1"} {
		goroutines([]byte(text)) // whatever it is, it is no reason to break
	}
}

func TestSecretsInEnvAreMasked(t *testing.T) {
	t.Parallel()
	for _, c := range [][3]string{{"job.mode", "BATCH", "BATCH"}, {"Password", "x", "******"}, {"p", `{"a":{"token":"x","b":1}}`, `{"a":{"token":"******","b":1}}`},
		{"l", `[{"auth":"x"}]`, `[{"auth":"******"}]`}, {"broken", `{"password":`, `{"password":`}} {
		if got := masked(c[0], c[1]); got != c[2] {
			t.Errorf("%s = %s is shown as %s", c[0], c[1], got)
		}
	}
}

func TestMeterReadsThisMachine(t *testing.T) {
	t.Parallel()
	m := NewMeter()
	first, second := m.Read(), m.Read()
	for _, v := range []Vitals{first, second} {
		if v.Processors < 1 || v.HeapUsed == 0 || v.HeapTotal < v.HeapUsed || v.HeapMax == 0 || v.Goroutines == 0 || v.PeakGoroutines < v.Goroutines ||
			v.PhysicalTotal < v.PhysicalFree || v.ProcessLoad < 0 || v.ProcessLoad > 1 || v.SystemLoad < 0 || v.SystemLoad > 1 {
			t.Errorf("vitals are %+v", v)
		}
	}
	o := monitored(Member{Host: "a\"b", Port: 1, Vitals: &first})
	text, err := json.Marshal(o)
	var back map[string]string
	if err != nil || json.Unmarshal(text, &back) != nil || back["host"] != "a\"b" || len(back) != len(o) {
		t.Errorf("monitoring is %s (%v)", text, err)
	}
}
