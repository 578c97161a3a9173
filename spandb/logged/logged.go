// Package logged makes rows of the records of a log: the same that they were when the
// records came.
package logged

import (
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span/build"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/storage"
)

// MaxBodyBytes bounds a request: three times what the doors take by default. With it
// the rows, texts and children of a head are bounded, and what a reader has to
// believe of a segment.
const MaxBodyBytes = 192 << 20

// A Decoder makes rows of records. The zero value is ready; one goroutine uses it.
type Decoder struct {
	unpacker otlp.Unpacker
	decoder  otlp.Decoder
	body     []byte
}

// Append appends the rows of a record to b and returns the size of the unpacked
// request. After an error there are none of it.
func (d *Decoder) Append(b *build.Builder, r *folder.Record) (bytes int, err error) {
	if d.body, err = d.unpacker.Unpack(d.body[:0], otlp.Encoding(r.Packing), r.Body, MaxBodyBytes); err != nil {
		return 0, err
	}
	from := b.Rows()
	if _, err := d.decoder.Decode(b, d.body, otlp.Options{Replay: true, Refuse: r.Refused}); err != nil {
		return 0, err
	}
	MoveStrays(b, from, r.Arrival)
	return len(d.body), nil
}

// MoveStrays sees to it that rows from row from on, whose record came just now, count
// near their arrival if their clocks are far off.
func MoveStrays(b *build.Builder, from int, arrival uint64) {
	if arrival != 0 {
		const late, early = uint64(storage.MaxLate), uint64(storage.MaxEarly)
		b.Move(from, arrival-min(late, arrival), arrival+early)
	}
}
