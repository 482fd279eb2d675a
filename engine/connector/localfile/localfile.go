// Package localfile is the LocalFile connector: files of the node's own file system.
package localfile

import (
	"context"

	"seikan/engine/connector/file"
	"seikan/engine/option"
	"seikan/engine/plugin"
)

func init() {
	file.Register(connector)
}

var connector = file.Connector{
	Name:       "LocalFile",
	Summary:    "files of the node's own file system, or of one mounted there.",
	Doc:        "The files are those of the node the job runs on.",
	MultiTable: true,
	NodeBound:  "LocalFile reads and writes the file system of one node",
	Open: func(context.Context, plugin.Job, *option.Values) (file.System, error) {
		return System{}, nil
	},
}
