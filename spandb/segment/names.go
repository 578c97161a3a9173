package segment

import "github.com/clew-tracing/clew/spandb/segment/need"

// Columns of a segment. A name of two or more bytes that begins with 'a', 't', 'e' or
// 'l' and a digit is an attribute of spans, events or links: the digit is the
// clew.Type, the rest the key; one that begins with 'f' is the filter of such a column.
// All others stand here; they begin with a dot.
const (
	colNames     = ".names"     // dictionary of span names
	colScopes    = ".scopes"    // scope messages
	colResources = ".resources" // resource messages, by service
	colServices  = ".services"  // service names
	colTemplates = ".templates"
	colShapes    = ".shapes" // lists of attribute columns
	colRequests  = ".requests"

	colRollup          = ".rollup"           // what services did per minute
	colRollupTimes     = ".rollup.durations" // how long that took
	colOperations      = ".operations"       // what operations did per minute
	colOperationsTimes = ".operations.durations"
	colEdges           = ".edges" // what services asked of others
	colEdgesTimes      = ".edges.durations"

	colTraceIDs = ".traceids"
	colRuns     = ".runs"
	colTrace    = ".trace"
	colResource = ".resource"
	colSpanID   = ".spanid"
	colParent   = ".parent"
	colStart    = ".start"
	colDuration = ".duration"
	colFlags    = ".flags"

	colStatusMessage = ".statusmessage"
	colTraceState    = ".tracestate"
	colDroppedAttrs  = ".droppedattrs"
	colDroppedEvents = ".droppedevents"
	colDroppedLinks  = ".droppedlinks"
	colExtra         = ".extra"
	colReceived      = ".received"
	colPooled        = ".pooled" // attributes that few rows have
	colWeight        = ".weight"
	colMoved         = ".moved"

	colEventRow     = ".event.row"
	colEventTime    = ".event.time"
	colEventName    = ".event.name"
	colEventDropped = ".event.dropped"
	colEventShape   = ".event.shape"
	colEventShapes  = ".event.shapes"
	colEventExtra   = ".event.extra"
	colEventPooled  = ".event.pooled"

	colLinkRow     = ".link.row"
	colLinkTarget  = ".link.target"
	colLinkFlags   = ".link.flags"
	colLinkState   = ".link.state"
	colLinkDropped = ".link.dropped"
	colLinkShape   = ".link.shape"
	colLinkShapes  = ".link.shapes"
	colLinkExtra   = ".link.extra"
	colLinkPooled  = ".link.pooled"
)

// Attribute families.
const (
	familySpan  = need.OfSpans
	familyTrace = 't' // attributes of spans that are the same in a trace
	familyEvent = need.OfEvents
	familyLink  = need.OfLinks
)

// familyFilter is no family of attributes: the column has a filter of the values of one
// of spans.
const familyFilter = 'f'

// otelService is the resource attribute that names the service.
const otelService = "service.name"
