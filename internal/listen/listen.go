// Package listen opens what a server listens on: doors, each one port on every host.
package listen

import (
	"cmp"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"strconv"
	"syscall"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/config"
)

// Door is one thing to listen for, on one port of each host.
type Door struct {
	Name     string // as health and metrics say it
	Title    string // for people; "" is Name
	Protocol string // "http", "grpc" or "udp"
	Path     string // behind the address, in its URL
	Setting  string // that moves its port
	Port     config.Port
	// Spare: there are other ways to what it answers, so that a port that somebody else
	// has is no reason not to start.
	Spare bool

	Listeners []net.Listener   // none where it is off
	Datagrams []net.PacketConn // the same for udp
	// Refusal is why a spare one has neither. One that has a refusal before it is opened
	// stays closed.
	Refusal error
}

// Open listens for all doors, or for none: an error closes those that were opened. A
// spare door whose port is taken stays closed instead. hostsGiven says that the hosts
// were chosen by somebody, so that one this machine does not have is an error; by
// default a machine without IPv6 is served on 127.0.0.1 alone.
func Open(doors []*Door, hosts []string, hostsGiven bool, certificate *tls.Config) error {
	for _, d := range doors {
		if d.Port.Off || d.Refusal != nil {
			continue
		}
		err := d.open(hosts, hostsGiven)
		if d.Spare && errors.Is(err, syscall.EADDRINUSE) {
			d.Refusal = err
			continue
		}
		if err != nil {
			Close(doors)
			return err
		}
		if certificate != nil {
			for i, l := range d.Listeners {
				d.Listeners[i] = tls.NewListener(l, certificate)
			}
		}
	}
	return nil
}

// Close closes doors.
func Close(doors []*Door) {
	for _, d := range doors {
		for _, l := range d.Listeners {
			_ = l.Close() // nobody waits for it
		}
		for _, c := range d.Datagrams {
			_ = c.Close()
		}
		d.Listeners, d.Datagrams = nil, nil
	}
}

// freePortTries is how often a free port is looked for that is free on every
// host: the system chooses it on the first, and another may have it there.
const freePortTries = 20

func (d *Door) open(hosts []string, hostsGiven bool) error {
	for try := 1; ; try++ {
		err := d.openOn(hosts, hostsGiven, d.Port.N)
		if err == nil || d.Port.N != 0 || try == freePortTries || !errors.Is(err, syscall.EADDRINUSE) {
			return err
		}
	}
}

func (d *Door) openOn(hosts []string, hostsGiven bool, port int) error {
	for _, host := range hosts {
		got, err := d.listen(net.JoinHostPort(host, strconv.Itoa(port)))
		switch {
		case err == nil:
			port = got
		case !hostsGiven && len(d.Addresses()) > 0 && noSuchAddress(err):
			// No IPv6 here, and nobody asked for it.
		default:
			Close([]*Door{d})
			return d.refused(host, port, err)
		}
	}
	return nil
}

// listen listens at one address more and returns its port.
func (d *Door) listen(address string) (port int, err error) {
	if d.Protocol == "udp" {
		c, err := net.ListenPacket("udp", address)
		if err != nil {
			return 0, err
		}
		d.Datagrams = append(d.Datagrams, c)
		return c.LocalAddr().(*net.UDPAddr).Port, nil
	}
	l, err := net.Listen("tcp", address)
	if err != nil {
		return 0, err
	}
	d.Listeners = append(d.Listeners, l)
	return l.Addr().(*net.TCPAddr).Port, nil
}

func noSuchAddress(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
}

// refused words why a door could not be opened and which setting mends it.
func (d *Door) refused(host string, port int, err error) error {
	s, _ := config.Lookup(d.Setting)
	address := net.JoinHostPort(host, strconv.Itoa(port))
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return clew.Errorf(clew.Invalid, "port %d (%s) is taken by another program: stop it, or choose another port with --%s (%s)%w", port, address, s.Name, s.Env(), hidden{err})
	case errors.Is(err, syscall.EACCES):
		return clew.Errorf(clew.Invalid, "port %d (%s) needs rights this user does not have: choose another with --%s (%s)%w", port, address, s.Name, s.Env(), hidden{err})
	case noSuchAddress(err):
		return clew.Errorf(clew.Invalid, "this machine has no address %s: choose others with --listen (CLEW_LISTEN)%w", host, hidden{err})
	case errors.As(err, new(*net.DNSError)):
		return clew.Errorf(clew.Invalid, "%s is no host that can be found: name addresses of this machine with --listen (CLEW_LISTEN)%w", host, hidden{err})
	}
	return fmt.Errorf("listen on %s for %s (--%s, --listen): %w", address, d.Name, s.Name, err)
}

// Addresses returns where the door listens, as host:port.
func (d *Door) Addresses() []string {
	var out []string
	for _, l := range d.Listeners {
		out = append(out, l.Addr().String())
	}
	for _, c := range d.Datagrams {
		out = append(out, c.LocalAddr().String())
	}
	return out
}

// Address is the first of Addresses, "" where the door is off.
func (d *Door) Address() string {
	if at := d.Addresses(); len(at) > 0 {
		return at[0]
	}
	return ""
}

// URL is where clients reach the door: a URL, or host:port for gRPC and datagrams; ""
// where it is off.
func (d *Door) URL(tls bool) string {
	at := d.Address()
	if at == "" {
		return ""
	}
	at = hostName(at)
	if d.Protocol == "grpc" || d.Protocol == "udp" {
		return at
	}
	scheme := "http"
	if tls {
		scheme = "https"
	}
	return scheme + "://" + at + d.Path
}

// ForPeople is what people call the door.
func (d *Door) ForPeople() string { return cmp.Or(d.Title, d.Name) }

// hostName writes the loopback address, and that of all interfaces, as
// localhost, which is what people type.
func hostName(address string) string {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	if ip := net.ParseIP(host); ip != nil && (ip.IsLoopback() || ip.IsUnspecified()) {
		host = "localhost"
	}
	return net.JoinHostPort(host, port)
}

// WriteAddresses writes the addresses of all open doors to path as JSON,
// {"page": ["127.0.0.1:4300", …], …}. The file appears whole or not at all, so
// that who waits for it may read it as soon as it is there.
func WriteAddresses(path string, doors []*Door) error {
	out := map[string][]string{}
	for _, d := range doors {
		if a := d.Addresses(); len(a) > 0 {
			out[d.Name] = a
		}
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	err = os.WriteFile(path+".new", append(text, '\n'), 0o644)
	if err == nil {
		err = os.Rename(path+".new", path)
	}
	if err != nil {
		return fmt.Errorf("--addresses-file: %s cannot be written: %w", path, bareFileError(err))
	}
	return nil
}

// bareFileError is err without the path that it is about, which is said before it.
func bareFileError(err error) error {
	var at *fs.PathError
	if errors.As(err, &at) {
		return at.Err
	}
	return err
}

// hidden is an error that can be asked for and is not read.
type hidden struct{ error }

func (hidden) Error() string   { return "" }
func (h hidden) Unwrap() error { return h.error }
