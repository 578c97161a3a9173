package spandb

import (
	"cmp"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/spandb/admission"
	"github.com/clew-tracing/clew/wal"
)

// Memory says how much memory the parts of a store may take, in bytes. A part that
// is 0 takes what limits.go says.
type Memory struct {
	// Heads bounds the heads of all tenants; beyond it the largest are sealed early,
	// beyond twice of it appends wait.
	Heads int64
	// Head is the size at which a head is sealed. Sealing takes up to twice as much
	// again, for each of so many Sealers at most.
	Head    int64
	Sealers int
	// Merge bounds what a merge takes: the rows that it brings together and what they
	// are encoded into.
	Merge int64
	// Tables bounds the dictionaries of segments in memory, Blocks what scans keep of
	// their rows, Directories what is known of open files.
	Tables, Blocks, Directories int64
	// Log bounds what waits for the log while it writes; it takes twice as much.
	Log int64
	// Traces bounds the traces that were asked for and are still being answered,
	// Values the distinct values that one answer counts.
	Traces, Values int64
}

// withDefaults fills in what is 0.
func (m Memory) withDefaults() Memory {
	m.Heads = cmp.Or(m.Heads, maxHeadBytes)
	m.Head = cmp.Or(m.Head, sealBytes)
	m.Sealers = cmp.Or(m.Sealers, maxSealers)
	m.Merge = cmp.Or(m.Merge, maxMergeBytes)
	m.Directories = cmp.Or(m.Directories, maxDirectoryBytes)
	m.Log = cmp.Or(m.Log, wal.DefaultBufferBytes)
	m.Traces = cmp.Or(m.Traces, maxTraceBytes)
	m.Values = cmp.Or(m.Values, maxValueBytes)
	return m
}

// lend makes a loan for a trace one of n bytes in all. A trace that is larger than all
// there is cannot be read; one that has no room now can be later.
func (db *DB) lend(l *admission.Loan, id clew.TraceID, n int64) error {
	most := db.traceRows.Most()
	if n > most {
		return clew.Errorf(clew.TooLarge, "trace %s needs more than the %d bytes that are for reading traces: start the server with more --memory", id, most)
	}
	if !l.Grow(n) {
		return admission.Behind("the traces that are being read take all the memory that is for them: ask again later")
	}
	return nil
}
