package main

// Every connector, transform, format and blob store that is compiled in.
import (
	_ "seikan/engine/connector/assert"
	_ "seikan/engine/connector/console"
	_ "seikan/engine/connector/fakesource"
	_ "seikan/engine/connector/jdbc"
	_ "seikan/engine/connector/localfile"
	_ "seikan/engine/transform/copy"
	_ "seikan/engine/transform/dynamiccompile"
	_ "seikan/engine/transform/embedding"
	_ "seikan/engine/transform/fieldmapper"
	_ "seikan/engine/transform/filter"
	_ "seikan/engine/transform/filterrowkind"
	_ "seikan/engine/transform/jsonpath"
	_ "seikan/engine/transform/llm"
	_ "seikan/engine/transform/replace"
	_ "seikan/engine/transform/rowkindextractor"
	_ "seikan/engine/transform/script"
	_ "seikan/engine/transform/split"
	_ "seikan/engine/transform/sql"
)
