package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/clew-tracing/clew"
)

// Given is a value as a source gave it: its text, and where it stood, for
// errors and for `clew config`.
type Given struct {
	Text string
	// Where is "--retention", "CLEW_RETENTION" or "clew.yaml:3: retention".
	Where string
}

// Sources are the places settings come from.
type Sources struct {
	// Flags holds what was given on the command line, by setting. The setting
	// "config" may be among them: the path of the file.
	Flags map[string]Given
	// Env is the environment, as os.Environ returns it.
	Env []string
	// ReadFile reads the configuration file; nil is os.ReadFile. Files above
	// the limit are refused after reading.
	ReadFile func(path string) ([]byte, error)
}

// Resolved is the outcome of Resolve.
type Resolved struct {
	Config
	// File is the path of the configuration file, "" if there is none.
	File string
	// Origin says where each setting came from; one that is missing has its
	// default.
	Origin map[string]string
}

// Resolve takes every setting from the first source that names it and checks
// the whole. Its errors are of kind Invalid and name flag, variable, or file
// and line, what was wrong and what is wanted.
func Resolve(src Sources) (*Resolved, error) {
	env, err := fromEnv(src.Env)
	if err != nil {
		return nil, err
	}
	r := &Resolved{Config: *defaults(), Origin: map[string]string{}}
	var file map[string]Given
	for _, layer := range []map[string]Given{src.Flags, env} {
		if g, ok := layer[configKey]; ok {
			r.File = g.Text
			if file, err = readFile(src, g); err != nil {
				return nil, err
			}
			break
		}
	}
	for _, s := range Settings() {
		for _, layer := range []map[string]Given{src.Flags, env, file} {
			g, ok := layer[s.Name]
			if !ok {
				continue
			}
			if err := s.field(&r.Config).Set(g.Text); err != nil {
				return nil, badValue(s, g, err)
			}
			r.Origin[s.Name] = g.Where
			break
		}
	}
	r.Server = Text(asURL(string(r.Server), defaultHTTPPort))
	r.OTLPEndpoint = Text(asURL(string(r.OTLPEndpoint), 0))
	return r, r.validate()
}

// asURL completes an address that is written as people say it: without a scheme it
// is http; without a port as well it is defaultPort, where there is one.
func asURL(address string, defaultPort int) string {
	if address == "" || strings.Contains(address, "://") {
		return address
	}
	host, path, _ := strings.Cut(address, "/")
	if name, port, err := net.SplitHostPort(host); err != nil || port == "" {
		if defaultPort == 0 || host == "" {
			return address
		}
		name = cmp.Or(name, strings.Trim(host, "[]"))
		host = net.JoinHostPort(name, strconv.Itoa(defaultPort))
	}
	return strings.TrimSuffix("http://"+host+"/"+path, "/")
}

// configKey is the one setting the file cannot hold: its own path.
const configKey = "config"

func badValue(s Setting, g Given, err error) error {
	if s.Secret {
		return clew.Errorf(clew.Invalid, "%s: %w", g.Where, err)
	}
	return clew.Errorf(clew.Invalid, "%s: %q: %w", g.Where, g.Text, err)
}

func fromEnv(env []string) (map[string]Given, error) {
	known := map[string]string{envPrefix + "CONFIG": configKey}
	for _, s := range Settings() {
		known[s.Env()] = s.Name
	}
	given := map[string]Given{}
	for _, pair := range env {
		name, text, _ := strings.Cut(pair, "=")
		if !strings.HasPrefix(name, envPrefix) {
			continue
		}
		setting, ok := known[name]
		if !ok {
			return nil, clew.Errorf(clew.Invalid, "the environment variable %s is no setting of clew%s", name, suggestVariable(name, keys(known)))
		}
		given[setting] = Given{Text: text, Where: name}
	}
	return given, nil
}

func keys(m map[string]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

func readFile(src Sources, g Given) (map[string]Given, error) {
	read := src.ReadFile
	if read == nil {
		read = os.ReadFile
	}
	where := g.Where
	data, err := read(g.Text)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil, clew.Errorf(clew.Invalid, "%s: there is no file %s", where, g.Text)
	case errors.Is(err, fs.ErrPermission):
		return nil, clew.Errorf(clew.Invalid, "%s: this user may not read %s", where, g.Text)
	case errors.Is(err, syscall.EISDIR):
		return nil, clew.Errorf(clew.Invalid, "%s: %s is a folder; name a file", where, g.Text)
	case err != nil:
		return nil, clew.Errorf(clew.Invalid, "%s: %w", where, err)
	case len(data) > maxFileBytes:
		return nil, clew.Errorf(clew.Invalid, "%s: %s has %d bytes, more than the %d a configuration file may have", where, g.Text, len(data), maxFileBytes)
	}
	return parseFile(g.Text, data)
}

