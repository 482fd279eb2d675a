package master

import (
	"encoding/json"
	"fmt"
	"strings"

	"seikan/engine/plan"
)

// Dag is a job's graph as SeaTunnel's REST shows it.
type Dag struct {
	PipelineEdges map[string][]DagEdge `json:"pipelineEdges"`
	Vertices      []DagVertex          `json:"vertexInfoMap"`
}

// DagEdge joins two vertices of a pipeline, by their ids as text.
type DagEdge struct {
	Input  string `json:"inputVertexId"`
	Target string `json:"targetVertexId"`
}

// DagVertex is a source, a chain of transforms, or a sink.
type DagVertex struct {
	ID         int      `json:"vertexId"`
	Type       string   `json:"type"`
	Name       string   `json:"vertexName"`
	TablePaths []string `json:"tablePaths"`
}

func dag(p *plan.Plan) json.RawMessage {
	d := Dag{PipelineEdges: map[string][]DagEdge{}}
	next := 0
	add := func(kind, name string, pipeline int, tables []string) int {
		next++
		d.Vertices = append(d.Vertices, DagVertex{next, kind, fmt.Sprintf("pipeline-%d [%s]", pipeline, name), append([]string{}, tables...)})
		return next
	}
	for _, pl := range p.Pipelines {
		key := fmt.Sprint(pl.ID)
		var tables []string
		for _, t := range pl.Source.Tables {
			tables = append(tables, t.Table())
		}
		ids := []int{add("source", pl.Source.Action, pl.ID, tables)}
		edge := func(from, to int) {
			d.PipelineEdges[key] = append(d.PipelineEdges[key], DagEdge{fmt.Sprint(from), fmt.Sprint(to)})
		}
		for _, t := range pl.Transforms {
			id := add("transform", fmt.Sprintf("TransformChain[%s]", t.Action), pl.ID, nil)
			for _, v := range t.Inputs {
				edge(ids[v], id)
			}
			ids = append(ids, id)
		}
		for _, s := range pl.Sinks {
			var tables []string
			for _, t := range s.Tables {
				tables = append(tables, strings.TrimSpace(t.Table))
			}
			id := add("sink", s.Action, pl.ID, tables)
			for _, v := range s.Inputs {
				edge(ids[v], id)
			}
		}
	}
	out, err := json.Marshal(d)
	if err != nil {
		panic("master: a graph is always JSON: " + err.Error())
	}
	return out
}
