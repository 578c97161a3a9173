// Package protoset holds the compiled protocols of dialects to their sources. It is not part
// of apitest, which the tests of the program have in the program that they run, and measure.
package protoset

import (
	"bytes"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/bufbuild/protocompile"
	_ "go.opentelemetry.io/proto/otlp/trace/v1" // which ours import
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
)

// Hold compiles files of protobuf and holds what comes out, with all that they import,
// to a file, which update rewrites.
func Hold(t testing.TB, set string, update bool, files ...string) *protoregistry.Files {
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
