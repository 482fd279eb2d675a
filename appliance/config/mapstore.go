package config

import (
	"path"
	"slices"
	"strings"

	"seikan/engine/job/hocon"
	"seikan/engine/option"
)

const fileMapStore = "org.apache.seatunnel.engine.server.persistence.FileMapStoreFactory"

var mapStoreSpec = &option.Spec{Name: "map-store", Kind: "map-store", Options: slices.Concat([]option.Option{
	toggle("enabled", true, "Copy the state database."),
	pointless(text("initial-mode", "EAGER", ""), "there is nothing to load before it is needed."),
	text("factory-class-name", fileMapStore, "Must be SeaTunnel's."),
	mapping("properties", "`type`, `namespace`, `clusterName`, `storage.type`, `writeDataTimeoutMilliseconds` and the keys of that storage."),
}, anyPointless("every change is copied within seconds.", "class-name", "write-delay-seconds", "write-batch-size", "write-coalescing", "offload"))}

// The maps SeaTunnel keeps its state in; a map-store of a pattern that fits none is not for us.
var stateMaps = []string{"engine_runningJobInfo", "engine_runningJobState", "engine_finishedJobState", "engine_stateTimestamps", "engine_checkpoint-id-map"}

func (l *loader) mapStore(tree *hocon.Value) {
	if tree == nil {
		return
	}
	var first *hocon.Field
	for _, f := range tree.Fields {
		for _, e := range f.Value.Fields {
			if near := option.Nearest(e.Key, []string{"map-store"}); e.Key != "map-store" && near != "" {
				l.warn(e.KeyPos, "CFG-012", `did you mean "map-store"?`, "unknown option %q for map %s", e.Key, f.Key)
			}
		}
		store := f.Value.Get("map-store")
		if store == nil || !slices.ContainsFunc(stateMaps, func(m string) bool { ok, _ := path.Match(f.Key, m); return ok }) {
			continue
		}
		if store.Value.Kind != hocon.Object {
			l.fail(store.Value.Pos, codeValue, "expected entries below it", "map-store is %s", store.Value.Kind)
			continue
		}
		values, problems := mapStoreSpec.Parse(store.Value)
		l.problems = append(l.problems, problems...)
		for i := range mapStoreSpec.Options {
			o := &mapStoreSpec.Options[i]
			if reason, _, meaningless := why(o); meaningless && values.Given(o.Key) {
				key := "hazelcast.map." + f.Key + ".map-store." + o.Key
				l.note(key, noMeaningShort+reason)
				l.meaningless(key, values.KeyPos(o.Key), reason, false)
			}
		}
		switch {
		case !values.Bool("enabled"):
		case first != nil:
			l.warn(store.KeyPos, codeConflict, "it is ignored", "the state is one database: the map-store of %s counts for all of it", first.Key)
		default:
			first = f
			l.readMapStore(values)
			l.noteStorage("hazelcast.map."+f.Key+".map-store.properties.", l.cfg.MapStore.Storage.Kind, flatten(values.Tree("properties")))
		}
	}
}

func (l *loader) readMapStore(v *option.Values) {
	m := &l.cfg.MapStore
	*m = MapStore{Enabled: true, ClusterName: l.cfg.ClusterName}
	if class := v.String("factory-class-name"); class != fileMapStore {
		l.problems.Add(v.Problem("factory-class-name", "expected "+fileMapStore, "no other class can be loaded than SeaTunnel's"))
	}
	var pairs []option.Pair
	for _, p := range flatten(v.Tree("properties")) {
		switch p.Key {
		case "clusterName": // part of the names of backups, not of the namespace: see db/backup
			m.ClusterName = p.Value
			continue
		case "type":
			if !strings.EqualFold(p.Value, "hdfs") {
				l.fail(p.Pos, codeStorage, "expected hdfs; storage.type chooses", "map-store: type %q is not offered", p.Value)
			}
		}
		pairs = append(pairs, p)
	}
	if strings.ContainsAny(m.ClusterName, "/\\\x00") || m.ClusterName == ".." {
		l.problems.Add(v.Problem("properties", "expected a word", "clusterName %q cannot be the name of a folder", m.ClusterName))
	}
	m.Storage = readStorage(storageInput{where: "map-store", pos: v.KeyPos("properties"), kind: "hdfs", namespace: "/seatunnel-imap",
		local: "/seatunnel-imap", base: l.cfg.StateDir, pairs: pairs}, &l.problems)
}
