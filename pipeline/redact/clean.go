package redact

import (
	"math/rand/v2"
	"sync/atomic"

	"github.com/zeebo/xxh3"
)

// clean remembers attributes in which there was nothing to take out: most of those that
// come are the same as others before. It has their bytes, so that no two are mistaken for
// each other. One is kept when it comes for the second time, or nearly: values that come
// but once cost no memory. It is safe for concurrent use.
type clean struct {
	seed  uint64
	seen  [cleanSlots]atomic.Uint32 // a part of the hash of what came last
	slots [cleanSlots]atomic.Pointer[string]
}

func newClean() *clean { return &clean{seed: rand.Uint64()} }

// hash returns the hash of an attribute.
func (c *clean) hash(pair []byte) uint64 { return xxh3.HashSeed(pair, c.seed) }

// has reports whether an attribute is known to have nothing.
func (c *clean) has(pair []byte, hash uint64) bool {
	s := c.slots[hash%cleanSlots].Load()
	return s != nil && *s == string(pair)
}

// add says that an attribute has nothing.
func (c *clean) add(pair []byte, hash uint64) {
	i := hash % cleanSlots
	if c.seen[i].Swap(uint32(hash>>32)) != uint32(hash>>32) {
		return
	}
	s := string(pair)
	c.slots[i].Store(&s)
}
