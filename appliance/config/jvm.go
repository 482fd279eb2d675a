package config

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"

	"seikan/engine/job/hocon"
)

// word is one JVM option and where it was given.
type word struct {
	text string
	from string // environment JvmOption, -DJvmOption; "" when pos says it
	pos  hocon.Pos
}

// jvmFile splits an options file: lines of options, # begins a comment line.
func jvmFile(path string, data []byte) []word {
	var out []word
	for i, line := range strings.Split(string(data), "\n") {
		if strings.HasPrefix(strings.TrimSpace(line), "#") {
			continue
		}
		for _, w := range splitWords(line) {
			col := utf8.RuneCountInString(line[:w.start]) + 1
			out = append(out, word{text: w.text, pos: hocon.Pos{File: path, Line: i + 1, Col: col, EndCol: col + utf8.RuneCountInString(w.text)}})
		}
	}
	return out
}

type span struct {
	text  string
	start int
}

// splitWords splits at white space outside of quotes and takes the quotes off.
func splitWords(line string) []span {
	var out []span
	var b strings.Builder
	start, quote := -1, rune(0)
	flush := func() {
		if start >= 0 {
			out = append(out, span{b.String(), start})
		}
		b.Reset()
		start = -1
	}
	for i, r := range line {
		blank := r == ' ' || r == '\t' || r == '\r' || r == '\n'
		if blank && quote == 0 {
			flush()
			continue
		}
		if start < 0 {
			start = i
		}
		switch {
		case quote == 0 && (r == '"' || r == '\''):
			quote = r
		case r == quote:
			quote = 0
		default:
			b.WriteRune(r)
		}
	}
	flush()
	return out
}

// jvmReader reads the words in order; a later one beats an earlier one, as for a JVM.
type jvmReader struct {
	out       JVM
	from      map[string]word // by the name settings have below "jvm."
	pointless []word
	problems  *hocon.Problems
}

func (r *jvmReader) word(w word) {
	t := w.text
	switch {
	case strings.HasPrefix(t, "-Xmx"):
		r.size(&r.out.Xmx, "-Xmx", t[4:], w)
	case strings.HasPrefix(t, "-XX:MaxHeapSize="):
		r.size(&r.out.Xmx, "-Xmx", t[len("-XX:MaxHeapSize="):], w)
	case strings.HasPrefix(t, "-Xms"):
		r.size(&r.out.Xms, "-Xms", t[4:], w)
	case t == "-XX:+HeapDumpOnOutOfMemoryError" || t == "-XX:-HeapDumpOnOutOfMemoryError":
		r.out.DumpOnOOM = t[4] == '+'
		r.from["-XX:HeapDumpOnOutOfMemoryError"] = w
	case strings.HasPrefix(t, "-XX:HeapDumpPath="):
		r.out.DumpPath = t[len("-XX:HeapDumpPath="):]
		r.from["-XX:HeapDumpPath"] = w
	case strings.HasPrefix(t, "-XX:ActiveProcessorCount="):
		r.number(&r.out.Processors, "-XX:ActiveProcessorCount", 1, 4096, w)
	case strings.HasPrefix(t, "-XX:MaxRAMPercentage="):
		r.number(&r.out.MemoryShare, "-XX:MaxRAMPercentage", 1, 100, w)
	case strings.HasPrefix(t, "-D"):
		name, value, _ := strings.Cut(t[2:], "=")
		if name == "" || len(name) > 200 {
			r.wrong(w, "a property has no name", "expected -Dname=value")
			return
		}
		r.out.Properties[name] = value
		r.from["-D"+name] = w
	case strings.HasPrefix(t, "-") && len(t) > 1:
		r.pointless = append(r.pointless, w)
	default:
		r.wrong(w, fmt.Sprintf("%q is not a JVM option", t), "expected a word that begins with -")
	}
}

func (r *jvmReader) size(into *int64, name, value string, w word) {
	n, err := ParseSize(value)
	if err != nil || n == 0 {
		r.wrong(w, fmt.Sprintf("%s: %q is not a size", name, value), "expected a size such as 512m or 2g")
		return
	}
	*into = n
	r.from[name] = w
}

func (r *jvmReader) number(into *int, name string, low, high float64, w word) {
	f, err := strconv.ParseFloat(strings.TrimPrefix(w.text, name+"="), 64)
	if err != nil || !(f >= low && f <= high) {
		r.wrong(w, fmt.Sprintf("%q is out of range", w.text), fmt.Sprintf("expected a number between %v and %v", low, high))
		return
	}
	*into = int(f)
	r.from[name] = w
}

func (r *jvmReader) wrong(w word, message, label string) {
	if w.from != "" {
		message = w.from + ": " + message
	}
	r.problems.Add(hocon.Problem{Code: codeValue, Pos: w.pos, Message: message, Label: label})
}

// jvmNotes says what the options that do have a meaning do here.
var jvmNotes = map[string]string{
	"-Xmx":                           "memory limit of the process (GOMEMLIMIT)",
	"-Xms":                           "memory is taken as it is needed",
	"-XX:HeapDumpOnOutOfMemoryError": "a heap profile is written once, when the memory limit is nearly reached",
	"-XX:HeapDumpPath":               "directory of the heap profile",
	"-XX:ActiveProcessorCount":       "GOMAXPROCS",
	"-XX:MaxRAMPercentage":           "memory limit, as a share of the machine's or cgroup's memory",
	"-Duser.timezone":                "time zone of the process",
}
