// SPDX-License-Identifier: Apache-2.0

// Command grpc: serve PORT TLS-PORT | call|loop HOST:PORT [tls] | reflect HOST:PORT v1|v1alpha - the service of talk.proto in Go.
// Expects talk.pb (a set of descriptors), cert.pem and key.pem in the working directory.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"strings"
	"sync"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/encoding/gzip"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/reflection"
	rv1 "google.golang.org/grpc/reflection/grpc_reflection_v1"
	rv1alpha "google.golang.org/grpc/reflection/grpc_reflection_v1alpha"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"
)

const service = "limpid.talk.Talk"

var ask, answer protoreflect.MessageDescriptor

func must(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func need(good bool, what string, got any) {
	if !good {
		log.Fatalf("%s: %v", what, got)
	}
}

func load() {
	var set descriptorpb.FileDescriptorSet
	data, err := os.ReadFile("talk.pb")
	must(err)
	must(proto.Unmarshal(data, &set))
	file, err := protodesc.NewFile(set.File[0], protoregistry.GlobalFiles)
	must(err)
	must(protoregistry.GlobalFiles.RegisterFile(file))
	ask, answer = file.Messages().ByName("Ask"), file.Messages().ByName("Answer")
}

func text(m *dynamicpb.Message, field string) string {
	return m.Get(m.Descriptor().Fields().ByName(protoreflect.Name(field))).String()
}

func number(m *dynamicpb.Message, field string) int64 {
	return m.Get(m.Descriptor().Fields().ByName(protoreflect.Name(field))).Int()
}

// of is a message with these fields: int is int32 in an Ask and int64 in an Answer.
func of(d protoreflect.MessageDescriptor, fields map[string]any) *dynamicpb.Message {
	m := dynamicpb.NewMessage(d)
	for name, value := range fields {
		f := d.Fields().ByName(protoreflect.Name(name))
		switch v := value.(type) {
		case int:
			if f.Kind() == protoreflect.Int32Kind {
				value = int32(v)
			} else {
				value = int64(v)
			}
		case protoreflect.EnumNumber:
			value = v
		}
		m.Set(f, protoreflect.ValueOf(value))
	}
	return m
}

func replyTo(m *dynamicpb.Message, n int64) *dynamicpb.Message {
	mood := m.Get(ask.Fields().ByName("mood")).Enum()
	return of(answer, map[string]any{"text": text(m, "name"), "number": int(n), "mood": mood})
}

func finish(m *dynamicpb.Message) error {
	if fail := text(m, "fail"); fail != "" {
		return status.Error(codes.NotFound, fail)
	}
	return nil
}

func unary(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
	m := dynamicpb.NewMessage(ask)
	if err := decode(m); err != nil {
		return nil, err
	}
	time.Sleep(time.Duration(number(m, "delay_ms")) * time.Millisecond)
	if err := finish(m); err != nil {
		return nil, err
	}
	_ = grpc.SetTrailer(ctx, metadata.Pairs("x-server", "go"))
	return replyTo(m, number(m, "count")), nil
}

func many(_ any, s grpc.ServerStream) error {
	m := dynamicpb.NewMessage(ask)
	if err := s.RecvMsg(m); err != nil {
		return err
	}
	for i := int64(1); i <= number(m, "count"); i++ {
		time.Sleep(time.Duration(number(m, "delay_ms")) * time.Millisecond)
		if err := s.SendMsg(replyTo(m, i)); err != nil {
			return err
		}
	}
	return finish(m)
}

func sum(_ any, s grpc.ServerStream) error {
	total := int64(0)
	for {
		m := dynamicpb.NewMessage(ask)
		if err := s.RecvMsg(m); err == io.EOF {
			break
		} else if err != nil {
			return err
		}
		total += number(m, "count")
	}
	return s.SendMsg(of(answer, map[string]any{"text": "sum", "number": int(total)}))
}

func chat(_ any, s grpc.ServerStream) error {
	for {
		m := dynamicpb.NewMessage(ask)
		if err := s.RecvMsg(m); err == io.EOF {
			return nil
		} else if err != nil {
			return err
		}
		if err := s.SendMsg(replyTo(m, number(m, "count"))); err != nil {
			return err
		}
	}
}

func serve(port, tlsPort string) {
	desc := grpc.ServiceDesc{ServiceName: service, HandlerType: (*any)(nil), Metadata: "talk.proto",
		Methods: []grpc.MethodDesc{{MethodName: "Unary", Handler: unary}},
		Streams: []grpc.StreamDesc{{StreamName: "Many", Handler: many, ServerStreams: true},
			{StreamName: "Sum", Handler: sum, ClientStreams: true},
			{StreamName: "Chat", Handler: chat, ServerStreams: true, ClientStreams: true}}}
	pair, err := credentials.NewServerTLSFromFile("cert.pem", "key.pem")
	must(err)
	start := func(port string, options ...grpc.ServerOption) {
		listener, err := net.Listen("tcp", "127.0.0.1:"+port)
		must(err)
		server := grpc.NewServer(options...)
		server.RegisterService(&desc, nil)
		reflection.Register(server)
		go func() { must(server.Serve(listener)) }()
	}
	start(port)
	start(tlsPort, grpc.Creds(pair))
	fmt.Println("listening")
	select {}
}

func connect(address string, tls bool) *grpc.ClientConn {
	how := insecure.NewCredentials()
	if tls {
		var err error
		how, err = credentials.NewClientTLSFromFile("cert.pem", "localhost")
		must(err)
	}
	c, err := grpc.NewClient(address, grpc.WithTransportCredentials(how))
	must(err)
	return c
}

type client struct{ c *grpc.ClientConn }

func with(who string, limit time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(metadata.AppendToOutgoingContext(context.Background(), "x-client", who), limit)
}

func (c client) one(method, who string, limit time.Duration, fields map[string]any, options ...grpc.CallOption) (*dynamicpb.Message, error) {
	ctx, cancel := with(who, limit)
	defer cancel()
	got := dynamicpb.NewMessage(answer)
	err := c.c.Invoke(ctx, "/"+service+"/"+method, of(ask, fields), got, options...)
	return got, err
}

func (c client) stream(ctx context.Context, method string) grpc.ClientStream {
	s, err := c.c.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true, ClientStreams: true}, "/"+service+"/"+method)
	must(err)
	return s
}

