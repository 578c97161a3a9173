package folder

import "github.com/clew-tracing/clew"

// Held is what there is of a store at one moment, for copying.
type Held struct {
	// Segments are those of the store, as its manifest lists them.
	Segments []Segment `json:"segments"`
	// Heads are the rows that are in no segment yet.
	Heads []Head `json:"heads"`
	// NextSeq is the least number that the next log record of a copy may have.
	NextSeq uint64 `json:"nextSeq"`
}

// Head is rows of a tenant in memory.
type Head struct {
	Tenant clew.Tenant `json:"tenant"`
	Rows   int         `json:"rows"`
}
