package main

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"path"
	"sync"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/vfs"
)

// registry numbers the services of each tenant in the order in which they were
// first asked for, for ever: the page colours them by it, so that a service has
// one colour for every viewer. It is a file in the store's folder. It is safe
// for concurrent use.
type registry struct {
	fs   vfs.FS
	file string
	log  *slog.Logger

	mu    sync.Mutex // guards names and index; held while the file is written
	names map[clew.Tenant][]string
	index map[clew.Tenant]map[string]int
}

const (
	// registryName is the file within the store's folder.
	registryName = "services.json"
	// registryVersion is the form of the file; another is refused by name.
	registryVersion = 1
	// maxRegistryBytes bounds the file: 100,000 services of 100 bytes.
	maxRegistryBytes = 16 << 20
	// maxRegistered bounds the numbers of one tenant. Services beyond share the
	// numbers of others, by a hash: they are colours, not data.
	maxRegistered = 10_000
)

// registryFile is the form of the file.
type registryFile struct {
	Version  int                      `json:"version"`
	Services map[clew.Tenant][]string `json:"services"`
}

// openRegistry reads the registry in dir, which may not have one yet.
func openRegistry(fs vfs.FS, dir string, log *slog.Logger) (*registry, error) {
	r := &registry{fs: fs, file: path.Join(dir, registryName), log: log, names: map[clew.Tenant][]string{}, index: map[clew.Tenant]map[string]int{}}
	if _, err := fs.Stat(r.file); err != nil {
		return r, nil // none yet, or the next write says what is wrong
	}
	text, err := vfs.ReadFile(fs, r.file, maxRegistryBytes)
	if err != nil {
		return nil, err
	}
	var f registryFile
	if err := json.Unmarshal(text, &f); err != nil {
		return nil, clew.Corruptf(r.file, 0, "%w; it holds only the colours of services: remove it to go on", err)
	}
	if f.Version != registryVersion {
		return nil, clew.Errorf(clew.Unsupported, "%s has version %d; this clew understands %d", r.file, f.Version, registryVersion)
	}
	for t, names := range f.Services {
		for _, name := range names {
			r.add(t, name)
		}
	}
	return r, nil
}

// add gives a service the next number of its tenant.
func (r *registry) add(t clew.Tenant, name string) int {
	if r.index[t] == nil {
		r.index[t] = map[string]int{}
	}
	n := len(r.names[t])
	r.names[t] = append(r.names[t], name)
	r.index[t][name] = n
	return n
}

// numbers returns the numbers of services of a tenant, in their order.
func (r *registry) numbers(t clew.Tenant, services []string) []int {
	r.mu.Lock()
	defer r.mu.Unlock()
	out := make([]int, len(services))
	grown := false
	for i, name := range services {
		n, known := r.index[t][name]
		switch {
		case known:
		case len(r.names[t]) < maxRegistered:
			n, grown = r.add(t, name), true
		default:
			n = int(serviceHash(name) % maxRegistered)
		}
		out[i] = n
	}
	if grown {
		if err := r.save(); err != nil {
			r.log.Warn("the services' numbers are not kept", "error", err)
		}
	}
	return out
}

func (r *registry) save() error {
	text, err := json.Marshal(registryFile{registryVersion, r.names})
	if err != nil {
		return fmt.Errorf("%s: %w", r.file, err)
	}
	return vfs.Replace(r.fs, r.file, append(text, '\n'))
}
