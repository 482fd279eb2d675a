package file

import (
	"crypto/sha256"
	"fmt"
	"path"
	"strconv"
	"strings"
	"time"

	"seikan/engine/option"
)

// naming makes the names of written files.
type naming struct {
	expression string
	now        func(time.Time) string
	extension  string
	single     bool
}

func newNaming(opts *option.Values, extension string, single bool) (naming, error) {
	n := naming{expression: transactionVar, extension: extension, single: single}
	if ext := opts.String("filename_extension"); ext != "" {
		n.extension = "." + strings.TrimPrefix(ext, ".")
	}
	if strings.ContainsAny(n.extension, "/\x00") {
		return n, opts.Problem("filename_extension", "a suffix such as .dat", "%q cannot end a file name", n.extension)
	}
	if !opts.Bool("custom_filename") {
		return n, nil
	}
	n.expression = opts.String("file_name_expression")
	if opts.Bool("is_enable_transaction") && !strings.Contains(n.expression, transactionVar) {
		return n, opts.Problem("file_name_expression", "or set is_enable_transaction = false", "it must contain %s when is_enable_transaction is true", transactionVar)
	}
	var err error
	if n.now, err = javaPattern(opts.String("filename_time_format")); err != nil {
		return n, opts.Problem("filename_time_format", "a date pattern such as yyyy.MM.dd", "%v", err)
	}
	if name := n.name("T", "", 0, "", time.Unix(0, 0)); strings.Trim(path.Clean("/"+name), "/") != name || strings.ContainsRune(name, 0) || strings.HasPrefix(path.Base(name), ".") {
		return n, opts.Problem("file_name_expression", "a file name", "%q is not the name of a file below path that readers see", name)
	}
	return n, nil
}

// unique reports whether every transaction has names of its own.
func (n naming) unique() bool {
	return strings.Contains(n.expression, transactionVar) || strings.Contains(n.expression, uuidVar)
}

// name is the name of a part. It is a function of its arguments: the same transaction makes
// the same names again. distinct is put between expression and part number.
func (n naming) name(transaction, partition string, part int, distinct string, now time.Time) string {
	name := strings.ReplaceAll(n.expression, transactionVar, transaction)
	if strings.Contains(name, uuidVar) {
		name = strings.ReplaceAll(name, uuidVar, uuidOf(transaction, partition, strconv.Itoa(part)))
	}
	if strings.Contains(name, nowVar) {
		name = strings.ReplaceAll(name, nowVar, n.now(now))
	}
	name += distinct
	if !n.single || part > 0 {
		name += "_" + strconv.Itoa(part)
	}
	return name + n.extension
}

// uuidOf is a name-based UUID (version 8 of RFC 9562, from SHA-256).
func uuidOf(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		fmt.Fprintf(h, "%d:%s", len(p), p)
	}
	b := h.Sum(nil)[:16]
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// javaPattern makes a formatter out of a java.time.format.DateTimeFormatter pattern.
func javaPattern(pattern string) (func(time.Time) string, error) {
	var steps []func(b []byte, t time.Time) []byte
	literal := func(s string) {
		steps = append(steps, func(b []byte, _ time.Time) []byte { return append(b, s...) })
	}
	for i := 0; i < len(pattern); {
		c := pattern[i]
		run := i
		for run < len(pattern) && pattern[run] == c {
			run++
		}
		switch {
		case c == '\'':
			end := strings.IndexByte(pattern[i+1:], '\'')
			if end < 0 {
				return nil, fmt.Errorf("the quote at character %d of %q is not closed", i+1, pattern)
			}
			if end == 0 {
				literal("'")
			} else {
				literal(pattern[i+1 : i+1+end])
			}
			i += end + 2
			continue
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z':
			layout, ok := javaLetters[pattern[i:run]]
			if !ok && c == 'S' && run-i <= 9 {
				layout, ok = "."+strings.Repeat("0", run-i), true
			}
			if !ok {
				return nil, fmt.Errorf("%q of %q is no known part of a date", pattern[i:run], pattern)
			}
			skip := 0
			if c == 'S' {
				skip = 1 // Go formats a fraction only behind its point
			}
			steps = append(steps, func(b []byte, t time.Time) []byte { return append(b, t.Format(layout)[skip:]...) })
		default:
			literal(pattern[i:run])
		}
		i = run
	}
	return func(t time.Time) string {
		var b []byte
		for _, step := range steps {
			b = step(b, t)
		}
		return string(b)
	}, nil
}

var javaLetters = map[string]string{
	"yyyy": "2006", "uuuu": "2006", "yy": "06", "uu": "06", "MM": "01", "M": "1", "MMM": "Jan", "MMMM": "January",
	"dd": "02", "d": "2", "DDD": "002", "HH": "15", "hh": "03", "h": "3", "mm": "04", "m": "4", "ss": "05", "s": "5",
	"a": "PM", "E": "Mon", "EEE": "Mon", "EEEE": "Monday", "z": "MST", "Z": "-0700", "XXX": "Z07:00",
}
