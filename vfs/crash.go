package vfs

import (
	"maps"
	"math/rand/v2"
)

// Keep says what of the unsynced bytes and names a power cut leaves.
type Keep uint8

// What a power cut leaves.
const (
	// KeepNone loses all that was not synced.
	KeepNone Keep = iota
	// KeepAll loses nothing, as kill -9 does.
	KeepAll
	// KeepRandom keeps a random part, as CrashOptions says.
	KeepRandom
)

// CrashOptions says how cruel a power cut is. Tear and Reorder matter only with
// KeepRandom; without them each file keeps a random number of its unsynced
// writes, whole and in order, and each directory of its changes.
type CrashOptions struct {
	Keep Keep
	// Tear cuts the first lost write of a file at a sector; what was to follow
	// may be missing, zeros, noise or stale bytes of the same file.
	Tear bool
	// Reorder keeps later writes without earlier ones, whose place is filled
	// likewise, and later changes of a directory without earlier ones.
	Reorder bool
}

// CrashClone returns one disk that a power cut at this moment could leave, drawn
// from rng: equal seeds and equal histories give equal disks. What is on it is
// durable. m stays as it is; the two share no state, and may be used at once.
//
// Every synced byte of every file whose name was synced is there, always.
func (m *Mem) CrashClone(rng *rand.Rand, opts CrashOptions) *Mem {
	m.mu.Lock()
	defer m.mu.Unlock()
	c := crash{rng: rng, opts: opts, done: map[*memNode]*memNode{}}
	clone := NewMem()
	clone.root = c.node(m.root)
	clone.capacityBytes = m.capacityBytes
	return clone
}

// crash is one power cut. done maps a node to what is left of it, as a node may
// have two names.
type crash struct {
	rng  *rand.Rand
	opts CrashOptions
	done map[*memNode]*memNode
}

func (c *crash) node(n *memNode) *memNode {
	if left := c.done[n]; left != nil {
		return left
	}
	left := &memNode{isDir: n.isDir, modTime: n.modTime}
	c.done[n] = left
	if !n.isDir {
		left.data = c.bytes(n)
		left.syncedLen = len(left.data)
		return left
	}
	names := c.names(n)
	left.entries = make(map[string]*memNode, len(names))
	for _, name := range sortedNames(names) {
		left.entries[name] = c.node(names[name])
	}
	left.synced = maps.Clone(left.entries)
	return left
}

// names returns what is left of a directory.
func (c *crash) names(d *memNode) map[string]*memNode {
	switch c.opts.Keep {
	case KeepNone:
		return d.synced
	case KeepAll:
		return d.entries
	}
	left := maps.Clone(d.synced)
	if c.opts.Reorder {
		for _, change := range d.changes {
			if c.coin() {
				applyChange(left, change)
			}
		}
		return left
	}
	for _, change := range d.changes[:c.rng.IntN(len(d.changes)+1)] {
		applyChange(left, change)
	}
	return left
}

func applyChange(entries map[string]*memNode, c memChange) {
	if c.unlink != "" {
		delete(entries, c.unlink)
	}
	if c.link != "" {
		entries[c.link] = c.node
	}
}

func (c *crash) coin() bool { return c.rng.IntN(2) == 0 }

// bytes returns what is left of a file. Whole prefixes share the memory of the
// file, capped: a file only grows, so nobody writes there again.
func (c *crash) bytes(f *memNode) []byte {
	switch {
	case c.opts.Keep == KeepNone || len(f.writeEnds) == 0:
		return f.data[:f.syncedLen:f.syncedLen]
	case c.opts.Keep == KeepAll:
		return f.data[:len(f.data):len(f.data)]
	case c.opts.Reorder:
		return c.reordered(f)
	}
	whole := c.rng.IntN(len(f.writeEnds) + 1)
	end := f.syncedLen
	if whole > 0 {
		end = f.writeEnds[whole-1]
	}
	if whole == len(f.writeEnds) || !c.opts.Tear {
		return f.data[:end:end]
	}
	return c.torn(f, end, f.writeEnds[whole])
}

// torn keeps f up to a sector's end within the write [start, end), and perhaps
// the size, but not the bytes, of more.
func (c *crash) torn(f *memNode, start, end int) []byte {
	cut := max(start, (start+c.rng.IntN(end-start+1))/sectorBytes*sectorBytes)
	size := cut
	if c.coin() {
		size += c.rng.IntN(end - cut + 1)
	}
	left := make([]byte, size)
	copy(left, f.data[:cut])
	c.fill(left, cut, size)
	return left
}

// reordered keeps each unsynced write or not, whatever came before it; with Tear
// it keeps each sector of a lost write or not.
func (c *crash) reordered(f *memNode) []byte {
	left := make([]byte, len(f.data))
	copy(left, f.data[:f.syncedLen])
	size, start := f.syncedLen, f.syncedLen
	for _, end := range f.writeEnds {
		kept := c.coin()
		for start < end {
			stop := end
			if !kept && c.opts.Tear {
				stop = min(end, (start/sectorBytes+1)*sectorBytes)
			}
			switch {
			case kept || c.opts.Tear && c.coin():
				copy(left[start:stop], f.data[start:stop])
				size = stop
			default:
				c.fill(left, start, stop)
			}
			start = stop
		}
	}
	size += c.rng.IntN(len(left) - size + 1) // the size may have been kept, not the bytes
	return left[:size:size]
}

// fill puts into b[from:to] what a disk shows where a write was lost: zeros,
// noise, or bytes that were once written elsewhere.
func (c *crash) fill(b []byte, from, to int) {
	if from >= to {
		return
	}
	switch c.rng.IntN(3) {
	case 0:
		clear(b[from:to])
	case 1:
		for i := from; i < to; i++ {
			b[i] = byte(c.rng.Uint32())
		}
	case 2:
		clear(b[from:to])
		if from > 0 {
			copy(b[from:to], b[c.rng.IntN(from):from])
		}
	}
}
