package xraydoor_test

import (
	"flag"
	"fmt"
	"runtime"
	"testing"
	"time"
)

var (
	burst = flag.Int("burst", 5_000, "segments that TestBurst sends")
	rate  = flag.Int("rate", 5_000, "segments per second that TestBurst sends")
)

// TestBurst sends many segments as fast as an application may: each was received, or dropped
// by the kernel, which says so, and each that was received is stored.
func TestBurst(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("only Linux says what it dropped")
	}
	s := start(t)
	const tick = 5 * time.Millisecond
	began := time.Now()
	for sent := 0; sent < *burst; {
		due := min(*burst, int(time.Since(began).Seconds()*float64(*rate)))
		if due == sent {
			pause(tick)
		}
		for ; sent < due; sent++ {
			s.send(header + fmt.Sprintf(`{"name":"checkout","id":"%016x","trace_id":"1-6b039621-%024x","start_time":1795397153.5%06d,"end_time":1795397154.25,"http":{"request":{"method":"POST","url":"https://shop/checkout"},"response":{"status":200}},"annotations":{"customer_tier":"gold","items":3}}`, sent+1, sent+1, sent%1_000_000))
		}
	}
	took := time.Since(began)
	s.stop() // with all that has come
	d, st := s.udp.Datagrams(), s.udp.Stats()
	stored := s.store.Stats().Accepted
	if d.Received+d.KernelDrops != int64(*burst) || st.Requests != d.Received || st.Accepted != d.Received || stored != st.Accepted || len(st.Errors) > 0 {
		t.Errorf("%d sent, %d received, %d dropped by the kernel, %d taken, %d stored, %v", *burst, d.Received, d.KernelDrops, st.Accepted, stored, st)
	}
	t.Logf("%d sent in %v, %d received, %d dropped by the kernel, %d stored", *burst, took.Round(time.Millisecond), d.Received, d.KernelDrops, stored)
}

// pause waits as a sender does between bursts.
func pause(d time.Duration) {
	wait := time.NewTimer(d)
	<-wait.C
}
