package upkeep

import (
	"cmp"
	"errors"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/spandb/segment"
	"github.com/clew-tracing/clew/spandb/traceindex"
	"github.com/clew-tracing/clew/state"
	"github.com/clew-tracing/clew/vfs"
	"github.com/clew-tracing/clew/wal"
)

// A repair makes a store of what can be read of a damaged one.
//
//	segments   the blocks that can be read are written again, as a merge writes them;
//	           what cannot may be in the log still, and is taken from there
//	manifest   is made anew from the segments, and the log tells the rest
//	log        what it has and no segment has becomes segments; then it is not needed
//	traces     the index of traces is made anew at a start
//	documents  are put aside
//
// Nothing is deleted that had anything to itself: a damaged file keeps its bytes as
// NAME.damaged. The order of the steps makes that a repair that is interrupted can be
// run again: new segments, which nothing lists; old ones put aside; the manifest; the
// rest.

// Loss is what a repair could not bring back.
type Loss struct {
	File string
	// Spans is how many were there, -1 if that is not known; Requests, of the log, how
	// many at most.
	Spans    int64
	Requests uint64
	// First and Last bound when the spans started, unix nanoseconds; 0 is not known.
	First, Last uint64
	Why         error
}

// Repaired is what a repair did.
type Repaired struct {
	Remade  int   // segments that were written again without their damaged blocks
	Adopted int   // segments that the manifest did not list
	FromLog int64 // spans that the log had
	// Rebuilt says that the manifest was lost, LogEnded that the log became segments.
	Rebuilt, LogEnded bool
	Aside             []string // files put aside, by their new names
	Lost              []Loss
}

// repairer makes one repair.
type repairer struct {
	fs       vfs.FS
	dir      string
	progress func(done, total int)

	// trusted says that the manifest was read; else old is what is left of it.
	trusted  bool
	old      folder.State
	manifest string // the file that is damaged, "" if none is

	segments []*found
	log      logged
	nextID   uint64

	keep   []*found
	remake [][]*found // each becomes one or more segments
	// refilled are the records of the log whose rows were taken for those.
	refilled map[clew.Tenant]map[uint64]bool
	aside    []string // to be put aside, by their names
	out      folder.State
	done     Repaired
}

// found is a segment that is there, or should be.
type found struct {
	file   string // where it should be
	source string // where it is; "" nowhere
	listed bool
	s      folder.Segment // as it says of itself, or as it is listed
	opens  bool           // it can be read as far as it is not damaged
	damage []error
	// requests are the records it has; nil if they cannot be read.
	requests []segment.Request
	refill   bool // what the log has of its records is taken from there
}

// repair mends the store in dir, which nobody must use. An error means that it is as
// damaged as it was; of kind Unsupported, that a file is of another version.
func repair(fsys vfs.FS, dir string, progress func(done, total int)) (*Repaired, error) {
	if err := mayBeStore(fsys, dir); err != nil {
		return nil, err
	}
	lock, err := lockFolder(fsys, dir)
	if err != nil {
		return nil, err
	}
	defer lock.Close()
	r := &repairer{fs: fsys, dir: dir, progress: progress}
	return r.run()
}

// run repairs a folder whose lock is held.
func (r *repairer) run() (*Repaired, error) {
	for _, step := range []func() error{
		r.readManifest, r.readSegments, r.readLog, r.plan, r.writeRemade, r.writeLogged, r.putAside, r.writeManifest, r.tidyUp,
	} {
		if err := step(); err != nil {
			return nil, err
		}
	}
	return &r.done, nil
}

// readManifest reads what there is of the manifest.
func (r *repairer) readManifest() error {
	m, err := folder.ReadManifest(r.fs, r.dir)
	number, named := folder.Current(r.fs, r.dir)
	switch {
	case err == nil && named:
		r.trusted, r.old = true, m.State
		if m.Tail() > 0 {
			r.manifest = m.File()
			r.trusted = r.allThere()
			r.done.Rebuilt = !r.trusted
		}
		return nil
	case clew.KindOf(err) == clew.Unsupported || clew.KindOf(err) == clew.Invalid:
		return err
	}
	salvaged, file, whole, err := folder.Salvage(r.fs, r.dir)
	if err != nil {
		return err
	}
	r.old = salvaged
	// CURRENT is what is damaged, unless it names a younger one, which is gone.
	r.trusted = whole && (!named || file != path.Join(r.dir, folder.ManifestName(number)) && folder.ManifestName(number) < path.Base(file))
	if !whole {
		r.manifest = file
	}
	r.done.Rebuilt = !r.trusted
	return nil
}

