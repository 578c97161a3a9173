package traceql

// Intrinsic is a field that spans, traces, events, links or scopes have of
// themselves.
type Intrinsic uint8

// The intrinsics.
const (
	IntrinsicNone Intrinsic = iota
	IntrinsicName
	IntrinsicDuration
	IntrinsicStatus
	IntrinsicStatusMessage
	IntrinsicKind
	IntrinsicSpanID
	IntrinsicParentID
	IntrinsicChildCount
	IntrinsicParent
	IntrinsicNestedSetLeft
	IntrinsicNestedSetRight
	IntrinsicNestedSetParent
	IntrinsicTraceID
	IntrinsicTraceDuration
	IntrinsicTraceRootName
	IntrinsicTraceRootService
	IntrinsicEventName
	IntrinsicEventTimeSinceStart
	IntrinsicLinkTraceID
	IntrinsicLinkSpanID
	IntrinsicInstrumentationName
	IntrinsicInstrumentationVersion
)

// intrinsicSpec is one intrinsic: its type and its spellings, the one that is
// printed first.
type intrinsicSpec struct {
	id    Intrinsic
	typ   Type
	names []string
}

var intrinsics = [...]intrinsicSpec{
	{IntrinsicNone, TypeNil, nil},
	{IntrinsicName, TypeString, []string{"name", "span:name"}},
	{IntrinsicDuration, TypeDuration, []string{"duration", "span:duration"}},
	{IntrinsicStatus, TypeStatus, []string{"status", "span:status"}},
	{IntrinsicStatusMessage, TypeString, []string{"statusMessage", "span:statusMessage"}},
	{IntrinsicKind, TypeKind, []string{"kind", "span:kind"}},
	{IntrinsicSpanID, TypeString, []string{"span:id"}},
	{IntrinsicParentID, TypeString, []string{"span:parentID"}},
	{IntrinsicChildCount, TypeInt, []string{"span:childCount", "childCount"}},
	{IntrinsicParent, TypeAny, []string{"parent"}},
	{IntrinsicNestedSetLeft, TypeInt, []string{"nestedSetLeft", "span:nestedSetLeft"}},
	{IntrinsicNestedSetRight, TypeInt, []string{"nestedSetRight", "span:nestedSetRight"}},
	{IntrinsicNestedSetParent, TypeInt, []string{"nestedSetParent", "span:nestedSetParent"}},
	{IntrinsicTraceID, TypeString, []string{"trace:id"}},
	{IntrinsicTraceDuration, TypeDuration, []string{"trace:duration", "traceDuration"}},
	{IntrinsicTraceRootName, TypeString, []string{"trace:rootName", "rootName"}},
	{IntrinsicTraceRootService, TypeString, []string{"trace:rootService", "rootServiceName"}},
	{IntrinsicEventName, TypeString, []string{"event:name"}},
	{IntrinsicEventTimeSinceStart, TypeDuration, []string{"event:timeSinceStart"}},
	{IntrinsicLinkTraceID, TypeString, []string{"link:traceID"}},
	{IntrinsicLinkSpanID, TypeString, []string{"link:spanID"}},
	{IntrinsicInstrumentationName, TypeString, []string{"instrumentation:name"}},
	{IntrinsicInstrumentationVersion, TypeString, []string{"instrumentation:version"}},
}

// String returns the spelling that is printed, "" for IntrinsicNone.
func (i Intrinsic) String() string {
	if i == IntrinsicNone || int(i) >= len(intrinsics) {
		return ""
	}
	return intrinsics[i].names[0]
}

// Type returns the type of the intrinsic's value.
func (i Intrinsic) Type() Type {
	if int(i) >= len(intrinsics) {
		return TypeNil
	}
	return intrinsics[i].typ
}

// ParseIntrinsic finds an intrinsic by any of its spellings.
func ParseIntrinsic(name string) (Intrinsic, bool) {
	for _, spec := range intrinsics {
		for _, n := range spec.names {
			if n == name {
				return spec.id, true
			}
		}
	}
	return IntrinsicNone, false
}

// Intrinsics returns every spelling of every intrinsic, the printed one first.
func Intrinsics() []string {
	var names []string
	for _, spec := range intrinsics {
		names = append(names, spec.names...)
	}
	return names
}
