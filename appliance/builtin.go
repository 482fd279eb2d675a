package main

// Every connector, transform, format and blob store that is compiled in.
import (
	_ "seikan/engine/connector/assert"
	_ "seikan/engine/connector/console"
	_ "seikan/engine/connector/fakesource"
	_ "seikan/engine/connector/localfile"
)
