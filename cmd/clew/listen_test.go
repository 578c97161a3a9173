package main

import (
	"net"
	"strings"
	"testing"

	"github.com/clew-tracing/clew/internal/config"
)

func TestFreePortIsTheSameOnEveryHost(t *testing.T) {
	d := &door{name: doorPage, setting: "http-port", port: config.Port{N: 0}}
	defer closeDoors([]*door{d})
	if err := openDoors([]*door{d}, []string{"127.0.0.1", "::1"}, false, nil); err != nil {
		t.Fatal(err)
	}
	_, first, _ := net.SplitHostPort(d.addresses()[0])
	for _, a := range d.addresses() {
		if _, port, _ := net.SplitHostPort(a); port != first || port == "0" {
			t.Errorf("listens on %v, want one port", d.addresses())
		}
	}
}

func TestTakenPortNamesTheSetting(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	free := &door{name: doorPage, setting: "http-port", port: config.Port{N: 0}}
	d := &door{name: doorOTLPGRPC, setting: "otlp-grpc-port", port: config.Port{N: taken.Addr().(*net.TCPAddr).Port}}
	err = openDoors([]*door{free, d}, []string{"127.0.0.1"}, true, nil)
	if err == nil {
		t.Fatal("no error")
	}
	for _, want := range []string{taken.Addr().String(), "--otlp-grpc-port", "CLEW_OTLP_GRPC_PORT"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("error %q does not say %s", err, want)
		}
	}
	if len(free.listeners) != 0 {
		t.Error("the door opened before stays open")
	}
}

func TestForeignHostNamesTheSetting(t *testing.T) {
	d := &door{name: doorPage, setting: "http-port"}
	err := openDoors([]*door{d}, []string{"192.0.2.1"}, true, nil)
	if err == nil || !strings.Contains(err.Error(), "--listen") {
		t.Errorf("error %v, want one that names --listen", err)
	}
}

func TestDoorThatIsOff(t *testing.T) {
	d := &door{name: doorOTLPHTTP, setting: "otlp-http-port", port: config.Port{Off: true}}
	if err := openDoors([]*door{d}, []string{"127.0.0.1"}, true, nil); err != nil || d.address() != "" {
		t.Errorf("address %q, %v; want none", d.address(), err)
	}
}
