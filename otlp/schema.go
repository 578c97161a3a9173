package otlp

// kind is how a field's value is written in protobuf and in JSON.
type kind uint8

const (
	kindText    kind = iota // string; JSON string
	kindBytes               // bytes; base64
	kindID                  // bytes; hexadecimal
	kindBool                // varint; true, false
	kindInt64               // varint; decimal in a string
	kindInt32               // varint; number
	kindUint32              // varint; number
	kindEnum                // varint; number, or on the way in a name
	kindFixed32             // fixed32; number
	kindFixed64             // fixed64; decimal in a string
	kindDouble              // fixed64; number, or "NaN", "Infinity", "-Infinity"
	kindMessage             // length-delimited; object
)

// wire returns the wire type of a kind.
func (k kind) wire() byte {
	switch k {
	case kindText, kindBytes, kindID, kindMessage:
		return wireBytes
	case kindFixed32:
		return wireFixed32
	case kindFixed64, kindDouble:
		return wireFixed64
	}
	return wireVarint
}

// message numbers the message types of a trace request.
type message uint8

const (
	msgRequest message = iota
	msgResourceSpans
	msgResource
	msgEntityRef
	msgScopeSpans
	msgScope
	msgSpan
	msgEvent
	msgLink
	msgStatus
	msgKeyValue
	msgAnyValue
	msgArray
	msgMap
)

// fieldDef is one field of a message type.
type fieldDef struct {
	num      int
	json     string // lowerCamelCase
	snake    string
	kind     kind
	msg      message // kindMessage: its type
	repeated bool
	names    []string // kindEnum: names by number
}

// maxField is the largest field number below.
const maxField = 16

var (
	kindNames   = []string{"SPAN_KIND_UNSPECIFIED", "SPAN_KIND_INTERNAL", "SPAN_KIND_SERVER", "SPAN_KIND_CLIENT", "SPAN_KIND_PRODUCER", "SPAN_KIND_CONSUMER"}
	statusNames = []string{"STATUS_CODE_UNSET", "STATUS_CODE_OK", "STATUS_CODE_ERROR"}
)

func dropped(num int, what string) fieldDef {
	switch what {
	case "events":
		return fieldDef{num: num, json: "droppedEventsCount", snake: "dropped_events_count", kind: kindUint32}
	case "links":
		return fieldDef{num: num, json: "droppedLinksCount", snake: "dropped_links_count", kind: kindUint32}
	}
	return fieldDef{num: num, json: "droppedAttributesCount", snake: "dropped_attributes_count", kind: kindUint32}
}

func text(num int, json, snake string) fieldDef {
	return fieldDef{num: num, json: json, snake: snake, kind: kindText}
}

func list(num int, json, snake string, msg message) fieldDef {
	return fieldDef{num: num, json: json, snake: snake, kind: kindMessage, msg: msg, repeated: true}
}

// schema has the fields of each message type in the order in which JSON is
// written. It is read only.
var schema = [...][]fieldDef{
	msgRequest: {list(1, "resourceSpans", "resource_spans", msgResourceSpans)},
	msgResourceSpans: {
		{num: 1, json: "resource", snake: "resource", kind: kindMessage, msg: msgResource},
		list(2, "scopeSpans", "scope_spans", msgScopeSpans),
		text(3, "schemaUrl", "schema_url"),
	},
	msgResource: {
		list(1, "attributes", "attributes", msgKeyValue),
		dropped(2, "attributes"),
		list(3, "entityRefs", "entity_refs", msgEntityRef),
	},
	msgEntityRef: {
		text(1, "schemaUrl", "schema_url"),
		text(2, "type", "type"),
		{num: 3, json: "idKeys", snake: "id_keys", kind: kindText, repeated: true},
		{num: 4, json: "descriptionKeys", snake: "description_keys", kind: kindText, repeated: true},
	},
	msgScopeSpans: {
		{num: 1, json: "scope", snake: "scope", kind: kindMessage, msg: msgScope},
		list(2, "spans", "spans", msgSpan),
		text(3, "schemaUrl", "schema_url"),
	},
	msgScope: {
		text(1, "name", "name"),
		text(2, "version", "version"),
		list(3, "attributes", "attributes", msgKeyValue),
		dropped(4, "attributes"),
	},
	msgSpan: {
		{num: 1, json: "traceId", snake: "trace_id", kind: kindID},
		{num: 2, json: "spanId", snake: "span_id", kind: kindID},
		text(3, "traceState", "trace_state"),
		{num: 4, json: "parentSpanId", snake: "parent_span_id", kind: kindID},
		{num: 16, json: "flags", snake: "flags", kind: kindFixed32},
		text(5, "name", "name"),
		{num: 6, json: "kind", snake: "kind", kind: kindEnum, names: kindNames},
		{num: 7, json: "startTimeUnixNano", snake: "start_time_unix_nano", kind: kindFixed64},
		{num: 8, json: "endTimeUnixNano", snake: "end_time_unix_nano", kind: kindFixed64},
		list(9, "attributes", "attributes", msgKeyValue),
		dropped(10, "attributes"),
		list(11, "events", "events", msgEvent),
		dropped(12, "events"),
		list(13, "links", "links", msgLink),
		dropped(14, "links"),
		{num: 15, json: "status", snake: "status", kind: kindMessage, msg: msgStatus},
	},
	msgEvent: {
		{num: 1, json: "timeUnixNano", snake: "time_unix_nano", kind: kindFixed64},
		text(2, "name", "name"),
		list(3, "attributes", "attributes", msgKeyValue),
		dropped(4, "attributes"),
	},
	msgLink: {
		{num: 1, json: "traceId", snake: "trace_id", kind: kindID},
		{num: 2, json: "spanId", snake: "span_id", kind: kindID},
		text(3, "traceState", "trace_state"),
		list(4, "attributes", "attributes", msgKeyValue),
		dropped(5, "attributes"),
		{num: 6, json: "flags", snake: "flags", kind: kindFixed32},
	},
	msgStatus: {
		text(2, "message", "message"),
		{num: 3, json: "code", snake: "code", kind: kindEnum, names: statusNames},
	},
	msgKeyValue: {
		text(1, "key", "key"),
		{num: 2, json: "value", snake: "value", kind: kindMessage, msg: msgAnyValue},
		{num: keyIndex, json: "keyStrindex", snake: "key_strindex", kind: kindInt32},
	},
	// The fields of AnyValue are a oneof: of several the last one counts.
	msgAnyValue: {
		text(anyString, "stringValue", "string_value"),
		{num: anyBool, json: "boolValue", snake: "bool_value", kind: kindBool},
		{num: anyInt, json: "intValue", snake: "int_value", kind: kindInt64},
		{num: anyDouble, json: "doubleValue", snake: "double_value", kind: kindDouble},
		{num: anyArray, json: "arrayValue", snake: "array_value", kind: kindMessage, msg: msgArray},
		{num: anyMap, json: "kvlistValue", snake: "kvlist_value", kind: kindMessage, msg: msgMap},
		{num: anyBytes, json: "bytesValue", snake: "bytes_value", kind: kindBytes},
		{num: anyStringIndex, json: "stringValueStrindex", snake: "string_value_strindex", kind: kindInt32},
	},
	msgArray: {list(1, "values", "values", msgAnyValue)},
	msgMap:   {list(1, "values", "values", msgKeyValue)},
}
