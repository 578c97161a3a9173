package apitest

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	_ "go.opentelemetry.io/proto/otlp/trace/v1" // which ours import
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

// Protocol compiles files of protobuf and holds what comes out, with all that they import,
// to a file, which update rewrites.
func Protocol(t testing.TB, set string, update bool, files ...string) *protoregistry.Files {
	t.Helper()
	c := protocompile.Compiler{Resolver: protocompile.CompositeResolver{
		&protocompile.SourceResolver{},
		protocompile.ResolverFunc(func(path string) (protocompile.SearchResult, error) {
			d, err := protoregistry.GlobalFiles.FindFileByPath(path)
			return protocompile.SearchResult{Desc: d}, err
		}),
	}}
	compiled, err := c.Compile(t.Context(), files...)
	if err != nil {
		t.Fatal(err)
	}
	var out descriptorpb.FileDescriptorSet
	var add func(f protoreflect.FileDescriptor)
	add = func(f protoreflect.FileDescriptor) {
		if slices.ContainsFunc(out.File, func(d *descriptorpb.FileDescriptorProto) bool { return d.GetName() == f.Path() }) {
			return
		}
		for i := range f.Imports().Len() {
			add(f.Imports().Get(i).FileDescriptor)
		}
		d := protodesc.ToFileDescriptorProto(f)
		d.SourceCodeInfo = nil
		out.File = append(out.File, d)
	}
	for _, f := range compiled {
		add(f)
	}
	have, err := proto.MarshalOptions{Deterministic: true}.Marshal(&out)
	if err != nil {
		t.Fatal(err)
	}
	if update {
		if err := os.WriteFile(set, have, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if want, err := os.ReadFile(set); err != nil || !bytes.Equal(have, want) {
		t.Errorf("%s is not what %s compile to (%v); run the test with -update", set, strings.Join(files, ", "), err)
	}
	registry, err := protodesc.NewFiles(&out)
	if err != nil {
		t.Fatal(err)
	}
	return registry
}

// Listen serves h over HTTP/2 without TLS, as the program does, and returns a connection
// of a client.
func Listen(t testing.TB, h http.Handler) *grpc.ClientConn {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(true)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Start()
	t.Cleanup(s.Close)
	conn, err := grpc.NewClient(s.Listener.Addr().String(), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return conn
}

// Client calls methods of services that are described in files.
type Client struct {
	Conn  *grpc.ClientConn
	Files protodesc.Resolver
}

// Call calls /SERVICE/METHOD with a request written as JSON, and returns the messages that
// come and the error behind them.
func (c *Client) Call(ctx context.Context, method, request string, opts ...grpc.CallOption) (out []proto.Message, err error) {
	stream, output, err := c.Begin(ctx, method, request, opts...)
	for err == nil {
		m := dynamicpb.NewMessage(output)
		if err = stream.RecvMsg(m); err == nil {
			out = append(out, m)
		}
	}
	if errors.Is(err, io.EOF) {
		err = nil
	}
	return out, err
}

// Begin is Call whose messages, of a type, the caller receives.
func (c *Client) Begin(ctx context.Context, method, request string, opts ...grpc.CallOption) (grpc.ClientStream, protoreflect.MessageDescriptor, error) {
	d, err := c.Files.FindDescriptorByName(protoreflect.FullName(strings.ReplaceAll(method[1:], "/", ".")))
	if err != nil {
		return nil, nil, err
	}
	m := d.(protoreflect.MethodDescriptor)
	body := dynamicpb.NewMessage(m.Input())
	if err := protojson.Unmarshal([]byte(request), body); err != nil {
		return nil, nil, err
	}
	stream, err := c.Conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, method, opts...)
	if err != nil {
		return nil, nil, err
	}
	if err := stream.SendMsg(body); err != nil {
		return nil, nil, err
	}
	return stream, m.Output(), stream.CloseSend()
}
