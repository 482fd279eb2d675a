package config

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// jvm reads the JVM options: the role's file, then the environment's JvmOption, then the command
// line's; the last one wins.
func (l *loader) jvm() {
	name := map[Role]string{Hybrid: "jvm_options", Master: "jvm_master_options", Worker: "jvm_worker_options", Client: "jvm_client_options"}[l.cfg.Role]
	data, path := l.file(fileKind{name: name, flag: l.o.JVMFile})
	words := jvmFile(path, data)
	for _, more := range []struct{ from, text string }{{"environment JvmOption", l.o.Env("JvmOption")}, {"flag -DJvmOption", l.o.JVMOption}} {
		for _, w := range splitWords(more.text) {
			words = append(words, word{text: w.text, from: more.from})
		}
	}
	r := &jvmReader{out: JVM{Properties: map[string]string{}}, from: map[string]word{}, problems: &l.problems}
	for _, w := range words {
		r.word(w)
	}
	maps.Copy(l.props, r.out.Properties)
	maps.Copy(l.props, l.o.Properties)
	r.out.TimeZone = l.props["user.timezone"]
	l.cfg.JVM, l.xmxFrom = r.out, r.from["-Xmx"].from
	for _, key := range slices.Sorted(maps.Keys(r.from)) {
		w := r.from[key]
		origin := w.from
		if origin == "" {
			origin = from(w.pos, true)
		}
		l.set(Setting{Key: "jvm." + key, Value: r.value(key), From: origin, Note: jvmNotes[key]})
	}
	if len(r.pointless) > 0 {
		var seen []string
		for _, w := range r.pointless {
			if text := show(w.text, w.text); !slices.Contains(seen, text) {
				seen = append(seen, text)
			}
		}
		w := r.pointless[0]
		origin := w.from
		if origin == "" {
			origin = from(w.pos, true)
		}
		reason := "there is no Java machine."
		l.cfg.Ignored = append(l.cfg.Ignored, Ignored{Key: strings.Join(seen, " "), From: origin, Reason: reason})
		l.set(Setting{Key: "jvm.others", Value: strings.Join(seen, " "), From: origin, Note: noMeaningShort + reason})
	}
}

// value shows an option as read.
func (r *jvmReader) value(key string) string {
	switch key {
	case "-Xmx":
		return formatSize(r.out.Xmx)
	case "-Xms":
		return formatSize(r.out.Xms)
	case "-XX:HeapDumpOnOutOfMemoryError":
		return fmt.Sprint(r.out.DumpOnOOM)
	case "-XX:HeapDumpPath":
		return r.out.DumpPath
	case "-XX:ActiveProcessorCount":
		return fmt.Sprint(r.out.Processors)
	case "-XX:MaxRAMPercentage":
		return fmt.Sprint(r.out.MemoryShare)
	}
	return r.out.Properties[strings.TrimPrefix(key, "-D")]
}