// allThere reports whether every listed segment has a file. If one has not, and the
// manifest ends in damage, that was an edit that put others in its place.
func (r *repairer) allThere() bool {
	for _, s := range r.old.Segments {
		if !r.exists(s.Path(r.dir)) {
			return false
		}
	}
	return true
}

// readSegments looks at every segment, whole.
func (r *repairer) readSegments() error {
	seen := map[string]bool{}
	listed := make([]folder.Segment, 0, len(r.old.Segments))
	for _, s := range r.old.Segments {
		listed = append(listed, s)
	}
	slices.SortFunc(listed, func(a, b folder.Segment) int { return cmp.Compare(a.ID, b.ID) })
	r.nextID = r.old.NextID
	for i, s := range listed {
		f := &found{file: s.Path(r.dir), listed: true, s: s}
		seen[f.file] = true
		if err := r.examine(f); err != nil {
			return err
		}
		r.segments = append(r.segments, f)
		r.nextID = max(r.nextID, s.ID+1)
		if r.progress != nil {
			r.progress(i+1, len(listed))
		}
	}
	return eachSegmentFile(r.fs, r.dir, func(file string, id uint64) error {
		r.nextID = max(r.nextID, id+1)
		if seen[file] {
			return nil
		}
		f := &found{file: file, s: folder.Segment{ID: id}}
		if err := r.examine(f); err != nil {
			return err
		}
		r.segments = append(r.segments, f)
		return nil
	})
}

// examine finds out what is wrong with a segment.
func (r *repairer) examine(f *found) error {
	f.source = f.file
	_, err := r.fs.Stat(f.file)
	if errors.Is(err, fs.ErrNotExist) {
		// A repair that was interrupted may have put it aside.
		if f.source, err = folder.Aside(f.file), nil; !r.exists(f.source) {
			f.source, f.damage = "", []error{clew.Corruptf(f.file, 0, "the file is missing")}
			return nil
		}
	}
	if err != nil {
		return err
	}
	file, err := openSegment(r.fs, f.source)
	switch {
	case clew.KindOf(err) == clew.Unsupported:
		return err
	case err == nil:
		f.damage = file.Damage()
	case clew.KindOf(err) != clew.Corrupt:
		return err // it may well be whole: it is not to be read by whoever runs this
	default:
		f.damage = []error{err}
		if file, err = openDamaged(r.fs, f.source); err != nil {
			return nil
		}
	}
	defer file.Close()
	have := file.Listing(f.s.ID)
	if f.listed && have != f.s && len(f.damage) == 0 {
		f.damage = []error{clew.Corruptf(f.file, int64(have.Size), "is not the segment that is listed: it is %+v, listed is %+v", have, f.s)}
	}
	if f.listed && (have.Tenant != f.s.Tenant || have.FirstSeq != f.s.FirstSeq || have.LastSeq != f.s.LastSeq) {
		return nil // it is another's
	}
	f.s, f.opens = have, true
	if f.requests, err = file.Requests(); err != nil {
		f.requests = nil
	}
	return nil
}

func (r *repairer) exists(name string) bool {
	_, err := r.fs.Stat(name)
	return err == nil
}

// lacksEdits reports whether segments tell of edits that the manifest has not: they were
// made of others that are not listed, or that are not there.
func (r *repairer) lacksEdits() bool {
	return slices.ContainsFunc(r.segments, func(f *found) bool {
		if f.listed || !f.opens || f.s.Merged == 0 || f.s.ID < r.old.NextID {
			return false
		}
		return r.lostEdit(f) || slices.ContainsFunc(r.segments, func(o *found) bool {
			return o.listed && o.source == "" && o.s.Tenant == f.s.Tenant && o.s.FirstSeq <= f.s.LastSeq && f.s.FirstSeq <= o.s.LastSeq
		})
	})
}