// talk sends, a tenth of a second between, ends its side, and returns the numbers that came.
func (c client) talk(method string, asks ...map[string]any) (got []int64, err error) {
	ctx, cancel := with("go", 20*time.Second)
	defer cancel()
	s := c.stream(ctx, method)
	for i, a := range asks {
		if i > 0 {
			time.Sleep(100 * time.Millisecond)
		}
		must(s.SendMsg(of(ask, a)))
	}
	must(s.CloseSend())
	for {
		m := dynamicpb.NewMessage(answer)
		if err = s.RecvMsg(m); err == io.EOF {
			return got, nil
		} else if err != nil {
			return got, err
		}
		got = append(got, number(m, "number"))
	}
}

func call(c client) {
	const limit = 20 * time.Second
	got, err := c.one("Unary", "go", limit, map[string]any{"name": "unary", "count": 7, "mood": protoreflect.EnumNumber(1)})
	need(err == nil && number(got, "number") == 7, "unary", err)
	_, err = c.one("Unary", "go", limit, nil)
	must(err)
	numbers, err := c.talk("Many", map[string]any{"name": "many", "count": 5, "delay_ms": 300})
	need(err == nil && fmt.Sprint(numbers) == "[1 2 3 4 5]", "many", numbers)
	three := []map[string]any{{"name": "ask", "count": 1}, {"name": "ask", "count": 2}, {"name": "ask", "count": 3}}
	numbers, err = c.talk("Sum", three...)
	need(err == nil && fmt.Sprint(numbers) == "[6]", "sum", numbers)
	numbers, err = c.talk("Chat", three...)
	need(err == nil && fmt.Sprint(numbers) == "[1 2 3]", "chat", numbers)
	_, err = c.one("Unary", "go", limit, map[string]any{"name": "error", "fail": "naïve: 100% gone"})
	need(status.Code(err) == codes.NotFound, "error", err)
	_, err = c.talk("Many", map[string]any{"name": "late error", "count": 2, "fail": "over"})
	need(status.Code(err) == codes.NotFound, "late error", err)
	_, err = c.one("Nothing", "go", limit, map[string]any{"name": "nothing"})
	need(status.Code(err) == codes.Unimplemented, "nothing", err)
	_, err = c.one("Unary", "go", 400*time.Millisecond, map[string]any{"name": "deadline", "delay_ms": 1500})
	need(status.Code(err) == codes.DeadlineExceeded, "deadline", err)
	ctx, cancel := with("go", limit)
	s := c.stream(ctx, "Many")
	must(s.SendMsg(of(ask, map[string]any{"name": "cancel", "count": 50, "delay_ms": 100})))
	must(s.CloseSend())
	must(s.RecvMsg(dynamicpb.NewMessage(answer)))
	must(s.RecvMsg(dynamicpb.NewMessage(answer)))
	cancel()
	long := strings.Repeat("x", 3000)
	got, err = c.one("Unary", "go", limit, map[string]any{"name": long}, grpc.UseCompressor(gzip.Name))
	need(err == nil && text(got, "text") == long, "gzip", err)
	var all sync.WaitGroup
	for i := 0; i < 20; i++ {
		all.Add(1)
		go func(i int) {
			defer all.Done()
			got, err := c.one("Unary", "go", limit, map[string]any{"name": "twenty", "count": i, "delay_ms": 200})
			need(err == nil && number(got, "number") == int64(i), "twenty", err)
		}(i)
	}
	all.Wait()
}

func loop(c client) {
	for n := 0; ; n++ {
		_, err := c.one("Unary", "old-go", 20*time.Second, map[string]any{"name": "old", "count": n})
		must(err)
		time.Sleep(200 * time.Millisecond)
	}
}

// reflect asks a server for the file that declares the service.
func reflect(c *grpc.ClientConn, version string) {
	ctx, cancel := with("go", 20*time.Second)
	defer cancel()
	files := 0
	if version == "v1" {
		s, err := rv1.NewServerReflectionClient(c).ServerReflectionInfo(ctx)
		must(err)
		must(s.Send(&rv1.ServerReflectionRequest{MessageRequest: &rv1.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: service}}))
		m, err := s.Recv()
		must(err)
		files = len(m.GetFileDescriptorResponse().GetFileDescriptorProto())
		must(s.CloseSend())
	} else {
		s, err := rv1alpha.NewServerReflectionClient(c).ServerReflectionInfo(ctx)
		must(err)
		must(s.Send(&rv1alpha.ServerReflectionRequest{MessageRequest: &rv1alpha.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: service}}))
		m, err := s.Recv()
		must(err)
		files = len(m.GetFileDescriptorResponse().GetFileDescriptorProto())
		must(s.CloseSend())
	}
	need(files > 0, "files", files)
}

func main() {
	load()
	args := append(os.Args[1:], "")
	switch args[0] {
	case "serve":
		serve(args[1], args[2])
	case "call":
		call(client{connect(args[1], args[2] == "tls")})
	case "loop":
		loop(client{connect(args[1], args[2] == "tls")})
	case "reflect":
		reflect(connect(args[1], false), args[2])
	}
}
