package plugin

import (
	"fmt"
	"slices"
	"strings"

	"seikan/engine/option"
)

var (
	sources    = map[string]*SourceFactory{}
	transforms = map[string]*TransformFactory{}
	sinks      = map[string]*SinkFactory{}
)

// RegisterSource makes a source known under its spec's name. Call it from init.
func RegisterSource(f *SourceFactory) { register(sources, "source", f.Spec, f) }

// RegisterTransform makes a transform known under its spec's name. Call it from init.
func RegisterTransform(f *TransformFactory) { register(transforms, "transform", f.Spec, f) }

// RegisterSink makes a sink known under its spec's name. Call it from init.
func RegisterSink(f *SinkFactory) { register(sinks, "sink", f.Spec, f) }

func register[F any](into map[string]F, kind string, spec *option.Spec, f F) {
	key := strings.ToLower(spec.Name)
	if _, taken := into[key]; taken {
		panic(fmt.Sprintf("plugin: %s %s is registered twice", kind, spec.Name))
	}
	spec.Kind = kind
	into[key] = f
}

// FindSource returns the factory of a source, by name in any case.
func FindSource(name string) (*SourceFactory, bool) {
	f, ok := sources[strings.ToLower(name)]
	return f, ok
}

// FindTransform returns the factory of a transform, by name in any case.
func FindTransform(name string) (*TransformFactory, bool) {
	f, ok := transforms[strings.ToLower(name)]
	return f, ok
}

// FindSink returns the factory of a sink, by name in any case.
func FindSink(name string) (*SinkFactory, bool) { f, ok := sinks[strings.ToLower(name)]; return f, ok }

// Specs lists the specs of one kind (source, transform, sink) by name; "" lists all.
func Specs(kind string) []*option.Spec {
	var out []*option.Spec
	if kind == "" || kind == "source" {
		for _, f := range sources {
			out = append(out, f.Spec)
		}
	}
	if kind == "" || kind == "transform" {
		for _, f := range transforms {
			out = append(out, f.Spec)
		}
	}
	if kind == "" || kind == "sink" {
		for _, f := range sinks {
			out = append(out, f.Spec)
		}
	}
	slices.SortFunc(out, func(a, b *option.Spec) int {
		return strings.Compare(strings.ToLower(a.Name)+a.Kind, strings.ToLower(b.Name)+b.Kind)
	})
	return out
}
