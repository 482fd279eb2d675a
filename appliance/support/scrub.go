// Package support packs what helps others to find out what is wrong with a node, without its secrets.
package support

import (
	"cmp"
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
)

const masked = "******"

// Scrubber takes secrets out of texts: those it is told, and whatever looks like one.
type Scrubber struct{ secrets []string }

// shortest is how long a secret must be to be looked for as it is: shorter ones stand in ordinary words.
const shortest = 4

// NewScrubber makes one that knows some secrets.
func NewScrubber(secrets []string) *Scrubber {
	s := &Scrubber{}
	for _, text := range secrets {
		if text = strings.TrimSpace(text); len(text) >= shortest && text != masked {
			s.secrets = append(s.secrets, text, url.QueryEscape(text), url.PathEscape(text))
			for _, escape := range []bool{true, false} {
				s.secrets = append(s.secrets, asJSON(text, escape))
			}
		}
	}
	slices.Sort(s.secrets)
	slices.SortStableFunc(s.secrets, func(a, b string) int { return cmp.Compare(len(b), len(a)) }) // one may be part of another
	s.secrets = slices.Compact(s.secrets)
	return s
}

// asJSON is a text as it stands inside a JSON string.
func asJSON(text string, html bool) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(html)
	if err := e.Encode(text); err != nil {
		return text
	}
	quoted := strings.TrimSpace(b.String())
	return quoted[1 : len(quoted)-1]
}

// What looks like a secret, and what is left of it.
var suspects = []struct {
	pattern *regexp.Regexp
	left    string
}{
	{regexp.MustCompile(`(?s)-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(-----END [A-Z ]*PRIVATE KEY-----|$)`), masked},
	{regexp.MustCompile(`(?i)\b(bearer|basic)\s+[a-z0-9._~+/=-]{4,}`), "$1 " + masked},
	{regexp.MustCompile(`(?i)([a-z][a-z0-9+.-]*://)[^\s"'@/]*:[^\s"']*@`), "$1" + masked + "@"},
	{regexp.MustCompile(`(?i)([a-z0-9._-]*(?:password|passwd|pwd|secret|token|access[._-]?key|api[._-]?key|private[._-]?key|session[._-]?key|credential|authorization|license[._-]?key)[a-z0-9._-]*` +
		`(?:\\*["'])?\s*[:=]\s*)(\\+"(?:[^"\\]|\\[^"])*\\+"|"(?:[^"\\]|\\.)*"|'[^'\n]*'|[^\s,;&}\])"']+)`), "$1" + masked},
}

// Text is a text without secrets.
func (s *Scrubber) Text(text string) string {
	for _, secret := range s.secrets {
		text = strings.ReplaceAll(text, secret, masked)
	}
	for _, u := range suspects {
		text = u.pattern.ReplaceAllString(text, u.left)
	}
	return text
}
