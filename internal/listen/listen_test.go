package listen

import (
	"errors"
	"net"
	"strings"
	"testing"

	"github.com/clew-tracing/clew/internal/config"
)

func TestFreePortIsTheSameOnEveryHost(t *testing.T) {
	d := &Door{Name: "page", Setting: "http-port", Port: config.Port{N: 0}}
	defer Close([]*Door{d})
	if err := Open([]*Door{d}, []string{"127.0.0.1", "::1"}, false, nil); err != nil {
		t.Fatal(err)
	}
	_, first, _ := net.SplitHostPort(d.Addresses()[0])
	for _, a := range d.Addresses() {
		if _, port, _ := net.SplitHostPort(a); port != first || port == "0" {
			t.Errorf("listens on %v, want one port", d.Addresses())
		}
	}
}

func TestTakenPortNamesTheSetting(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	free := &Door{Name: "page", Setting: "http-port", Port: config.Port{N: 0}}
	d := &Door{Name: "otlp-grpc", Setting: "otlp-grpc-port", Port: config.Port{N: taken.Addr().(*net.TCPAddr).Port}}
	err = Open([]*Door{free, d}, []string{"127.0.0.1"}, true, nil)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{taken.Addr().String(), "--otlp-grpc-port", "CLEW_OTLP_GRPC_PORT"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %s", err, want)
		}
	}
	if len(free.Listeners) != 0 {
		t.Error("the door opened before stays open")
	}
}

func TestForeignHostNamesTheSetting(t *testing.T) {
	d := &Door{Name: "page", Setting: "http-port"}
	err := Open([]*Door{d}, []string{"192.0.2.1"}, true, nil)
	if err == nil || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("error %v, want one that names --listen", err)
	}
}

func TestDoorThatIsOff(t *testing.T) {
	d := &Door{Name: "otlp-http", Setting: "otlp-http-port", Port: config.Port{Off: true}}
	if err := Open([]*Door{d}, []string{"127.0.0.1"}, true, nil); err != nil || d.Address() != "" {
		t.Errorf("address %q, %v; want none", d.Address(), err)
	}
}

func TestTakenPortOfASpareDoor(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	spare := &Door{Name: "jaeger", Setting: "jaeger-port", Port: config.Port{N: taken.Addr().(*net.TCPAddr).Port}, Spare: true}
	other := &Door{Name: "page", Setting: "http-port"}
	defer Close([]*Door{spare, other})
	if err := Open([]*Door{spare, other}, []string{"127.0.0.1"}, true, nil); err != nil {
		t.Fatal(err)
	}
	if spare.Address() != "" || spare.Refusal == nil || !strings.Contains(spare.Refusal.Error(), "--jaeger-port") {
		t.Errorf("address %q, %v; want none and an error that names --jaeger-port", spare.Address(), spare.Refusal)
	}
	if other.Address() == "" {
		t.Error("the other door is closed")
	}
}

// TestDatagrams opens a door of datagrams on each host, on one port, which another cannot
// have then; one that was refused before stays closed.
func TestDatagrams(t *testing.T) {
	udp := &Door{Name: "compact", Protocol: "udp", Setting: "jaeger-port", Spare: true}
	barred := &Door{Name: "barred", Protocol: "udp", Setting: "jaeger-port", Spare: true, Refusal: errors.New("no token")}
	defer Close([]*Door{udp, barred})
	if err := Open([]*Door{udp, barred}, []string{"127.0.0.1", "::1"}, false, nil); err != nil {
		t.Fatal(err)
	}
	if len(udp.Datagrams) == 0 || udp.URL(true) == "" || barred.Address() != "" {
		t.Fatalf("%d sockets at %q; the barred one at %q", len(udp.Datagrams), udp.URL(true), barred.Address())
	}
	port := udp.Datagrams[0].LocalAddr().(*net.UDPAddr).Port
	for _, c := range udp.Datagrams {
		if got := c.LocalAddr().(*net.UDPAddr).Port; got != port {
			t.Errorf("port %d beside %d", got, port)
		}
	}
	again := &Door{Name: "again", Protocol: "udp", Setting: "jaeger-port", Port: config.Port{N: port}, Spare: true}
	if err := Open([]*Door{again}, []string{"127.0.0.1"}, true, nil); err != nil || again.Refusal == nil {
		t.Errorf("%v, refusal %v; want a refusal", err, again.Refusal)
	}
	send, err := net.Dial("udp", udp.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer send.Close()
	if _, err := send.Write([]byte("span")); err != nil {
		t.Fatal(err)
	}
	var got [16]byte
	if n, _, err := udp.Datagrams[0].ReadFrom(got[:]); err != nil || string(got[:n]) != "span" {
		t.Errorf("%q, %v; want what was sent", got[:n], err)
	}
}
