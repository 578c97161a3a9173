package segment

import (
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/block"
	"github.com/clew-tracing/clew/column"
)

// A Family is what bytes of a segment are for, in words for people.
type Family string

// The families. Every byte of a segment is of one.
const (
	SpanIDs      Family = "span ids"
	TraceIDs     Family = "trace ids"
	Starts       Family = "start"
	Durations    Family = "duration"
	Structure    Family = "structure" // runs, templates, shapes; each row's trace and parent
	Resources    Family = "resources, scopes, names"
	Sparse       Family = "sparse intrinsics" // status messages, trace states, weights, …
	Codes        Family = "attributes: codes"
	Dictionaries Family = "attributes: dictionaries"
	Texts        Family = "attributes: texts"
	Ints         Family = "attributes: ints"
	Doubles      Family = "attributes: doubles"
	Bools        Family = "attributes: bools"
	Others       Family = "attributes: others"
	Presence     Family = "attributes: presence"
	Filters      Family = "attributes: filters"
	Events       Family = "events"
	Links        Family = "links"
	Rollups      Family = "rollups"
	Requests     Family = "requests"
	Directory    Family = "directory" // names and places of chunks, the frame
)

// Families lists all families.
func Families() []Family {
	return []Family{SpanIDs, TraceIDs, Starts, Durations, Structure, Resources, Sparse, Codes, Dictionaries,
		Texts, Ints, Doubles, Bools, Others, Presence, Filters, Events, Links, Rollups, Requests, Directory}
}

// familyOf returns the family of a column that is no attribute of spans.
func familyOf(name string) Family {
	switch name {
	case colSpanID:
		return SpanIDs
	case colTraceIDs:
		return TraceIDs
	case colStart:
		return Starts
	case colDuration:
		return Durations
	case colTrace, colParent, colRuns, colTemplates, colShapes, colFlags:
		return Structure
	case colResource, colResources, colScopes, colServices, colNames:
		return Resources
	case colRollup, colRollupTimes, colOperations, colOperationsTimes, colEdges, colEdgesTimes:
		return Rollups
	case colRequests:
		return Requests
	}
	switch {
	case strings.HasPrefix(name, ".event.") || name[0] == familyEvent:
		return Events
	case strings.HasPrefix(name, ".link.") || name[0] == familyLink:
		return Links
	case name[0] == familyFilter:
		return Filters
	}
	return Sparse
}

// Usage adds to use how many bytes of the segment are of each family: together its
// size. It reads the chunks in which presence stands before values.
func (r *Reader) Usage(use map[Family]int64) (err error) {
	rest := r.blocks.Size()
	add := func(f Family, size int) {
		use[f] += int64(size)
		rest -= int64(size)
	}
	t, err := new(Cache).tables(r)
	if err != nil {
		return err
	}
	bitmaps := make([]int, len(r.blocks.Columns())) // before the values of a chunk
	for i := range t.Attrs {
		a := &t.Attrs[i]
		for _, has := range [...]bool{a.Partial, a.ByTrace} {
			if has {
				bitmaps[a.Column]++
			}
		}
	}
	dictionary := -1 // the column that has one
	r.blocks.Sizes(func(col, blk, size int) {
		name := r.blocks.Columns()[col]
		if len(name) < 2 || name[0] != familySpan && name[0] != familyTrace {
			add(familyOf(name), size)
			return
		}
		if blk == block.WholeSegment {
			dictionary = col
			add(Dictionaries, size)
			return
		}
		if bitmaps[col] > 0 && err == nil {
			var presence int
			if presence, err = r.presence(col, blk, bitmaps[col]); err == nil {
				add(Presence, presence)
				size -= presence
			}
		}
		add(attributeFamily(clew.Type(name[1]-'0'), dictionary == col), size)
	})
	use[Directory] += rest
	return err
}

// presence returns the size of so many bitmaps at the start of a chunk.
func (r *Reader) presence(col, blk, bitmaps int) (int, error) {
	b, err := r.blocks.Chunk(nil, col, blk)
	rest := b
	for range bitmaps {
		if err == nil {
			_, _, rest, err = column.DecodeBitmap(nil, rest, r.meta.BlockRows[blk])
		}
	}
	if err != nil {
		return 0, r.corrupt(col, blk, err)
	}
	return len(b) - len(rest), nil
}

func attributeFamily(t clew.Type, dictionary bool) Family {
	switch {
	case isText(t) && dictionary:
		return Codes
	case t == clew.TypeString:
		return Texts
	case t == clew.TypeInt:
		return Ints
	case t == clew.TypeDouble:
		return Doubles
	case t == clew.TypeBool:
		return Bools
	}
	return Others
}
