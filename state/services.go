package state

import (
	"sync"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/vfs"
)

// maxServices bounds the services of a tenant that get a number of their own; a
// name that holds an identifier could make any number of them.
const maxServices = 10_000

// Services numbers the services of each tenant in the order of first sight, for
// good: a service has one colour for every viewer, since its colour follows from
// its number. It is safe for concurrent use.
type Services struct {
	fs   vfs.FS
	file string

	mu    sync.Mutex // guards all below; held across Save, which is rare
	names map[clew.Tenant][]string
	index map[clew.Tenant]map[string]int
	err   error
}

// OpenServices loads the registry of a file; a missing one is empty.
func OpenServices(fsys vfs.FS, file string) (*Services, error) {
	s := &Services{fs: fsys, file: file, names: make(map[clew.Tenant][]string), index: make(map[clew.Tenant]map[string]int)}
	if _, err := Load(fsys, file, &s.names); err != nil {
		return nil, err
	}
	for t, names := range s.names {
		s.index[t] = make(map[string]int, len(names))
		for i, n := range names {
			s.index[t][n] = i
		}
	}
	return s, nil
}

// Numbers returns the number of each name, giving new ones to names not seen
// before, in the order given. Beyond maxServices names share the last number.
func (s *Services) Numbers(t clew.Tenant, names []string) []int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.index[t] == nil {
		s.index[t] = make(map[string]int)
	}
	out := make([]int, len(names))
	added := false
	for i, n := range names {
		k, ok := s.index[t][n]
		if !ok && len(s.names[t]) >= maxServices {
			k, ok = maxServices-1, true
		}
		if !ok {
			k = len(s.names[t])
			s.index[t][n] = k
			s.names[t] = append(s.names[t], n)
			added = true
		}
		out[i] = k
	}
	if added {
		s.err = Save(s.fs, s.file, s.names)
	}
	return out
}

// Err returns why the registry could not be saved last time; nil if it was.
func (s *Services) Err() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}
