package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	_ "google.golang.org/grpc/health/grpc_health_v1" // described to callClient
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"

	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/apitest"
)

// protocolOf reads the protocol of a dialect that METHOD is of, or that the program knows.
func protocolOf(method string) (api.Protocol, error) {
	file := "jaeger/query.protoset"
	if strings.HasPrefix(method, "/tempopb.") {
		file = "tempo/streaming.protoset"
	}
	set, err := os.ReadFile(filepath.Join(sources, "api", file))
	if err != nil {
		return api.Protocol{}, err
	}
	return api.MustProtocol(set), nil
}

// sources is the tree's root; a script runs in a folder of its own.
var sources = func() string {
	dir, err := filepath.Abs("../..")
	if err != nil {
		panic(err)
	}
	return dir
}()

func scriptCall(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) < 3 {
		ts.Fatalf("usage: call ADDRESS METHOD REQUEST [NAME: VALUE]…")
	}
	conn, err := grpc.NewClient(strings.TrimPrefix(args[0], "http://"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	ts.Check(err)
	defer conn.Close()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for _, h := range args[3:] {
		name, value, _ := strings.Cut(h, ": ")
		ctx = metadata.AppendToOutgoingContext(ctx, name, value)
	}
	files, err := protocolOf(args[1])
	ts.Check(err)
	var trailer metadata.MD
	messages, err := (&apitest.Client{Conn: conn, Files: files}).Call(ctx, args[1], args[2], grpc.Trailer(&trailer))
	for _, m := range messages {
		text, err := protojson.Marshal(m)
		ts.Check(err)
		var one bytes.Buffer
		ts.Check(json.Compact(&one, text)) // protojson has spaces in some builds and in others not
		fmt.Fprintf(ts.Stdout(), "%s\n", &one)
	}
	for name, values := range trailer {
		fmt.Fprintf(ts.Stdout(), "%s: %s\n", name, strings.Join(values, ", "))
	}
	st := status.Convert(err)
	fmt.Fprintf(ts.Stdout(), "%v %s\n", st.Code(), st.Message())
	if (err == nil) == neg {
		ts.Fatalf("call %s: %v", args[1], err)
	}
}
