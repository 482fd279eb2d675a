package split

import (
	"strings"

	"seikan/engine/expr/javaregex"
)

// cutter appends at most limit parts of text to dst; the last takes the rest.
type cutter func(dst []string, text string, limit int) ([]string, error)

// plain cuts at a text.
func plain(separator string) cutter {
	return func(dst []string, text string, limit int) ([]string, error) {
		for len(dst) < limit-1 {
			before, after, found := strings.Cut(text, separator)
			if !found {
				break
			}
			dst, text = append(dst, before), after
		}
		return append(dst, text), nil
	}
}

// pattern cuts as java.util.regex.Pattern.split does: an empty match at the very beginning
// makes no empty part.
func pattern(re *javaregex.Regexp) cutter {
	return func(dst []string, text string, limit int) ([]string, error) {
		matches, err := re.Find(text, 0, limit)
		if err != nil {
			return dst, err
		}
		last := 0
		for _, m := range matches {
			if m[1] == 0 {
				continue
			}
			if len(dst) == limit-1 {
				break
			}
			dst, last = append(dst, text[last:m[0]]), m[1]
		}
		return append(dst, text[last:]), nil
	}
}
