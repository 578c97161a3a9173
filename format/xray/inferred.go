package xray

import (
	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/span"
)

// A Call is a subsegment that nobody answers.
type Call struct {
	Row int // of the subsegment
	// ID and Origin are the segment's that is inferred from it.
	ID     clew.SpanID
	Origin string
}

// inferredKeys are what an inferred segment has of its call.
var inferredKeys = []string{"name", "start_time", "end_time", "in_progress", "error", "throttle", "fault", "http", "aws", "sql"}

// Inferred returns segments for calls that nobody answers, as BatchGetTraces adds them: with
// what the call says of whom it asked, marked as inferred.
func Inferred(r *span.Rows, calls []Call) []Document {
	if len(calls) == 0 {
		return nil
	}
	w := newFamily(r)
	b := r.Batch()
	out := make([]Document, len(calls))
	for i, c := range calls {
		row := int32(c.Row)
		call, doc := new(tree), new(tree)
		if w.rows[row].born {
			w.restore(call, row, false)
		} else {
			w.translate(call, row, false)
		}
		doc.setText("id", []byte(c.ID.String()))
		for _, key := range inferredKeys {
			for k := range call.members {
				if m := &call.members[k]; m.key == key {
					doc.members = append(doc.members, *m)
				}
			}
		}
		doc.setText("parent_id", []byte(clew.SpanID(b.SpanID[row]).String()))
		doc.setBool("inferred", true)
		doc.setTextIf("origin", c.Origin)
		w.setTrace(doc, row, false)
		out[i] = Document{ID: c.ID, Row: c.Row, Text: doc.append(nil)}
	}
	return out
}
