package rpc

import (
	"context"
	"encoding/json"
	"fmt"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"
)

const codecName = "seikan-json"

type codec struct{}

func (codec) Marshal(v any) ([]byte, error)      { return json.Marshal(v) }
func (codec) Unmarshal(data []byte, v any) error { return json.Unmarshal(data, v) }
func (codec) Name() string                       { return codecName }

func init() { encoding.RegisterCodec(codec{}) }

// Call is the option every client call needs.
var Call = grpc.CallContentSubtype(codecName)

// Question is anything else one node asks another: by method, as JSON.
type Question struct {
	Method string          `json:"method"`
	Body   json.RawMessage `json:"body,omitempty"`
}

// Reply answers a Question.
type Reply struct {
	Body json.RawMessage `json:"body,omitempty"`
}

// Stream is a typed view of a gRPC stream, of a client or a server.
type Stream[Send, Recv any] struct{ stream messages }

type messages interface {
	Context() context.Context
	SendMsg(m any) error
	RecvMsg(m any) error
}

// Send sends one message.
func (s Stream[Send, Recv]) Send(m *Send) error { return s.stream.SendMsg(m) }

// Recv waits for one message; io.EOF when the other side ended.
func (s Stream[Send, Recv]) Recv() (*Recv, error) {
	m := new(Recv)
	return m, s.stream.RecvMsg(m)
}

// Context ends with the stream.
func (s Stream[Send, Recv]) Context() context.Context { return s.stream.Context() }

// Handler serves a node's side of the conversations.
type Handler interface {
	// Session serves a worker, on the master.
	Session(s Stream[Order, Report]) error
	// Link serves a chain, on the node of its head.
	Link(s Stream[Down, Up]) error
	// Ask answers a Question.
	Ask(ctx context.Context, q *Question) (*Reply, error)
}

const serviceName = "seikan.Node"

var desc = grpc.ServiceDesc{
	ServiceName: serviceName,
	HandlerType: (*Handler)(nil),
	Methods: []grpc.MethodDesc{{MethodName: "Ask", Handler: func(h any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
		q := new(Question)
		if err := decode(q); err != nil {
			return nil, err
		}
		return h.(Handler).Ask(ctx, q)
	}}},
	Streams: []grpc.StreamDesc{
		{StreamName: "Session", ServerStreams: true, ClientStreams: true, Handler: func(h any, s grpc.ServerStream) error {
			return h.(Handler).Session(Stream[Order, Report]{s})
		}},
		{StreamName: "Link", ServerStreams: true, ClientStreams: true, Handler: func(h any, s grpc.ServerStream) error {
			return h.(Handler).Link(Stream[Down, Up]{s})
		}},
	},
}

// Register adds a node's handler to a gRPC server.
func Register(s *grpc.Server, h Handler) { s.RegisterService(&desc, h) }

// OpenSession opens a worker's session with the master.
func OpenSession(ctx context.Context, conn grpc.ClientConnInterface) (Stream[Report, Order], error) {
	s, err := conn.NewStream(ctx, &desc.Streams[0], "/"+serviceName+"/Session", Call)
	return Stream[Report, Order]{s}, err
}

// OpenLink opens a chain's link to the node of its head.
func OpenLink(ctx context.Context, conn grpc.ClientConnInterface) (Stream[Up, Down], error) {
	s, err := conn.NewStream(ctx, &desc.Streams[1], "/"+serviceName+"/Link", Call)
	return Stream[Up, Down]{s}, err
}

// Ask sends a question to a node and decodes the answer into reply.
func Ask(ctx context.Context, conn grpc.ClientConnInterface, method string, question, reply any) error {
	body, err := json.Marshal(question)
	if err != nil {
		return fmt.Errorf("ask %s: %w", method, err)
	}
	var r Reply
	if err := conn.Invoke(ctx, "/"+serviceName+"/Ask", &Question{Method: method, Body: body}, &r, Call); err != nil {
		return fmt.Errorf("ask %s: %w", method, err)
	}
	if reply == nil {
		return nil
	}
	if err := json.Unmarshal(r.Body, reply); err != nil {
		return fmt.Errorf("ask %s: answer: %w", method, err)
	}
	return nil
}
