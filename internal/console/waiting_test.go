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
		want  string // that it begins with; "" is nothing
	}{{900 * time.Millisecond, ""}, {2100 * time.Millisecond, "\r\x1b[K⠼ searching  1.0s\r\x1b[K⠴ searching  1.2s"}} {
		synctest.Test(t, func(t *testing.T) {
			var out strings.Builder
			stop := console.Waiting(&out, "searching")
			time.AfterFunc(c.after, stop)
			synctest.Wait()
			<-time.After(c.after + time.Millisecond)
			synctest.Wait()
			stop() // again
			got := out.String()
			if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" || got != "" && !strings.HasSuffix(got, "2.0s\r\x1b[K") {
				t.Errorf("after %v: %q", c.after, got)
			}
		})
	}
}
