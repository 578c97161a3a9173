package serve

import (
	"cmp"
	"context"
	"crypto/tls"
	"log/slog"
	"os"
	"strings"
	"sync/atomic"

	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/guard"
	"github.com/clew-tracing/clew/internal/usage"
	"github.com/clew-tracing/clew/pipeline"
)

// reloader takes new values of the settings that a running server can change,
// and names in the log those that it cannot.
type reloader struct {
	log   *slog.Logger
	level *slog.LevelVar
	gate  *guard.Gate
	// certificate is nil without TLS.
	certificate *certificate
	// setLimits gives the store the limits of a configuration.
	setLimits func(*config.Config) error
	// pipeline is what spans are changed by.
	pipeline *pipeline.Holder
	// read resolves the settings anew from the same flags, the variables and
	// the file.
	read    func() (*config.Resolved, error)
	current *config.Resolved
}

// reload reads the settings again. If they are wrong, all stays as it is.
func (r *reloader) reload() {
	next, err := r.read()
	var pair *tls.Certificate
	if err == nil && r.certificate != nil && next.TLSCert != "" {
		pair, err = readCertificate(&next.Config)
	}
	var through *pipeline.Pipeline
	if err == nil {
		through, err = preparePipeline(context.Background(), r.pipeline, &next.Config, r.log)
	}
	var keys config.Keys
	if err == nil && r.current.XRayKeys == next.XRayKeys {
		keys, err = readKeys(next) // which may be others than before
	}
	if err == nil {
		err = r.setLimits(&next.Config)
	}
	if err != nil {
		if through != nil {
			through.Close()
		}
		r.log.Error("settings not reloaded; the old ones hold", "error", err)
		return
	}
	r.pipeline.Use(through)
	tokens := next.Tokens
	r.gate.Set(tokens)
	r.setKeys(keys)
	changes := config.Changes(&r.current.Config, &next.Config)
	// What needs a restart stays different from current, so that the next
	// reload names it again.
	current := *r.current
	current.LogLevel, current.Tokens = next.LogLevel, next.Tokens
	current.Retention, current.MaxDisk = next.Retention, next.MaxDisk
	current.Pipeline = next.Pipeline
	if pair != nil {
		r.certificate.pair.Store(pair)
		current.TLSCert, current.TLSKey = next.TLSCert, next.TLSKey
	}
	r.current = &current
	waiting := map[string]bool{}
	for _, c := range config.Changes(&r.current.Config, &next.Config) {
		waiting[c.Setting.Name] = true
	}
	// What changed is said at the more talkative of both levels.
	r.level.Set(min(r.level.Level(), next.LogLevel.L))
	if pair != nil {
		r.log.Info("certificate read again", "tls_cert", string(next.TLSCert))
	}
	if through != nil {
		r.log.Info("pipeline read again", "pipeline", string(next.Pipeline))
	}
	r.report(changes, waiting)
	r.level.Set(next.LogLevel.L)
}

// readKeys reads the file of access keys; without one there are none.
func readKeys(c *config.Resolved) (config.Keys, error) {
	path := string(c.XRayKeys)
	if path == "" {
		return nil, nil
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, usage.Errorf("xray-keys-file: %w", err)
	}
	keys, err := config.ParseKeys(string(text))
	if err != nil {
		return nil, usage.Errorf("xray-keys-file %s: %w", path, err)
	}
	return keys, nil
}

// setKeys has the signatures of keys that were read verified.
func (r *reloader) setKeys(keys config.Keys) {
	if len(keys) == 0 {
		return // where there is a file, there are keys in it
	}
	r.gate.SetKeys(keys)
	r.log.Info("access keys read", "xray_keys_file", string(r.current.XRayKeys), "keys", len(keys))
}

// report tells what a reload did with each change, and in one line with all.
func (r *reloader) report(changes []config.Change, waiting map[string]bool) {
	var taken, restart []string
	for _, c := range changes {
		if waiting[c.Setting.Name] {
			restart = append(restart, c.Setting.Name)
			r.log.Warn("setting changed, but needs a restart to take effect", "setting", c.Setting.Name, "running", c.Old, "configured", c.New)
		} else {
			taken = append(taken, c.Setting.Name)
			r.log.Info("setting changed", "setting", c.Setting.Name, "old", c.Old, "new", c.New)
		}
	}
	said := []any{"changed", cmp.Or(strings.Join(taken, " "), "nothing")}
	if len(restart) > 0 {
		said = append(said, "needs_restart", strings.Join(restart, " "))
	}
	r.log.Info("settings reloaded", said...)
}

// certificate is the server's, which can be replaced while it is in use.
type certificate struct {
	pair atomic.Pointer[tls.Certificate]
}

// readCertificate reads tls-cert and tls-key.
func readCertificate(settings *config.Config) (*tls.Certificate, error) {
	pair, err := tls.LoadX509KeyPair(string(settings.TLSCert), string(settings.TLSKey))
	if err != nil {
		return nil, usage.Errorf("tls-cert %s, tls-key %s: %w", settings.TLSCert, settings.TLSKey, err)
	}
	return &pair, nil
}

// config is what listeners need.
func (c *certificate) config() *tls.Config {
	return &tls.Config{
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return c.pair.Load(), nil },
		NextProtos:     []string{"h2", "http/1.1"},
		MinVersion:     tls.VersionTLS12,
	}
}
