package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/clew-tracing/clew/internal/console"
	"github.com/clew-tracing/clew/internal/otlpfile"
)

// progress draws one moving line on a terminal, and nothing elsewhere.
//
//	traces.jsonl  [██████████····················]  34 %  412 MB of 1.21 GB  182000 spans/s  6s left
type progress struct {
	t     *terminal
	name  string
	src   *otlpfile.Source
	began time.Time
	from  int64 // bytes read when it began
	drawn time.Time
}

const progressCells = 30

func newProgress(t *terminal, name string, src *otlpfile.Source, now time.Time) *progress {
	return &progress{t: t, name: name, src: src, began: now, from: src.ReadBytes()}
}

// update draws the line if the last time is long enough ago. spans counts those
// of this run.
func (p *progress) update(spans int64, now time.Time) {
	if !p.t.errTTY || now.Sub(p.drawn) < progressEvery {
		return
	}
	p.drawn = now
	fmt.Fprintf(p.t.err, "\r\x1b[K%s", p.line(spans, now))
}

func (p *progress) line(spans int64, now time.Time) string {
	seconds := max(now.Sub(p.began).Seconds(), 0.001)
	rate := fmt.Sprintf("%.0f spans/s", float64(spans)/seconds)
	if p.src.SizeBytes == 0 {
		return fmt.Sprintf("%s  %s  %s", p.name, console.Bytes(p.src.ReadBytes()), rate)
	}
	done := min(float64(p.src.ReadBytes())/float64(p.src.SizeBytes), 1)
	cells := int(done * progressCells)
	line := fmt.Sprintf("%s  [%s%s] %3.0f %%  %s of %s  %s", p.name, strings.Repeat("█", cells), strings.Repeat("·", progressCells-cells),
		done*100, console.Bytes(p.src.ReadBytes()), console.Bytes(p.src.SizeBytes), rate)
	if perByte := seconds / max(float64(p.src.ReadBytes()-p.from), 1); done < 1 {
		left := time.Duration(perByte * float64(p.src.SizeBytes-p.src.ReadBytes()) * float64(time.Second))
		line += fmt.Sprintf("  %s left", left.Round(time.Second))
	}
	return line
}

// end removes the line.
func (p *progress) end() {
	if p.t.errTTY && !p.drawn.IsZero() {
		fmt.Fprint(p.t.err, "\r\x1b[K")
	}
}