// plan decides what becomes of each segment.
func (r *repairer) plan() error {
	if r.trusted && r.lacksEdits() {
		r.trusted, r.done.Rebuilt = false, true
	}
	if r.trusted {
		for _, f := range r.segments {
			if f.listed || r.lostEdit(f) {
				r.planOne(f)
			}
		}
		r.planRefills()
		return nil
	}
	byTenant := map[clew.Tenant][]*found{}
	for _, f := range r.segments {
		if !f.opens {
			if !r.mergedAway(f) {
				r.planOne(f)
			}
			continue
		}
		byTenant[f.s.Tenant] = append(byTenant[f.s.Tenant], f)
	}
	for _, t := range slices.Sorted(maps.Keys(byTenant)) {
		r.planTenant(byTenant[t])
	}
	r.planRefills()
	return nil
}

// planRefills sees to it that damaged segments get what the log has of their records.
// Rows of the records of one that was merged may be in others, which are merged again
// with it: so they are told.
func (r *repairer) planRefills() {
	for _, f := range r.segments {
		if len(f.damage) == 0 || !r.log.hasAny(f) {
			continue
		}
		i := slices.IndexFunc(r.remake, func(group []*found) bool { return slices.Contains(group, f) })
		switch {
		case i < 0 && (f.s.Merged == 0 || !slices.Contains(r.log.wanted, f)): // the log has all of it, or it does not count
			continue
		case f.s.Merged != 0 || len(r.remake[i]) > 1:
			r.gather(f)
		}
		f.refill = true
	}
}

// gather makes one group of a segment and all that may have rows of its records.
func (r *repairer) gather(f *found) {
	group := []*found{f}
	shares := func(o *found) bool {
		return o != f && o.s.Tenant == f.s.Tenant && o.s.FirstSeq <= f.s.LastSeq && f.s.FirstSeq <= o.s.LastSeq
	}
	r.keep = slices.DeleteFunc(r.keep, func(o *found) bool {
		if !shares(o) {
			return false
		}
		group = append(group, o)
		if o.source == o.file {
			r.aside = append(r.aside, o.file)
		}
		return true
	})
	r.remake = slices.DeleteFunc(r.remake, func(list []*found) bool {
		if !slices.Contains(list, f) && !slices.ContainsFunc(list, shares) {
			return false
		}
		for _, o := range list {
			if o != f {
				group = append(group, o)
			}
		}
		return true
	})
	r.log.wanted = slices.DeleteFunc(r.log.wanted, func(o *found) bool { return o == f })
	slices.SortFunc(group, bySeqs)
	r.remake = append(r.remake, group)
}

// mergedAway reports whether a segment that is listed by what is left of a manifest is
// missing because it was merged.
func (r *repairer) mergedAway(f *found) bool {
	return f.source == "" && slices.ContainsFunc(r.segments, func(m *found) bool {
		return m.opens && m.s.Merged != 0 && m.s.Tenant == f.s.Tenant && m.s.FirstSeq <= f.s.FirstSeq && f.s.LastSeq <= m.s.LastSeq
	})
}

// lostEdit reports whether a segment that is not listed was to be: it is what a crash
// left between its file and its edit, and the log has let its rows go. Others the next
// start removes.
func (r *repairer) lostEdit(f *found) bool {
	return f.opens && f.s.ID >= r.old.NextID && f.s.FirstSeq > r.old.SealedUpTo(f.s.Tenant) && (r.log.first == 0 || r.log.first > f.s.FirstSeq)
}

// planOne decides on a segment that shares no row with another.
func (r *repairer) planOne(f *found) {
	if len(f.damage) == 0 && f.source == f.file {
		if !f.listed {
			r.done.Adopted++
		}
		r.keep = append(r.keep, f)
		return
	}
	if f.source == f.file {
		r.aside = append(r.aside, f.file)
	}
	if f.opens && !r.log.hasAll(f) {
		r.remake = append(r.remake, []*found{f})
	} else {
		r.log.wanted = append(r.log.wanted, f)
	}
}

