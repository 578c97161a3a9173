package api

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protodesc"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/descriptorpb"
	"google.golang.org/protobuf/types/dynamicpb"

	"github.com/clew-tracing/clew"
)

// Message is a message of protobuf that came, read by the names of its fields. A name that
// it does not have, or a field of another type, is a fault of ours and panics.
type Message struct{ protoreflect.Message }

// ReadMessage reads a message of a type.
func ReadMessage(is protoreflect.MessageDescriptor, body []byte) (out Message, err error) {
	defer func() {
		// The library panics on an entry of a map that has a key, and another one of a type
		// that keys have not: FuzzMessage has the bytes.
		if fault := recover(); fault != nil {
			out, err = Message{}, clew.Errorf(clew.Invalid, "this is no %s: %v", is.FullName(), fault)
		}
	}()
	m := dynamicpb.NewMessage(is)
	if err := proto.Unmarshal(body, m); err != nil {
		return Message{}, clew.Errorf(clew.Invalid, "this is no %s: %w", is.FullName(), err)
	}
	return Message{m}, nil
}

// Protocol is a set of files of protobuf, compiled.
type Protocol struct{ *protoregistry.Files }

// FindFileByPath implements protodesc.Resolver, as the next does: what is not of the
// protocol is looked for among all that the program knows.
func (p Protocol) FindFileByPath(path string) (protoreflect.FileDescriptor, error) {
	if f, err := p.Files.FindFileByPath(path); err == nil {
		return f, nil
	}
	return protoregistry.GlobalFiles.FindFileByPath(path)
}

// FindDescriptorByName implements protodesc.Resolver.
func (p Protocol) FindDescriptorByName(name protoreflect.FullName) (protoreflect.Descriptor, error) {
	if d, err := p.Files.FindDescriptorByName(name); err == nil {
		return d, nil
	}
	return protoregistry.GlobalFiles.FindDescriptorByName(name)
}

// MustProtocol reads a FileDescriptorSet of ours; it panics if that is none.
func MustProtocol(set []byte) Protocol {
	var files descriptorpb.FileDescriptorSet
	err := proto.Unmarshal(set, &files)
	var p Protocol
	if err == nil {
		p.Files, err = protodesc.NewFiles(&files)
	}
	if err != nil {
		panic(fmt.Sprintf("a protocol of ours: %v", err)) // broken: what is embedded was compiled, which a test checks
	}
	return p
}

// service returns a service by its whole name.
func (p Protocol) service(name protoreflect.FullName) protoreflect.ServiceDescriptor {
	d, err := p.FindDescriptorByName(name)
	if err != nil {
		panic(err.Error()) // broken: a dialect names services of its protocol
	}
	return d.(protoreflect.ServiceDescriptor)
}

func (m Message) field(name protoreflect.Name) protoreflect.FieldDescriptor {
	f := m.Descriptor().Fields().ByName(name)
	if f == nil {
		panic(fmt.Sprintf("%s has no field %s", m.Descriptor().FullName(), name)) // broken: names are those of the protocol
	}
	return f
}

// Text returns a string, "" where there is none.
func (m Message) Text(name protoreflect.Name) string { return m.Get(m.field(name)).String() }

// Bytes returns a field of bytes.
func (m Message) Bytes(name protoreflect.Name) []byte { return m.Get(m.field(name)).Bytes() }

// Number returns a field of any type of whole number without sign, 0 where there is none.
func (m Message) Number(name protoreflect.Name) uint64 { return m.Get(m.field(name)).Uint() }

// Int returns a field of any type of whole number with a sign.
func (m Message) Int(name protoreflect.Name) int64 { return m.Get(m.field(name)).Int() }

// Texts returns a map of strings.
func (m Message) Texts(name protoreflect.Name) map[string]string {
	out := make(map[string]string)
	m.Get(m.field(name)).Map().Range(func(k protoreflect.MapKey, v protoreflect.Value) bool {
		out[k.String()] = v.String()
		return true
	})
	return out
}

// Sub returns a message within it; ok is false where there is none, and then it is empty.
func (m Message) Sub(name protoreflect.Name) (sub Message, ok bool) {
	f := m.field(name)
	return Message{m.Get(f).Message()}, m.Has(f)
}

// yearOne is the zero time of Go in seconds, which programs send that give no time.
const yearOne = -62135596800

// Moment returns a Timestamp, 0 where there is none.
func (m Message) Moment(name protoreflect.Name) (clew.UnixNanos, error) {
	sub, ok := m.Sub(name)
	seconds, nanos := sub.Int("seconds"), sub.Int("nanos")
	if !ok || seconds == yearOne && nanos == 0 {
		return 0, nil
	}
	if seconds < 0 || seconds >= maxMoment || nanos < 0 || nanos >= int64(time.Second) {
		return 0, clew.Errorf(clew.Invalid, "%s of %d s and %d ns: want a moment from 1970 to 2262", name, seconds, nanos)
	}
	return clew.UnixNanos(seconds*int64(time.Second) + nanos), nil
}

// Duration returns a Duration, 0 where there is none; one below 0 is an error.
func (m Message) Duration(name protoreflect.Name) (time.Duration, error) {
	sub, ok := m.Sub(name)
	if !ok {
		return 0, nil
	}
	seconds, nanos := sub.Int("seconds"), sub.Int("nanos")
	if seconds < 0 || seconds >= maxMoment || nanos < 0 || nanos >= int64(time.Second) {
		return 0, clew.Errorf(clew.Invalid, "%s of %d s and %d ns: want a duration from 0", name, seconds, nanos)
	}
	return time.Duration(seconds)*time.Second + time.Duration(nanos), nil
}

// Strange returns the number of a field that is not known; 0 is that all are.
func (m Message) Strange() int {
	if unknown := m.GetUnknown(); len(unknown) > 0 {
		n, _, _ := protowire.ConsumeTag(unknown)
		return int(n)
	}
	return 0
}
