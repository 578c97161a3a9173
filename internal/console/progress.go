package console

import (
	"fmt"
	"io"
	"strings"
	"time"
)

// Progress draws one moving line about a file of spans that is read.
//
//	traces.jsonl  [██████████····················]  34 %  412 MB of 1.21 GB  182000 spans/s  6s left
type Progress struct {
	w     io.Writer // nil draws nothing
	name  string
	size  int64 // 0: not known
	read  func() int64
	began time.Time
	from  int64 // bytes read when it began
	drawn time.Time
}

// progressCells is the width of the bar, progressEvery how often the line moves.
const (
	progressCells = 30
	progressEvery = 200 * time.Millisecond
)

// NewProgress returns the line of a file; w is a terminal, or nil for no line. read tells
// how many bytes were read of size, which is 0 where nobody knows.
func NewProgress(w io.Writer, name string, size int64, read func() int64, now time.Time) *Progress {
	return &Progress{w: w, name: name, size: size, read: read, began: now, from: read()}
}

// Update draws the line if the last time is long enough ago. spans counts those
// of this run.
func (p *Progress) Update(spans int64, now time.Time) {
	if p.w == nil || now.Sub(p.drawn) < progressEvery {
		return
	}
	p.drawn = now
	fmt.Fprintf(p.w, "\r\x1b[K%s", p.line(spans, now))
}

func (p *Progress) line(spans int64, now time.Time) string {
	seconds := max(now.Sub(p.began).Seconds(), 0.001)
	rate := fmt.Sprintf("%.0f spans/s", float64(spans)/seconds)
	if p.size == 0 {
		return fmt.Sprintf("%s  %s  %s", p.name, Bytes(p.read()), rate)
	}
	done := min(float64(p.read())/float64(p.size), 1)
	cells := int(done * progressCells)
	line := fmt.Sprintf("%s  [%s%s] %3.0f %%  %s of %s  %s", p.name, strings.Repeat("█", cells), strings.Repeat("·", progressCells-cells),
		done*100, Bytes(p.read()), Bytes(p.size), rate)
	if perByte := seconds / max(float64(p.read()-p.from), 1); done < 1 {
		left := time.Duration(perByte * float64(p.size-p.read()) * float64(time.Second))
		line += fmt.Sprintf("  %s left", left.Round(time.Second))
	}
	return line
}

// End removes the line.
func (p *Progress) End() {
	if p.w != nil && !p.drawn.IsZero() {
		fmt.Fprint(p.w, "\r\x1b[K")
	}
}
