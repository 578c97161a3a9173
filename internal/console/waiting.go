package console

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// The moving line of Waiting comes after waitingAfter, so that quick answers have none,
// and moves every waitingEvery.
const (
	waitingAfter = time.Second
	waitingEvery = 200 * time.Millisecond
)

// Waiting shows on a terminal that an answer is awaited, and for how long already, until
// stop is called, which removes it. Nothing else may write to w meanwhile.
//
//	⠹ searching  3.4s
func Waiting(w io.Writer, what string) (stop func()) {
	var done sync.WaitGroup
	over := make(chan struct{})
	done.Go(func() {
		began := time.Now()
		tick := time.NewTicker(waitingEvery)
		defer tick.Stop()
		drawn := false
		for i := 0; ; i++ {
			select {
			case <-over:
				if drawn {
					fmt.Fprint(w, "\r\x1b[K")
				}
				return
			case now := <-tick.C:
				if d := now.Sub(began); d >= waitingAfter {
					drawn = true
					fmt.Fprintf(w, "\r\x1b[K%c %s  %.1fs", []rune("⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏")[i%10], what, d.Seconds())
				}
			}
		}
	})
	return sync.OnceFunc(func() {
		close(over)
		done.Wait()
	})
}
