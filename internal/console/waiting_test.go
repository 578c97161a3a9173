package console_test

import (
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/clew-tracing/clew/internal/console"
)

// TestWaiting shows nothing of what is quick, and removes what it has shown.
func TestWaiting(t *testing.T) {
	for _, c := range []struct {
		after time.Duration
		share float64
		want  string // that it begins with; "" is nothing
	}{
		{900 * time.Millisecond, 0.5, ""},
		{2100 * time.Millisecond, 0, "\r\x1b[K⠼ searching  1.0s\r\x1b[K⠴ searching  1.2s"},
		{2100 * time.Millisecond, 0.426, "\r\x1b[K⠼ searching  42 %  1.0s\r\x1b[K⠴ searching  42 %  1.2s"},
		{2100 * time.Millisecond, 1, "\r\x1b[K⠼ searching  99 %  1.0s"},
	} {
		synctest.Test(t, func(t *testing.T) {
			var out strings.Builder
			waiting := console.NewWaiting(&out, "searching")
			waiting.Know(c.share)
			time.AfterFunc(c.after, waiting.Stop)
			synctest.Wait()
			<-time.After(c.after + time.Millisecond)
			synctest.Wait()
			waiting.Stop() // again
			got := out.String()
			if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" || got != "" && !strings.HasSuffix(got, "2.0s\r\x1b[K") {
				t.Errorf("after %v: %q", c.after, got)
			}
		})
	}
}
