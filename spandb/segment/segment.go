// Package segment turns the rows of a head into the bytes of an immutable file,
// and reads them back: as columns of one block, as answers about what a block or
// the whole surely has not, and as counts that need no rows.
//
// The frame of the file, its chunks and their checksums, are package block's;
// which columns there are, and what is in each, is this package's and stands in
// docs/format/segment.md. In short:
//
//	.names .scopes .resources .services    dictionaries of the whole segment
//	.templates .shapes                     what the rows of a run have in common
//	.requests                              which records the rows came in
//	.traceids .trace .runs .resource       per block of whole traces, some 8,192
//	.spanid .parent .start .duration …     rows, clustered by template
//	a1http.status_code …                   an attribute of spans: family, type, key
//
// Sealer writes, Reader and BlockReader read. Bytes of a segment are not trusted:
// besides the checksums of the frame every number is checked against the table it
// points into, and damage is an error of kind Corrupt with file and offset.
//
// The package writes no files and knows neither manifest nor log.
package segment

import (
	"github.com/clew-tracing/clew/spandb/segment/meta"
	"github.com/clew-tracing/clew/spandb/segment/need"
)

// Meta, Request and Need are those of their packages.
type (
	Need    = need.Need
	Meta    = meta.Meta
	Request = meta.Request
)

// RequestBytes is what a Request takes in memory.
const RequestBytes = meta.RequestBytes
