package span

import "github.com/clew-tracing/clew/column"

// SizeBytes is about the memory that b's values take, with the dictionaries that they
// are in, and without spare capacity. It follows from the rows and not from who made
// the batch.
func (b *Batch) SizeBytes() int64 {
	const row = 4*8 + 8*4 + 2 // ids, times; codes and flags; kind and status
	n := int64(b.Rows)*row + int64(len(b.TraceIDs))*24 + textBytes(&b.Names)
	for _, r := range b.Resources {
		n += 2 * int64(len(r.Raw)) // as it came and parsed
	}
	for _, s := range b.Scopes {
		n += 2 * int64(len(s.Raw))
	}
	for _, c := range []*Column{&b.StatusMessage, &b.TraceState, &b.DroppedAttrs, &b.DroppedEvents, &b.DroppedLinks, &b.Weight, &b.Moved} {
		n += c.sizeBytes()
	}
	n += b.Attrs.sizeBytes()
	n += int64(len(b.Events.Row))*16 + textBytes(&b.Events.Names) + b.Events.Dropped.sizeBytes() + b.Events.Attrs.sizeBytes()
	n += int64(len(b.Links.Row))*32 + b.Links.TraceState.sizeBytes() + b.Links.Dropped.sizeBytes() + b.Links.Attrs.sizeBytes()
	return n
}

func (a *Attrs) sizeBytes() int64 {
	n := int64(len(a.Shape))*4 + int64(len(a.Shapes.Parent))*13 + a.Extra.sizeBytes()
	for i := range a.Columns {
		const column = 160 // itself, and what a builder knows of it
		n += column + int64(len(a.Columns[i].Key)) + a.Columns[i].sizeBytes()
	}
	return n
}

func (c *Column) sizeBytes() int64 { return int64(len(c.Rows))*12 + textBytes(&c.Strings) }

func textBytes(s *column.Strings) int64 { return int64(len(s.Buf)) + int64(len(s.Ends))*4 }
