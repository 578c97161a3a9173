package load

// Kind says what a door takes and how it answers. The zero Kind is OTLP in protobuf.
type Kind struct {
	// Path is where requests of HTTP go if the endpoint has none; "" is that of OTLP.
	Path string
	// ContentType is of requests of HTTP; "" is protobuf.
	ContentType string
	// Method is the path of a method of gRPC; "" is that of OTLP.
	Method string
	// Read reads an answer that says yes: how many spans were not taken all the same, and
	// why. nil reads an ExportTraceServiceResponse.
	Read func(answer []byte) (rejected int64, why string, err error)
}

// exportMethod is the one method of OTLP's trace service, tracesPath its path of HTTP.
const (
	exportMethod = "/opentelemetry.proto.collector.trace.v1.TraceService/Export"
	tracesPath   = "/v1/traces"
	protobufType = "application/x-protobuf"
)

// orOTLP returns k with OTLP's in the place of what is open.
func (k Kind) orOTLP() Kind {
	if k.Path == "" {
		k.Path = tracesPath
	}
	if k.ContentType == "" {
		k.ContentType = protobufType
	}
	if k.Method == "" {
		k.Method = exportMethod
	}
	return k
}

// reply reads an answer.
func (k Kind) reply(answer []byte) (reply, error) {
	if k.Read == nil {
		return parseReply(answer)
	}
	rejected, why, err := k.Read(answer)
	return reply{rejected, excerpt([]byte(why))}, err
}
