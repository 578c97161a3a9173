package propagation

// Each limit bounds what one header may cost; what is over it is reported as a Problem.
const (
	// maxStateMembers, maxStateKey and maxStateValue are those of W3C Trace Context.
	maxStateMembers = 32
	maxStateKey     = 256
	maxStateValue   = 256
	// longStateMember is the length over which members are the first to go when tracestate is
	// cut (W3C Trace Context, 3.3.1.5).
	longStateMember = 128
	// maxStateBytes is how much of tracestate is passed on. The standard asks for 512 at least;
	// servers commonly refuse all headers together over 8 KiB.
	maxStateBytes = 4096

	// maxBaggageMembers and maxBaggageBytes: W3C Baggage asks for 64 members and 8192 bytes at
	// least. Its first edition had 180 members, which OpenTelemetry keeps to.
	maxBaggageMembers = 180
	maxBaggageBytes   = 8192

	// maxXRayBytes is what load balancers let through of X-Ray's header, rounded up.
	maxXRayBytes = 8192
	// maxXRayOther bounds the unknown members of X-Ray's header that are passed on.
	maxXRayOther = 1024

	// maxDatadogTags is what Datadog's tracers let through.
	maxDatadogTags = 512
	// maxDatadogOrigin is far above the origins there are.
	maxDatadogOrigin = 256
)
