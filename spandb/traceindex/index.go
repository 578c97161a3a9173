package traceindex

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"math/bits"
	"path"
	"slices"
	"strconv"
	"strings"
	"sync"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/vfs"
)

// Trace is a trace of a segment, in one of its blocks.
type Trace struct {
	ID    clew.TraceID
	Block int
}

// An Index is the packs of a store. It is safe for concurrent use. Errors of its own
// files are no errors of the store: they are told, and what the file knew is not
// covered any more.
type Index struct {
	fs      vfs.FS
	dir     string
	trouble func(error) // called without locks

	writing sync.Mutex // held by the one who writes a file

	mu        sync.Mutex // guards all below; never held across I/O
	packs     []*pack    // files, oldest first, then those in memory
	files     int        // of packs
	owners    map[Segment]*pack
	uncovered map[Segment]bool // listed segments that no pack answers for
	number    uint64           // of the last file
	closed    bool
}

const (
	packSuffix = ".idx"
	tmpSuffix  = ".tmp"
)

func (x *Index) name(number uint64) string {
	return path.Join(x.dir, fmt.Sprintf("%08d%s", number, packSuffix))
}

func parseName(name string) (number uint64, ok bool) {
	digits, ok := strings.CutSuffix(name, packSuffix)
	if !ok || len(digits) < 8 {
		return 0, false
	}
	number, err := strconv.ParseUint(digits, 10, 64)
	return number, err == nil
}

// Open reads the directories of the files in dir. They count for those segments that
// the store lists; files that count for none are removed, and so are those that
// cannot be read. trouble is told what was wrong with a file, now and later.
func Open(filesystem vfs.FS, dir string, listed []Segment, trouble func(error)) *Index {
	x := &Index{fs: filesystem, dir: dir, trouble: trouble, owners: make(map[Segment]*pack), uncovered: make(map[Segment]bool)}
	for _, s := range listed {
		x.uncovered[s] = true
	}
	names, err := filesystem.List(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		trouble(err)
	}
	for _, n := range names {
		number, ok := parseName(n)
		if !ok {
			if strings.HasSuffix(n, tmpSuffix) {
				x.remove(path.Join(dir, n))
			}
			continue
		}
		x.number = max(x.number, number)
		p, err := openFile(filesystem, x.name(number))
		if err != nil {
			trouble(err)
			x.remove(x.name(number))
			continue
		}
		if x.own(p, x.lists); p.live == 0 {
			p.release()
			x.remove(x.name(number))
			continue
		}
		x.packs = append(x.packs, p)
	}
	x.files = len(x.packs)
	return x
}

func openFile(filesystem vfs.FS, name string) (*pack, error) {
	f, err := filesystem.Open(name)
	if err != nil {
		return nil, err
	}
	size, err := f.Size()
	if err != nil {
		f.Close()
		return nil, err
	}
	p, err := openPack(f, size, name)
	if err != nil {
		f.Close()
		return nil, err
	}
	p.own = f
	return p, nil
}

// own makes p answer for its segments that want says. x.mu is held, or nobody else
// has x.
func (x *Index) own(p *pack, want func(Segment) bool) {
	for _, s := range p.segments {
		if want(s.Segment) {
			x.disown(s.Segment)
			x.owners[s.Segment] = p
			delete(x.uncovered, s.Segment)
			p.live++
		}
	}
}

// lists reports whether the store lists a segment. x.mu is held, or nobody else has x.
func (x *Index) lists(s Segment) bool { return x.uncovered[s] || x.owners[s] != nil }

// listed is lists, for whoever does not hold x.mu.
func (x *Index) listed(s Segment) bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.lists(s)
}

// disown has nobody answer for a segment, and returns who did. x.mu is held.
func (x *Index) disown(s Segment) *pack {
	p := x.owners[s]
	if p != nil {
		p.live--
		delete(x.owners, s)
	}
	return p
}

func (x *Index) remove(name string) {
	if err := x.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		x.trouble(err)
	}
}

// SizeBytes returns the size of all files.
func (x *Index) SizeBytes() (sum int64) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, p := range x.packs[:x.files] {
		sum += p.size
	}
	return sum
}

