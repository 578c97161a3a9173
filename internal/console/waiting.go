package console

import (
	"fmt"
	"io"
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// The moving line of Waiting comes after waitingAfter, so that quick answers have none,
// and moves every waitingEvery.
const (
	waitingAfter = time.Second
	waitingEvery = 200 * time.Millisecond
)

// Waiting shows on a terminal that an answer is awaited, how much of what is to be looked
// at was, once it is known, and for how long already, until stop is called, which removes
// it. Nothing else may write to w meanwhile.
//
//	⠹ searching  42 %  3.4s
type Waiting struct {
	w     io.Writer
	what  string
	share atomic.Uint64 // float64
	over  chan struct{}
	once  sync.Once
	done  sync.WaitGroup
}

// NewWaiting begins to wait for what.
func NewWaiting(w io.Writer, what string) *Waiting {
	out := &Waiting{w: w, what: what, over: make(chan struct{})}
	out.done.Go(out.run)
	return out
}

// Know tells the share of what there is to look at, from 0 to 1, that was looked at.
func (w *Waiting) Know(share float64) { w.share.Store(math.Float64bits(share)) }

// Stop removes what is shown; it may be called again.
func (w *Waiting) Stop() {
	w.once.Do(func() { close(w.over) })
	w.done.Wait()
}

func (w *Waiting) run() {
	began := time.Now()
	tick := time.NewTicker(waitingEvery)
	defer tick.Stop()
	drawn := false
	for i := 0; ; i++ {
		select {
		case <-w.over:
			if drawn {
				fmt.Fprint(w.w, "\r\x1b[K")
			}
			return
		case now := <-tick.C:
			if d := now.Sub(began); d >= waitingAfter {
				drawn = true
				fmt.Fprintf(w.w, "\r\x1b[K%c %s%s  %.1fs", []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")[i%10], w.what, w.percent(), d.Seconds())
			}
		}
	}
}

// percent is how much was looked at, which is not all while there is no answer.
func (w *Waiting) percent() string {
	if share := math.Float64frombits(w.share.Load()); share > 0 {
		return fmt.Sprintf("  %d %%", min(int(100*share), 99))
	}
	return ""
}
