package traceindex

import (
	"errors"
	"io/fs"
	"slices"

	"github.com/clew-tracing/clew/vfs"
)

// Due reports whether there is something to do: for Flush, or for whoever can add
// what is not covered.
func (x *Index) Due() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return len(x.uncovered) > 0 || len(x.choose(looseSegments)) > 0
}

// Flush writes the segments in memory to a file if they are many, and files again
// that are small beside it or cover few segments any more.
func (x *Index) Flush() { x.flush(looseSegments) }

// Close writes all segments in memory to a file and closes the files. Lookups that
// run go on; later ones learn nothing.
func (x *Index) Close() {
	x.flush(1)
	x.mu.Lock()
	packs := x.packs
	x.packs, x.files, x.closed = nil, 0, true
	x.mu.Unlock()
	for _, p := range packs {
		p.release()
	}
}

func (x *Index) flush(loose int) {
	x.writing.Lock()
	defer x.writing.Unlock()
	x.mu.Lock()
	chosen := x.choose(loose)
	for _, p := range chosen {
		p.acquire()
	}
	x.mu.Unlock()
	if len(chosen) == 0 {
		return
	}
	err := x.write(chosen)
	for _, p := range chosen {
		p.release()
	}
	if err != nil {
		x.trouble(err)
	}
}

// choose returns the packs to be written as one: those in memory, if they are so
// many, with the youngest files as long as they are not much larger than what comes
// together, and files most of whose segments are gone. x.mu is held.
func (x *Index) choose(loose int) (chosen []*pack) {
	traces, refs := 0, 0
	if len(x.packs)-x.files >= loose {
		chosen = slices.Clone(x.packs[x.files:])
		for _, p := range chosen {
			traces += p.traces
			refs += 1 << p.blockBits
		}
	}
	for i := x.files - 1; i >= 0; i-- {
		p := x.packs[i]
		small := len(chosen) > 0 && p.traces <= packGrowth*traces
		stale := 2*p.live < len(p.segments)
		refs := refs + len(p.segments)<<p.blockBits
		if (small || stale) && traces+p.traces <= maxPackTraces && refs < 1<<30 {
			chosen = append(chosen, p)
			traces += p.traces
		}
	}
	return chosen
}

// write writes packs as one file, which takes their places.
func (x *Index) write(packs []*pack) error {
	x.mu.Lock()
	number := x.number + 1
	x.mu.Unlock()
	name := x.name(number)
	if err := x.writeFile(name, packs); err != nil {
		_ = x.fs.Remove(name + tmpSuffix) // the next start does
		x.giveUpDamaged(packs, err)
		return err
	}
	p, err := openFile(x.fs, name)
	if err != nil {
		return err
	}
	x.mu.Lock()
	x.number = number
	x.own(p, func(s Segment) bool { return slices.Contains(packs, x.owners[s]) })
	empty := p.live == 0
	list := slices.DeleteFunc(slices.Clone(x.packs), func(p *pack) bool { return slices.Contains(packs, p) })
	gone := slices.DeleteFunc(slices.Clone(packs), func(p *pack) bool { return !slices.Contains(x.packs, p) })
	files := x.files
	for _, p := range gone {
		if p.own != nil {
			files--
		}
	}
	if !empty {
		list = slices.Insert(list, files, p)
		files++
	}
	x.packs, x.files = list, files
	x.mu.Unlock()
	for _, p := range gone {
		x.drop(p)
	}
	if empty {
		x.drop(p)
	}
	return nil
}

// giveUpDamaged gives up what could not be read, so that it is not tried again.
func (x *Index) giveUpDamaged(packs []*pack, err error) {
	for _, p := range packs {
		if damage := p.verify(); len(damage) > 0 {
			x.giveUp(p, errors.Join(err, damage[0]))
		}
	}
}

func (x *Index) writeFile(name string, packs []*pack) error {
	if err := x.fs.MkdirAll(x.dir); err != nil {
		return err
	}
	if err := x.fs.Remove(name + tmpSuffix); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := x.fs.Create(name + tmpSuffix)
	if err != nil {
		return err
	}
	err = merge(f, packs, func(p *pack, s Segment) bool {
		x.mu.Lock()
		defer x.mu.Unlock()
		return x.owners[s] == p
	})
	if err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err != nil {
		return err
	}
	if err := x.fs.Rename(name+tmpSuffix, name); err != nil {
		return err
	}
	return x.fs.SyncDir(x.dir)
}

// Verify reads the index files in dir and returns how many bytes they have and the
// damage found. What is damaged is made anew from the segments at a start.
func Verify(filesystem vfs.FS, dir string) (sizeBytes int64, damage []error) {
	names, err := filesystem.List(dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return 0, []error{err}
	}
	x := &Index{dir: dir}
	for _, n := range names {
		number, ok := parseName(n)
		if !ok {
			continue
		}
		p, err := openFile(filesystem, x.name(number))
		if err != nil {
			damage = append(damage, err)
			continue
		}
		sizeBytes += p.size
		damage = append(damage, p.verify()...)
		p.release()
	}
	return sizeBytes, damage
}
