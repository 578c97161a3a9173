package v1

import (
	"encoding/base64"

	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/span"
	"github.com/clew-tracing/clew/span/skew"
)

type clocksAnswer struct {
	ETag           string          `json:"etag"`
	Damaged        string          `json:"damaged,omitempty"`
	Clocks         []clockDetail   `json:"clocks"`
	MoreClocks     int             `json:"moreClocks,omitempty"`
	Unmeasured     int             `json:"unmeasuredClocks,omitempty"`
	Calls          int             `json:"calls"`
	Outlived       int             `json:"outlived"`
	Contradictions []contradiction `json:"contradictions"`
	Notes          []string        `json:"notes"`
	Rows           string          `json:"rows,omitempty"`
}

type clockDetail struct {
	Name            string   `json:"name"`
	Services        []string `json:"services"`
	Host            string   `json:"host,omitempty"`
	Spans           int      `json:"spans"`
	AheadAtLeast    *int64   `json:"aheadAtLeastNanos,omitempty"`
	AheadAtMost     *int64   `json:"aheadAtMostNanos,omitempty"`
	Skewed          bool     `json:"skewed"`
	Note            string   `json:"note,omitempty"`
	CorrectionNanos int64    `json:"correctionNanos"`
}

type contradiction struct {
	A       string `json:"a"`
	B       string `json:"b"`
	ByNanos int64  `json:"byNanos"`
}

// clocks answers by how much the clocks of a trace's hosts differ, as far as its spans tell.
func (a *API) clocks(c *call) error {
	if _, err := parameters(c); err != nil {
		return err
	}
	t, err := a.read(c)
	if err != nil {
		return err
	}
	defer t.Free()
	r := skew.Measure(t.Batch)
	out := clocksAnswer{
		ETag: t.print.etag(), Damaged: api.DamageText(&t.Trace), Clocks: []clockDetail{}, MoreClocks: max(len(r.Clocks)-skew.MaxTold, 0),
		Unmeasured: r.Unmeasured, Calls: r.Calls, Outlived: r.Outlived, Contradictions: []contradiction{}, Notes: []string{},
	}
	for i := range r.Clocks[:min(len(r.Clocks), skew.MaxTold)] {
		out.Clocks = append(out.Clocks, clockOf(&r.Clocks[i], r.Clocks[0].Name))
	}
	for _, x := range r.Contradictions[:min(len(r.Contradictions), skew.MaxTold)] {
		out.Contradictions = append(out.Contradictions, contradiction{api.Shown(r.Clocks[x.A].Name), api.Shown(r.Clocks[x.B].Name), x.By})
	}
	for _, note := range r.Notes() {
		out.Notes = append(out.Notes, api.Shown(note))
	}
	if r.Corrects() {
		out.Rows = clockRows(r, a.layout(c.tenant, t))
	}
	writeJSON(c.w, 200, out)
	return nil
}

// clockOf is a clock of those that are told of.
func clockOf(c *skew.Clock, reference string) clockDetail {
	out := clockDetail{Name: api.Shown(c.Name), Services: []string{}, Host: api.Shown(c.Host), Spans: c.Spans, Skewed: c.Skewed(),
		Note: api.Shown(c.Note(reference)), CorrectionNanos: c.Correction}
	for _, s := range c.Services[:min(len(c.Services), skew.MaxTold)] {
		out.Services = append(out.Services, api.Shown(s))
	}
	if c.Ahead.Lo != -skew.Unbounded {
		out.AheadAtLeast = &c.Ahead.Lo
	}
	if c.Ahead.Hi != skew.Unbounded {
		out.AheadAtMost = &c.Ahead.Hi
	}
	return out
}

// noClock stands for a row of a clock that is not told of.
const noClock = 255

// clockRows is a byte for each row of the skeleton, its clock's place in the answer, in base64.
func clockRows(r *skew.Report, l *layout) string {
	rows := make([]byte, len(l.rows))
	for i, row := range l.rows {
		rows[i] = noClock
		if row == span.NoCode {
			continue
		}
		if c := r.Of(int(row)); c >= 0 && c < skew.MaxTold {
			rows[i] = byte(c)
		}
	}
	return base64.StdEncoding.EncodeToString(rows)
}
