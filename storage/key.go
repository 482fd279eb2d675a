package storage

import (
	"fmt"
	"strconv"
	"strings"
)

// Key describes one configuration key of a backend. A list of them feeds parsing, checking and
// the manual.
type Key struct {
	Name      string
	Doc       string
	Default   string // "" for none
	Example   string // what messages and the manual show
	Required  bool
	Sensitive bool
	Old       []string // other names that mean the same
}

// KeyError says what is wrong with the value of a key. It never holds a sensitive value.
type KeyError struct {
	Key     string
	Problem string
}

func (e *KeyError) Error() string { return e.Key + ": " + e.Problem }

// Values are the values of a list of keys. Wrong ones are collected, not returned one by one.
type Values struct {
	given  map[string]string // by canonical name
	used   map[string]bool   // names as given that belong to a key
	errors []error
}

// ReadKeys picks the values of keys from given, by their names or old names, and reports what is
// missing. Space around a value does not count.
func ReadKeys(keys []Key, given map[string]string) *Values {
	v := &Values{given: map[string]string{}, used: map[string]bool{}}
	for _, k := range keys {
		value := ""
		for _, name := range append([]string{k.Name}, k.Old...) {
			text, ok := given[name]
			if ok {
				v.used[name] = true
			}
			if value == "" {
				value = strings.TrimSpace(text)
			}
		}
		switch {
		case value != "":
		case k.Required:
			problem := "it is missing"
			if k.Example != "" {
				problem += "; expected for example " + k.Example
			}
			v.errors = append(v.errors, &KeyError{k.Name, problem})
		default:
			value = k.Default
		}
		v.given[k.Name] = value
	}
	return v
}

// Errors are the problems found so far, nil when there are none.
func (v *Values) Errors() []error { return v.errors }

// Used reports whether the name given by the user belongs to one of the keys.
func (v *Values) Used(name string) bool { return v.used[name] }

// Use marks a name given by the user as known though no key has it.
func (v *Values) Use(name string) { v.used[name] = true }

// Fail records a problem with a key.
func (v *Values) Fail(key, format string, args ...any) {
	v.errors = append(v.errors, &KeyError{key, fmt.Sprintf(format, args...)})
}

// String is the text of a key, "" when it has none.
func (v *Values) String(key string) string { return v.given[key] }

// Bool is false when the key has no value.
func (v *Values) Bool(key string) bool {
	switch text := strings.ToLower(v.given[key]); text {
	case "true":
		return true
	case "", "false":
		return false
	default:
		v.Fail(key, "expected true or false, got %q", text)
		return false
	}
}

// OneOf is the value in lower case, which must be one of the choices when there is one.
func (v *Values) OneOf(key string, choices ...string) string {
	text := strings.ToLower(v.given[key])
	for _, c := range choices {
		if text == c {
			return text
		}
	}
	if text != "" {
		v.Fail(key, "expected one of %s, got %q", strings.Join(choices, ", "), text)
	}
	return ""
}

// Size is a number of bytes, written as Hadoop does: 8388608, 8M, 1G (powers of 1024).
func (v *Values) Size(key string, low, high int64) int64 {
	text := strings.TrimSuffix(strings.ToUpper(v.given[key]), "B")
	shift := 0
	if n := len(text); n > 0 {
		if i := strings.IndexByte("KMGT", text[n-1]); i >= 0 {
			shift, text = 10*(i+1), text[:n-1]
		}
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 || n > high>>shift || n<<shift < low {
		v.Fail(key, "expected a size from %s to %s, got %q", sizeText(low), sizeText(high), v.given[key])
		return low
	}
	return n << shift
}

func sizeText(n int64) string {
	for i, unit := range []string{"G", "M", "K"} {
		if shift := 30 - 10*i; n>>shift<<shift == n && n != 0 {
			return strconv.FormatInt(n>>shift, 10) + unit
		}
	}
	return strconv.FormatInt(n, 10)
}
