package demo

import (
	"net"
	"syscall"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"
)

// BenchmarkShop runs the shop at 3,000 spans/s for two seconds an iteration and
// reports what one span costs the process, in CPU time, and how near the rate
// was. The endpoint acknowledges without looking, so that nearly all of the cost
// is the shop's.
func BenchmarkShop(b *testing.B) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	blind := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		// To an Empty, every field is an unknown one, kept as it came.
		if err := stream.RecvMsg(new(emptypb.Empty)); err != nil {
			return err
		}
		return stream.SendMsg(new(emptypb.Empty))
	}))
	done := make(chan error, 1)
	go func() { done <- blind.Serve(l) }()
	defer func() { blind.Stop(); <-done }()

	const rate, length = 3000, 2 * time.Second
	b.ReportAllocs()
	var spans int64
	before := cpuTime(b)
	for b.Loop() {
		stats, err := run(b.Context(), Config{Endpoint: l.Addr().String(), Insecure: true, SpansPerSecond: rate, Duration: length}, never())
		if err != nil || stats.Exported != stats.Started {
			b.Fatalf("%+v, %v", stats, err)
		}
		spans += stats.Exported
	}
	used := cpuTime(b) - before
	b.ReportMetric(float64(used.Microseconds())/float64(spans), "cpu-µs/span")
	b.ReportMetric(100*float64(spans)/(float64(b.N)*rate*length.Seconds()), "%-of-rate")
}

// cpuTime is the process's CPU time so far, user and system.
func cpuTime(b *testing.B) time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
