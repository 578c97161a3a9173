package main

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strconv"
	"syscall"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/config"
)

// The names of what a server listens for, as health and metrics say them.
const (
	doorPage     = "page"
	doorOTLPGRPC = "otlp-grpc"
	doorOTLPHTTP = "otlp-http"
)

// door is one thing to listen for, on one port of each host.
type door struct {
	name     string
	protocol string // "http" or "grpc"
	setting  string // that moves its port
	port     config.Port

	listeners []net.Listener // none where it is off
}

// serverDoors are the doors of the settings, not opened yet.
func serverDoors(c *config.Config) []*door {
	return []*door{
		{name: doorPage, protocol: "http", setting: "http-port", port: c.HTTPPort},
		{name: doorOTLPGRPC, protocol: "grpc", setting: "otlp-grpc-port", port: c.OTLPGRPCPort},
		{name: doorOTLPHTTP, protocol: "http", setting: "otlp-http-port", port: c.OTLPHTTPPort},
	}
}

// openDoors listens for all doors, or for none: an error closes those that were
// opened. hostsGiven says that the hosts were chosen by somebody, so that one
// this machine does not have is an error; by default a machine without IPv6 is
// served on 127.0.0.1 alone.
func openDoors(doors []*door, hosts []string, hostsGiven bool, certificate *tls.Config) error {
	for _, d := range doors {
		if d.port.Off {
			continue
		}
		if err := d.open(hosts, hostsGiven); err != nil {
			closeDoors(doors)
			return err
		}
		if certificate != nil {
			for i, l := range d.listeners {
				d.listeners[i] = tls.NewListener(l, certificate)
			}
		}
	}
	return nil
}

func closeDoors(doors []*door) {
	for _, d := range doors {
		for _, l := range d.listeners {
			_ = l.Close() // nobody waits for it
		}
		d.listeners = nil
	}
}

// freePortTries is how often a free port is looked for that is free on every
// host: the system chooses it on the first, and another may have it there.
const freePortTries = 20

func (d *door) open(hosts []string, hostsGiven bool) error {
	for try := 1; ; try++ {
		err := d.openOn(hosts, hostsGiven, d.port.N)
		if err == nil || d.port.N != 0 || try == freePortTries || !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
}

func (d *door) openOn(hosts []string, hostsGiven bool, port int) error {
	for _, host := range hosts {
		l, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(port)))
		switch {
		case err == nil:
			d.listeners = append(d.listeners, l)
			port = l.Addr().(*net.TCPAddr).Port
		case !hostsGiven && len(d.listeners) > 0 && noSuchAddress(err):
			// No IPv6 here, and nobody asked for it.
		default:
			closeDoors([]*door{d})
			return d.refused(host, port, err)
		}
	}
	return nil
}

func noSuchAddress(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
}

// refused words why a door could not be opened and which setting mends it.
func (d *door) refused(host string, port int, err error) error {
	s, _ := config.Lookup(d.setting)
	address := net.JoinHostPort(host, strconv.Itoa(port))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return clew.Errorf(clew.Invalid, "port %d (%s) is taken by another program: stop it, or choose another port with --%s (%s)%w", port, address, s.Name, s.Env(), quietly(err))
	case errors.Is(err, syscall.EACCES):
		return clew.Errorf(clew.Invalid, "port %d (%s) needs rights this user does not have: choose another with --%s (%s)%w", port, address, s.Name, s.Env(), quietly(err))
	case noSuchAddress(err):
		return clew.Errorf(clew.Invalid, "this machine has no address %s: choose others with --listen (CLEW_LISTEN)%w", host, quietly(err))
	case errors.As(err, new(*net.DNSError)):
		return clew.Errorf(clew.Invalid, "%s is no host that can be found: name addresses of this machine with --listen (CLEW_LISTEN)%w", host, quietly(err))
	}
	return fmt.Errorf("listen on %s for %s (--%s, --listen): %w", address, d.name, s.Name, err)
}

// addresses returns where the door listens, as host:port.
func (d *door) addresses() []string {
	var out []string
	for _, l := range d.listeners {
		out = append(out, l.Addr().String())
	}
	return out
}

// address is the first of addresses, "" where the door is off.
func (d *door) address() string {
	if len(d.listeners) == 0 {
		return ""
	}
	return d.listeners[0].Addr().String()
}

// listenHosts returns the hosts to listen on; the empty host is every interface.
func listenHosts(c *config.Config) []string {
	if c.ListenAll {
		return []string{""}
	}
	return c.Listen
}
