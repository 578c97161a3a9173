package prom

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strconv"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"

	"github.com/clew-tracing/clew/api"
)

// written is data that is JSON already.
type written []byte

// send answers, packed if the client likes.
func (a *API) send(c *api.Call, b *body) error {
	data, ok := b.Data.(written)
	if !ok {
		var err error
		if data, err = encode(b.Data); err != nil {
			return err
		}
	}
	b.Data = nil
	frame, err := encode(b)
	if err != nil {
		return err
	}
	head := []byte(`{"status":"success","data":`)
	tail := append([]byte{}, frame[len(`{"status":"success"`):]...) // what follows the status
	return a.sender.Send(c.W, c.R, "application/json", len(head)+len(data)+len(tail), api.Parts(bytes.Join([][]byte{head, data, tail}, nil)))
}

// encode returns v as JSON, with characters of HTML as they are.
func encode(v any) ([]byte, error) {
	var out bytes.Buffer
	e := json.NewEncoder(&out)
	e.SetEscapeHTML(false)
	err := e.Encode(v)
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), err
}

// result returns the value of a query, as Prometheus shows it. It shares no memory with
// the value.
func result(v parser.Value) (written, error) {
	w := &valueWriter{}
	w.text(`{"resultType":"` + string(v.Type()) + `","result":`)
	switch v := v.(type) {
	case promql.Matrix:
		w.list(len(v), func(i int) { w.series(&v[i]) })
	case promql.Vector:
		w.list(len(v), func(i int) { w.sample(&v[i]) })
	case promql.Scalar:
		w.point(v.T, v.V)
	case promql.String:
		w.encoded(v)
	default:
		return nil, errors.New("the engine answered with a " + string(v.Type()))
	}
	w.text("}")
	return w.out, w.err
}

type valueWriter struct {
	out []byte
	err error
}

func (w *valueWriter) text(s string) { w.out = append(w.out, s...) }

// encoded writes what knows its JSON.
func (w *valueWriter) encoded(v any) {
	b, err := encode(v)
	if err != nil && w.err == nil {
		w.err = err
	}
	w.out = append(w.out, b...)
}

func (w *valueWriter) list(n int, f func(i int)) {
	w.text("[")
	for i := range n {
		if i > 0 {
			w.text(",")
		}
		f(i)
	}
	w.text("]")
}

// point writes a number and when it was.
func (w *valueWriter) point(t int64, v float64) {
	w.text("[")
	w.time(t)
	w.text(`,"`)
	format := byte('f')
	if abs := math.Abs(v); abs != 0 && !math.IsInf(v, 0) && (abs < 1e-6 || abs >= 1e21) {
		format = 'e'
	}
	w.out = strconv.AppendFloat(w.out, v, format, -1, 64)
	w.text(`"]`)
}

// time writes milliseconds as seconds.
func (w *valueWriter) time(t int64) {
	w.out = strconv.AppendFloat(w.out, float64(t)/1000, 'f', -1, 64)
}

func (w *valueWriter) metric(l labels.Labels) {
	w.text(`{"metric":`)
	w.encoded(l)
}

func (w *valueWriter) series(s *promql.Series) {
	w.metric(s.Metric)
	if len(s.Floats) > 0 {
		w.text(`,"values":`)
		w.list(len(s.Floats), func(i int) { w.point(s.Floats[i].T, s.Floats[i].F) })
	}
	if len(s.Histograms) > 0 {
		w.text(`,"histograms":`)
		w.list(len(s.Histograms), func(i int) { w.encoded(s.Histograms[i]) })
	}
	w.text("}")
}

func (w *valueWriter) sample(s *promql.Sample) {
	w.metric(s.Metric)
	if s.H != nil {
		w.text(`,"histogram":`)
		w.encoded(promql.HPoint{T: s.T, H: s.H})
	} else {
		w.text(`,"value":`)
		w.point(s.T, s.F)
	}
	w.text("}")
}