// validate checks what one setting alone cannot know.
func (r *Resolved) validate() error {
	where := func(name string) string {
		if w, ok := r.Origin[name]; ok {
			return w
		}
		return name
	}
	bad := func(name, format string, args ...any) error {
		return clew.Errorf(clew.Invalid, where(name)+": "+format, args...)
	}
	_, hostsGiven := r.Origin["listen"]
	switch {
	case r.Data == "":
		return bad("data", "names no folder; leave it out for ./data")
	case bool(r.ListenAll) && hostsGiven:
		return bad("listen", "cannot go with %s; give one of them", where("listen-all"))
	case len(r.Listen) == 0:
		return bad("listen", "names no host; leave it out for 127.0.0.1 and ::1")
	case r.TLSCert != "" && r.TLSKey == "":
		return bad("tls-cert", "needs tls-key as well")
	case r.TLSKey != "" && r.TLSCert == "":
		return bad("tls-key", "needs tls-cert as well")
	case bool(r.Demo) && len(r.Tokens) > 0:
		return bad("demo", "cannot go with %s: the shop has no token; leave one of them out", where("tokens"))
	case bool(r.Demo) && r.TLSCert != "":
		return bad("demo", "cannot go with %s: the shop does not speak TLS; leave one of them out", where("tls-cert"))
	case bool(r.Demo) && r.OTLPGRPCPort.Off:
		return bad("demo", "needs the OTLP door for gRPC, and %s is off", where("otlp-grpc-port"))
	}
	ports := map[int]string{}
	for _, p := range []struct {
		name string
		port Port
	}{{"http-port", r.HTTPPort}, {"otlp-grpc-port", r.OTLPGRPCPort}, {"otlp-http-port", r.OTLPHTTPPort}} {
		if other := ports[p.port.N]; other != "" && p.port.N != 0 && !p.port.Off {
			return bad(p.name, "%d is the port of %s as well; give each its own", p.port.N, other)
		}
		if !p.port.Off {
			ports[p.port.N] = p.name
		}
	}
	if !isHTTP(string(r.Server)) {
		return bad("server", "%q: want an address such as localhost:4300 or https://clew.example", r.Server)
	}
	if r.OTLPEndpoint != "" && !isHTTP(string(r.OTLPEndpoint)) {
		return bad("otlp-endpoint", "%q: want an address such as localhost:4318 or https://clew.example:4318", r.OTLPEndpoint)
	}
	if _, err := clew.ParseTenant(string(r.Tenant)); err != nil {
		return bad("tenant", "%w", err)
	}
	seen := map[string]bool{}
	for _, t := range r.Tokens {
		if seen[t.Secret] {
			return bad("tokens", "two tokens have the same secret")
		}
		seen[t.Secret] = true
	}
	return r.validateKafka(bad)
}

func isHTTP(address string) bool {
	u, err := url.Parse(address)
	return err == nil && u.Hostname() != "" && (u.Scheme == "http" || u.Scheme == "https")
}

// Change is one setting that differs between two configurations.
type Change struct {
	Setting  Setting
	Old, New string
}

// Changes lists what differs, in the order of the table; secrets are hidden.
func Changes(old, new *Config) []Change {
	var out []Change
	for _, s := range Settings() {
		if s.field(old).String() != s.field(new).String() {
			out = append(out, Change{Setting: s, Old: s.Show(old), New: s.Show(new)})
		}
	}
	return out
}

// unknownKey returns the error for a setting that does not exist, naming the
// nearest one.
func unknownKey(where string) error {
	var names []string
	for _, s := range Settings() {
		names = append(names, s.Name)
	}
	name := where[strings.LastIndexByte(where, ' ')+1:]
	return clew.Errorf(clew.Invalid, "%s is no setting of clew%s", where, suggest(name, names))
}

// suggestVariable is suggest for variables: that they begin alike makes none near.
func suggestVariable(name string, known []string) string {
	rest := make([]string, len(known))
	for i, k := range known {
		rest[i] = strings.TrimPrefix(k, envPrefix)
	}
	if best := Nearest(strings.TrimPrefix(name, envPrefix), rest); best != "" {
		return suggest(envPrefix+best, known)
	}
	return suggest("", nil)
}

func suggest(name string, known []string) string {
	if best := Nearest(name, known); best != "" {
		return fmt.Sprintf("; did you mean %s?", best)
	}
	return "; see docs/reference/config.md"
}
