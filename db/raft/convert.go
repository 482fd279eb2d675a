package raft

import (
	"errors"
	"fmt"
	"time"

	"github.com/rqlite/rqlite/v8/command/proto"

	"seikan/db"
)

// executeRequest makes a write: one transaction, one entry of the log. It never asks for rows
// (ForceQuery would not be undone with the transaction) nor for a timeout (which would pass on
// one replica and not on another).
func executeRequest(statements []db.Statement) *proto.ExecuteRequest {
	out := make([]*proto.Statement, len(statements))
	for i, s := range statements {
		out[i] = statement(s)
	}
	return &proto.ExecuteRequest{Request: &proto.Request{Transaction: true, Statements: out}}
}

// queryRequest makes a fresh request, since rqlite changes the level of the one it is given. It
// has a timeout: a read that goes on for ever would keep the log from being shortened.
func queryRequest(s db.Statement, level proto.QueryRequest_Level, timeout time.Duration) *proto.QueryRequest {
	return &proto.QueryRequest{Level: level, Request: &proto.Request{
		Statements: []*proto.Statement{statement(s)}, DbTimeout: int64(timeout)}}
}

const (
	levelHere   = proto.QueryRequest_QUERY_REQUEST_LEVEL_NONE
	levelLatest = proto.QueryRequest_QUERY_REQUEST_LEVEL_LINEARIZABLE
)

func statement(s db.Statement) *proto.Statement {
	params := make([]*proto.Parameter, len(s.Args))
	for i, a := range s.Args {
		p := &proto.Parameter{}
		switch v := a.(type) { // db.Check let nothing else through
		case bool:
			p.Value = &proto.Parameter_B{B: v}
		case int64:
			p.Value = &proto.Parameter_I{I: v}
		case float64:
			p.Value = &proto.Parameter_D{D: v}
		case string:
			p.Value = &proto.Parameter_S{S: v}
		case []byte:
			if v != nil { // SQLite's drivers take a nil slice for NULL
				p.Value = &proto.Parameter_Y{Y: v}
			}
		}
		params[i] = p
	}
	return &proto.Statement{Sql: s.SQL, Parameters: params}
}

func rowsOf(answers []*proto.QueryRows) (*db.Rows, error) {
	if len(answers) != 1 {
		return nil, fmt.Errorf("%d answers to one query", len(answers))
	}
	a := answers[0]
	if a.Error != "" {
		return nil, errors.New(a.Error)
	}
	out := &db.Rows{Columns: a.Columns}
	if len(a.Values) > 0 {
		out.Values = make([][]any, len(a.Values))
	}
	for i, row := range a.Values {
		values := make([]any, len(row.Parameters))
		for j, p := range row.Parameters {
			switch v := p.GetValue().(type) {
			case *proto.Parameter_I:
				values[j] = v.I
			case *proto.Parameter_D:
				values[j] = v.D
			case *proto.Parameter_S:
				values[j] = v.S
			case *proto.Parameter_Y:
				values[j] = v.Y
			case *proto.Parameter_B:
				return nil, fmt.Errorf("column %s is of a boolean type; store INTEGER", a.Columns[j])
			}
		}
		out.Values[i] = values
	}
	return out, nil
}
