package redact

import (
	"hash/maphash"
	"sync/atomic"
)

// clean remembers what there was nothing in to take out: most attributes and names are the
// same as others before. It has hashes of 64 bits, with a seed that nobody knows: that one
// text is mistaken for another takes more texts than a server sees in the age of the world.
// It is safe for concurrent use.
type clean struct {
	seed  maphash.Seed
	slots [cleanSlots]atomic.Uint64
}

func newClean() *clean { return &clean{seed: maphash.MakeSeed()} }

// Kinds of things that are remembered; each has hashes of its own.
const (
	cleanPair uint64 = 0
	cleanText uint64 = 0x9e3779b97f4a7c15
)

// hash returns the hash of a thing of a kind; it is not 0.
func (c *clean) hash(b []byte, kind uint64) uint64 { return (maphash.Bytes(c.seed, b) ^ kind) | 1 }

// has reports whether what has that hash is known to have nothing.
func (c *clean) has(hash uint64) bool { return c.slots[hash>>(64-cleanBits)].Load() == hash }

// add says that what has that hash has nothing.
func (c *clean) add(hash uint64) { c.slots[hash>>(64-cleanBits)].Store(hash) }
