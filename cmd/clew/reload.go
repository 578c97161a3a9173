package main

import (
	"crypto/tls"
	"log/slog"
	"sync/atomic"

	"github.com/clew-tracing/clew/internal/config"
)

// reloader takes new values of the settings that a running server can change,
// and names in the log those that it cannot.
type reloader struct {
	log   *slog.Logger
	level *slog.LevelVar
	gate  *gate
	// certificate is nil without TLS.
	certificate *certificate
	// read resolves the settings anew from the same flags, the variables and
	// the file.
	read    func() (*config.Resolved, error)
	current *config.Resolved
}

// reload reads the settings again. If they are wrong, all stays as it is.
func (r *reloader) reload() {
	next, err := r.read()
	if err != nil {
		r.log.Error("settings not reloaded; the old ones hold", "error", err)
		return
	}
	if r.certificate != nil && next.TLSCert != "" {
		if err := r.certificate.load(&next.Config); err != nil {
			r.log.Error("settings not reloaded; the old ones hold", "error", err)
			return
		}
	}
	changes := config.Changes(&r.current.Config, &next.Config)
	r.level.Set(next.LogLevel.L)
	tokens := next.Tokens
	r.gate.tokens.Store(&tokens)
	// What needs a restart stays different from current, so that the next
	// reload names it again.
	current := *r.current
	current.LogLevel, current.Tokens = next.LogLevel, next.Tokens
	r.current = &current
	for _, c := range changes {
		if c.Setting.Reloadable {
			r.log.Info("setting changed", "setting", c.Setting.Name, "old", c.Old, "new", c.New)
		} else {
			r.log.Warn("setting changed, but needs a restart to take effect", "setting", c.Setting.Name, "running", c.Old, "configured", c.New)
		}
	}
	r.log.Info("settings reloaded", "changed", len(changes))
}

// certificate is the server's, which can be replaced while it is in use.
type certificate struct {
	pair atomic.Pointer[tls.Certificate]
}

// load reads tls-cert and tls-key.
func (c *certificate) load(settings *config.Config) error {
	pair, err := tls.LoadX509KeyPair(string(settings.TLSCert), string(settings.TLSKey))
	if err != nil {
		return usagef("tls-cert %s, tls-key %s: %w", settings.TLSCert, settings.TLSKey, err)
	}
	c.pair.Store(&pair)
	return nil
}

// config is what listeners need.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.pair.Load(), nil },
		NextProtos:     []string{"h2", "http/1.1"},
		MinVersion:     tls.VersionTLS12,
	}
}