// planTenant decides on the segments of a tenant when no manifest tells which count. Of
// a merge, inputs and outputs may be there, and some of the outputs only: segments that
// have records in common are merged again, all together, which drops what they have
// twice.
func (r *repairer) planTenant(list []*found) {
	slices.SortFunc(list, bySeqs)
	twice := map[*found]bool{}
	owner := map[uint64]*found{}
	for _, f := range list {
		for _, q := range f.requests {
			if first := owner[q.Seq]; first != nil {
				twice[first], twice[f] = true, true
			} else {
				owner[q.Seq] = f
			}
		}
	}
	// The range must do for those whose records cannot be read, and for an input of a
	// merge of whose rows an output has some, and not the record.
	for i, f := range list {
		for _, other := range list[i+1:] {
			unsure := f.requests == nil || other.requests == nil || (f.s.Merged == 0) != (other.s.Merged == 0)
			if unsure && other.s.FirstSeq <= f.s.LastSeq {
				twice[f], twice[other] = true, true
			}
		}
	}
	var together []*found
	for _, f := range list {
		if !twice[f] {
			r.planOne(f)
			continue
		}
		together = append(together, f)
		if f.source == f.file {
			r.aside = append(r.aside, f.file)
		}
	}
	if len(together) > 0 {
		r.remake = append(r.remake, together)
	}
}

// bySeqs orders segments by their records.
func bySeqs(a, b *found) int {
	return cmp.Or(cmp.Compare(a.s.FirstSeq, b.s.FirstSeq), cmp.Compare(a.s.ID, b.s.ID))
}

// lost notes what a repair cannot bring back.
func (r *repairer) lost(l Loss) {
	if l.Spans != 0 || l.Requests > 0 {
		r.done.Lost = append(r.done.Lost, l)
	}
}

// list puts a segment into the manifest to be.
func (r *repairer) list(s folder.Segment) {
	r.out.Segments[s.ID] = s
	r.out.Sealed[s.Tenant] = max(r.out.Sealed[s.Tenant], s.LastSeq)
	r.out.NextSeq = max(r.out.NextSeq, s.LastSeq+1)
}

// putAside renames what is damaged.
func (r *repairer) putAside() error {
	if r.manifest != "" {
		r.aside = append(r.aside, r.manifest)
	}
	for _, file := range r.aside {
		if err := r.rename(file); err != nil {
			return err
		}
	}
	return nil
}

func (r *repairer) rename(file string) error {
	to := folder.Aside(file)
	for r.exists(to) {
		to = folder.Aside(to)
	}
	if err := r.fs.Rename(file, to); err != nil {
		return err
	}
	r.done.Aside = append(r.done.Aside, to)
	return r.fs.SyncDir(path.Dir(file))
}

func (r *repairer) writeManifest() error {
	r.out.NextID = max(r.nextID, 1)
	r.out.NextSeq = max(r.out.NextSeq, r.old.NextSeq, r.log.report.Next, 1)
	return folder.WriteManifest(r.fs, r.dir, r.out)
}

// tidyUp ends a log that has become segments, and removes or puts aside what is
// damaged and can be made anew.
func (r *repairer) tidyUp() error {
	if r.done.LogEnded {
		for _, name := range list(r.fs, path.Join(r.dir, folder.LogDir)) {
			if wal.IsFile(name) {
				if err := r.rename(path.Join(r.dir, folder.LogDir, name)); err != nil {
					return err
				}
			}
		}
	}
	traces := path.Join(r.dir, folder.TracesDir)
	if _, damage := traceindex.Verify(r.fs, traces); len(damage) > 0 {
		if err := r.fs.RemoveAll(traces); err != nil {
			return err
		}
	}
	for _, name := range list(r.fs, r.dir) {
		if !strings.HasSuffix(name, documentSuffix) {
			continue
		}
		var any any
		file := path.Join(r.dir, name)
		if _, err := state.Load(r.fs, file, &any); clew.KindOf(err) == clew.Corrupt {
			if err := r.rename(file); err != nil {
				return err
			}
		}
	}
	return nil
}
