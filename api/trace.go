package api

import (
	"cmp"
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/storage"
)

// DamagedHeader says of every answer about a trace that some of its spans could not
// be read, and why: bytes of protobuf and a skeleton have no place for the text.
const DamagedHeader = "Clew-Damaged"

// DamageText says in one line, not too long, what of a trace could not be read; ""
// is that all could.
func DamageText(t *storage.Trace) string {
	if t.Damaged == nil {
		return ""
	}
	return HeaderText(t.Damaged.Error())
}

// HeaderText makes a text fit for a header: one line, not too long.
func HeaderText(text string) string {
	text = Shown(strings.ReplaceAll(text, "\n", "; "))
	if len(text) > maxHeaderText {
		text = text[:WholeRunes([]byte(text), maxHeaderText)] + "…"
	}
	return text
}

// Pieces yields rows of a trace as OTLP protobuf, pieceRows at a time, so that the
// memory for it does not grow with the trace. Pieces of a TracesData are one when they
// stand one after the other; a resource or scope with spans in several pieces comes
// once in each. What is yielded is valid until the next one is.
func Pieces(rows *span.Rows, order []uint32) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		var body []byte
		for part := range slices.Chunk(order, pieceRows) {
			body = otlp.AppendTraces(body[:0], rows, part)
			if !yield(body, nil) {
				return
			}
		}
	}
}

// SendTrace answers with rows of a trace as OTLP protobuf, of kind; see Send.
func (x *Sender) SendTrace(w http.ResponseWriter, r *http.Request, kind string, rows *span.Rows, order []uint32) error {
	if len(order) > pieceRows {
		return x.Send(w, r, kind, -1, Pieces(rows, order))
	}
	body := otlp.AppendTraces(nil, rows, order)
	return x.Send(w, r, kind, len(body), Parts(body))
}

// Messages yields rows of a trace as messages of TracesData, each with bytes of its own and
// no longer than MaxMessage, unless one span is.
func Messages(rows *span.Rows, order []uint32) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		var part func(order []uint32) bool
		part = func(order []uint32) bool {
			body := otlp.AppendTraces(nil, rows, order)
			if n := len(order); len(body) > MaxMessage && n > 1 {
				return part(order[:n/2]) && part(order[n/2:])
			}
			return yield(body)
		}
		for chunk := range slices.Chunk(order, messageRows) {
			if !part(chunk) {
				return
			}
		}
	}
}

// JSONPieces yields rows of a trace as a JSON object, a part of it at a time: opening,
// then the list of its resourceSpans, then closing. write is one of package otlp's
// writers of requests, otlp.AppendJSON or otlp.AppendProtoJSON.
func JSONPieces(rows *span.Rows, order []uint32, opening, closing string, write func(dst, body []byte) ([]byte, error)) iter.Seq2[[]byte, error] {
	const open, end = `{"resourceSpans":`, `}` // around the list of a piece
	return func(yield func([]byte, error) bool) {
		var text []byte
		left := len(order)
		for body := range Pieces(rows, order) {
			var err error
			if text, err = write(append(text[:0], opening...), body); err != nil {
				yield(nil, err)
				return
			}
			list := text[len(opening)+len(open) : len(text)-len(end)]
			piece := append(text[:len(opening)], list...) // moves it to the front
			if left < len(order) {                        // not the first: go on with the list
				piece = piece[len(opening):]
				piece[0] = ','
			}
			if left -= min(left, pieceRows); left > 0 {
				piece = piece[:len(piece)-1]
			} else {
				piece = append(piece, closing...)
			}
			if !yield(piece, nil) {
				return
			}
		}
	}
}

// InOrder returns the rows of a trace by their start, then span id.
func InOrder(t *storage.Trace) []uint32 {
	rows := make([]uint32, t.Rows)
	for i := range rows {
		rows[i] = uint32(i)
	}
	slices.SortFunc(rows, func(x, y uint32) int {
		return cmp.Or(cmp.Compare(t.Start[x], t.Start[y]), cmp.Compare(t.SpanID[x], t.SpanID[y]), cmp.Compare(t.Kind[x], t.Kind[y]))
	})
	return rows
}

// ShortTraceID is how systems write an id that have known ids of 64 bits: with 16 digits
// where that is all there is.
func ShortTraceID(id clew.TraceID) string {
	if text := id.String(); id.High() != 0 {
		return text
	}
	return id.String()[16:]
}
