package config

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"seikan/engine/job"
	"seikan/engine/job/hocon"
	"seikan/engine/option"
)

// Setting is one effective setting and where its value came from.
type Setting struct {
	Key   string // seatunnel.engine.backup-count
	Value string // as it would be written; secrets are masked
	From  string // file:line, default, shipped default, environment NAME, flag …
	Note  string // what it does differently here, or why it does nothing
}

// Explain lists every setting that has an effect or was given, in the order of the files.
func (c *Config) Explain() []Setting { return slices.Clone(c.settings) }

var ranks = []string{"SEATUNNEL_HOME", "file ", "seatunnel.", "hazelcast.", "hazelcast-client.", "jvm."}

func rank(key string) int {
	return slices.IndexFunc(ranks, func(p string) bool { return strings.HasPrefix(key, p) })
}

// set adds a setting, or replaces the one of the same key.
func (l *loader) set(s Setting) {
	s.Value = show(s.Key, s.Value)
	if i, ok := l.index[s.Key]; ok {
		if s.Note == "" {
			s.Note = l.settings[i].Note
		}
		l.settings[i] = s
		return
	}
	l.index[s.Key] = len(l.settings)
	l.settings = append(l.settings, s)
}

// place moves a setting that was set late behind the last one of its section.
func (l *loader) place(key string) {
	i, ok := l.index[key]
	if !ok {
		return
	}
	s := l.settings[i]
	rest := slices.Delete(l.settings, i, i+1)
	at := len(rest)
	for parent := key; at == len(rest) && strings.Contains(parent, "."); {
		parent = parent[:strings.LastIndex(parent, ".")]
		for j := range rest {
			if strings.HasPrefix(rest[j].Key, parent+".") {
				at = j + 1
			}
		}
	}
	l.settings = slices.Insert(rest, at, s)
	for j := range l.settings {
		l.index[l.settings[j].Key] = j
	}
}

// note adds to what is said of a setting.
func (l *loader) note(key, note string) {
	if i, ok := l.index[key]; ok {
		if old := l.settings[i].Note; old != "" {
			note = old + "; " + note
		}
		l.settings[i].Note = note
	}
}

// from is where a value at pos came from.
func from(pos hocon.Pos, given bool) string {
	switch {
	case !given:
		return "default"
	case pos.File == "":
		return "shipped default"
	}
	return fmt.Sprintf("%s:%d", pos.File, pos.Line)
}

// list adds a setting for every option: those with a meaning always, the others when given.
func (l *loader) list(prefix string, options []option.Option, v *option.Values) {
	for i := range options {
		o := &options[i]
		key, given := prefix+o.Key, v.Given(o.Key)
		reason, later, meaningless := why(o)
		if meaningless {
			if given {
				l.meaningless(key, v.KeyPos(o.Key), reason, later)
				l.below(key, v.Raw().Lookup(o.Key).Value, o.Sensitive, noMeaningShort+reason)
			}
			continue
		}
		switch o.Type {
		case option.Object:
			l.list(key+".", o.Fields, v.Object(o.Key))
		case option.Map, option.Any:
			if given {
				l.below(key, v.Tree(o.Key), o.Sensitive, "")
			}
		default:
			if given || o.Default != nil && o.Default != "" {
				l.set(Setting{Key: key, Value: valueText(o, v), From: from(v.ValuePos(o.Key), given)})
			}
		}
	}
}

func valueText(o *option.Option, v *option.Values) string {
	switch o.Type {
	case option.Bool:
		return fmt.Sprint(v.Bool(o.Key))
	case option.Int:
		return fmt.Sprint(v.Int(o.Key))
	case option.List:
		return strings.Join(v.List(o.Key), ", ")
	}
	return v.String(o.Key)
}

// below adds a setting for every value in v, which stands under key.
func (l *loader) below(key string, v *hocon.Value, secret bool, note string) {
	switch v.Kind {
	case hocon.Object:
		for _, f := range v.Fields {
			l.below(key+"."+f.Key, f.Value, secret, note)
		}
	case hocon.List:
		var parts []string
		for _, item := range v.Items {
			if !item.Scalar() {
				parts = append(parts, "…")
				continue
			}
			parts = append(parts, item.Text)
		}
		l.set(Setting{Key: key, Value: strings.Join(parts, ", "), From: from(v.Pos, true), Note: note})
	default:
		text := v.Text
		if secret {
			text = job.Masked
		}
		l.set(Setting{Key: key, Value: text, From: from(v.Pos, true), Note: note})
	}
}

func (l *loader) meaningless(key string, pos hocon.Pos, reason string, warn bool) {
	if warn {
		l.warn(pos, codeNoMeaning, "it is ignored", "%s: %s", key, reason)
		return
	}
	if at := from(pos, true); at != "shipped default" {
		l.cfg.Ignored = append(l.cfg.Ignored, Ignored{Key: key, From: at, Reason: reason})
	}
}

var secretWords = []string{"password", "passwd", "secret", "token", "accesskey", "access.key", "access-key", "apikey", "api.key", "api-key", "authorization", "license-key"}

// show is a value as it may be seen.
func show(key, value string) string {
	lower := strings.ToLower(key)
	if value != "" && (secretStorageKey(key) || slices.ContainsFunc(secretWords, func(w string) bool { return strings.Contains(lower, w) })) {
		return job.Masked
	}
	if strings.Contains(value, "://") && strings.Contains(value, "@") {
		u, err := url.Parse(value)
		if err != nil {
			return job.Masked
		}
		if u.User != nil {
			u.User = url.User(job.Masked)
			return strings.Replace(u.String(), url.PathEscape(job.Masked), job.Masked, 1)
		}
	}
	return value
}