// Uncovered returns the listed segments that the index does not answer for.
func (x *Index) Uncovered() []Segment {
	x.mu.Lock()
	defer x.mu.Unlock()
	return slices.Collect(maps.Keys(x.uncovered))
}

// List makes a segment known: until it is added, Find says that it may have any
// trace.
func (x *Index) List(s Segment) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.owners[s] == nil {
		x.uncovered[s] = true
	}
}

// Add lists a segment and covers it: it has these traces. While too many segments
// wait for a file that cannot be written, it is not covered.
func (x *Index) Add(s Segment, traces []Trace) {
	blocks := 0
	entries := make([]entry, len(traces))
	for i, t := range traces {
		blocks = max(blocks, t.Block)
		entries[i] = entry(prefixOf(t.ID))<<32 | entry(t.Block)
	}
	slices.Sort(entries)
	var b bytes.Buffer
	w := newWriter(&b, []packSegment{{s, len(traces)}}, bits.Len(uint(blocks)))
	for _, e := range entries {
		w.add(e)
	}
	err := w.finish()
	var p *pack
	if err == nil {
		p, err = openPack(bytes.NewReader(b.Bytes()), int64(b.Len()), "index in memory")
	}
	if err != nil {
		x.trouble(err)
		x.List(s)
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if len(x.packs)-x.files >= maxLoose {
		x.uncovered[s] = true
		return
	}
	x.packs = append(slices.Clip(x.packs), p) // those who hold the slice keep theirs
	x.own(p, func(Segment) bool { return true })
}

// Doubt has a listed segment count as not covered: what the index said of it was not
// so.
func (x *Index) Doubt(s Segment) {
	if x.listed(s) {
		x.Remove(s)
		x.List(s)
	}
}

// Remove forgets a segment that nobody will ask for again. A file that covers no
// other goes too.
func (x *Index) Remove(s Segment) {
	x.mu.Lock()
	delete(x.uncovered, s)
	p := x.disown(s)
	last := p != nil && p.live == 0
	if last {
		x.unlist(p)
	}
	x.mu.Unlock()
	if last {
		x.drop(p)
	}
}

// unlist takes a pack out of the list. x.mu is held.
func (x *Index) unlist(p *pack) {
	i := slices.Index(x.packs, p)
	if i < 0 {
		return
	}
	x.packs = slices.Delete(slices.Clone(x.packs), i, i+1)
	if i < x.files {
		x.files--
	}
}

// drop closes a pack that is not listed any more, once nobody reads it, and removes
// its file.
func (x *Index) drop(p *pack) {
	p.release()
	if p.own != nil {
		x.remove(p.file)
	}
}

// take acquires all packs; unknown are listed segments that they cannot tell of.
func (x *Index) take() (packs []*pack, unknown []Segment) {
	x.mu.Lock()
	defer x.mu.Unlock()
	for _, p := range x.packs {
		p.acquire()
	}
	if len(x.uncovered) > 0 {
		unknown = slices.Collect(maps.Keys(x.uncovered))
	}
	if x.closed {
		unknown = slices.AppendSeq(unknown, maps.Keys(x.owners))
	}
	return x.packs, unknown
}

// Find appends the blocks that may have a trace, of all segments that are covered:
// what a pack knows of one that is not listed, whose id another may have by now, is
// left out.
// unknown are listed segments that it cannot tell of: they may have any trace. A file
// that turns out to be damaged is given up.
func (x *Index) Find(dst []Place, id clew.TraceID) (places []Place, unknown []Segment) {
	packs, unknown := x.take()
	prefix := prefixOf(id)
	for _, p := range packs {
		known := len(dst)
		var err error
		if dst, err = p.find(dst, prefix, x.listed); err != nil {
			dst = dst[:known]
			for _, s := range p.segments {
				unknown = append(unknown, s.Segment)
			}
			x.giveUp(p, err)
		}
		p.release()
	}
	return dst, unknown
}

// giveUp drops a damaged pack.
func (x *Index) giveUp(p *pack, err error) {
	x.mu.Lock()
	listed := slices.Contains(x.packs, p)
	for _, s := range p.segments {
		if x.owners[s.Segment] == p {
			x.disown(s.Segment)
			x.uncovered[s.Segment] = true
		}
	}
	x.unlist(p)
	x.mu.Unlock()
	if listed {
		x.trouble(err)
		x.drop(p)
	}
}
