package config

import (
	"maps"
	"strings"

	"seikan/engine/option"
)

// The beginnings of Docs that say an option changes nothing: the first is normal in a file
// brought from SeaTunnel, the second is worth a warning, for its reader expects something.
const (
	noMeaningDoc = "Accepted, without a meaning here: "
	laterDoc     = "Of a later SeaTunnel, ignored here: "
)

func text(key, def, doc string) option.Option {
	return option.Option{Key: key, Type: option.String, Default: def, Doc: doc}
}

func toggle(key string, def bool, doc string) option.Option {
	return option.Option{Key: key, Type: option.Bool, Default: def, Doc: doc}
}

// off is the switch of a section that most files do not have.
func off(doc string) option.Option {
	return option.Option{Key: "enabled", Type: option.Bool, Doc: doc}
}

// whole is a whole number. With a high below low there is no upper bound; with both 0 there is none.
func whole(key string, def int64, low, high float64, doc string) option.Option {
	return option.Option{Key: key, Type: option.Int, Default: def, Min: low, Max: high, Doc: doc}
}

func choice(key, def, doc string, choices ...string) option.Option {
	return option.Option{Key: key, Type: option.Enum, Default: def, Choices: choices, Doc: doc}
}

func mapping(key, doc string) option.Option {
	return option.Option{Key: key, Type: option.Map, Doc: doc}
}

func list(key, doc string) option.Option {
	return option.Option{Key: key, Type: option.List, Doc: doc}
}

func section(key, doc string, fields ...option.Option) option.Option {
	return option.Option{Key: key, Type: option.Object, Doc: doc, Fields: fields}
}

// pointless is an option that is checked but changes nothing.
func pointless(o option.Option, reason string) option.Option {
	o.Doc = noMeaningDoc + reason
	return o
}

// anyPointless are options of any type that change nothing, for one reason.
func anyPointless(reason string, keys ...string) []option.Option {
	return anyWith(noMeaningDoc+reason, keys)
}

func anyLater(reason string, keys ...string) []option.Option { return anyWith(laterDoc+reason, keys) }

func anyWith(doc string, keys []string) []option.Option {
	out := make([]option.Option, len(keys))
	for i, key := range keys {
		out[i] = option.Option{Key: key, Type: option.Any, Doc: doc}
	}
	return out
}

// why tells what an option without a meaning says about itself; later means "warn of it".
func why(o *option.Option) (reason string, later, meaningless bool) {
	if r, ok := strings.CutPrefix(o.Doc, noMeaningDoc); ok {
		return r, false, true
	}
	r, ok := strings.CutPrefix(o.Doc, laterDoc)
	return r, ok, ok
}

// Specs describe every key of every file, for the reference pages.
func Specs() []*option.Spec {
	var out []*option.Spec
	for _, s := range []*option.Spec{seatunnelSpec, hazelcastSpec, clientSpec} {
		page := s.With(nil)
		page.Kind = "configuration"
		out = append(out, page)
	}
	return out
}

// JVMOptions are the options of a Java machine that do something here, and what.
func JVMOptions() map[string]string { return maps.Clone(jvmNotes) }
