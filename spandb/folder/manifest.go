package folder

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/vfs"
	"github.com/clew-tracing/clew/wal"
)

// The manifest is the list of edits that says which segments there are: nothing
// else makes a file visible. It is append-only; every edit is one record and one
// sync:
//
//	file    magic "CLEWMAN" and version, one byte; then records
//	record  u32 size · u32 crc32c of the payload, the record's offset (u64), the version · payload
//	payload entries: tag byte, then uvarints and byte strings
//
//	tag 1  segment added      id, tenant, arrival hour, size, rows, bytes in memory,
//	                          least and greatest arrival, first and last log record,
//	                          1 if it was merged of others, else 0,
//	                          least and greatest start, crc32c of its directory
//	tag 2  segment removed    id
//	tag 3  tenant sealed      tenant, log record up to which its rows are in segments
//	tag 4  counters           next segment id, next log record
//	tag 5  log needed         log record below which all rows of all tenants are in
//	                          segments, or were; tag 3 counts where it says more
//	tag 6  log kept           none: from here on the log has a file, always
//
// CURRENT names the manifest in force. At every start, and after maxEdits
// edits, the state is written to a new file, whose first record it is, and CURRENT
// is replaced by rename. A later record that the file's end cuts off was never
// acknowledged and is dropped; any other damage is an error of kind Corrupt.
const (
	manifestMagic   = "CLEWMAN"
	manifestVersion = 1
	manifestHead    = 8
	recordHead      = 8
)

const (
	tagAdd = iota + 1
	tagRemove
	tagSealed
	tagCounters
	tagNeeded
	tagLog
)

// Segment is what the manifest knows of a segment: all that must be known to
// leave its file closed. Times are unix nanoseconds.
type Segment struct {
	ID                     uint64
	Tenant                 clew.Tenant
	Hour                   uint64 // names the folder
	Size, Rows             uint64
	InMemory               uint64 // about how many bytes its rows take as columns
	MinArrival, MaxArrival uint64
	FirstSeq, LastSeq      uint64 // log records
	Merged                 uint64 // 1: made of other segments
	MinStart, MaxStart     uint64
	Sum                    uint64 // crc32c of its directory, which has those of all else
}

// Path returns the name of the segment's file in the store in dir.
func (s *Segment) Path(dir string) string {
	return path.Join(SegmentDir(dir, s.Tenant, s.Hour), SegmentName(s.ID))
}

// Edit is one change of the manifest.
type Edit struct {
	Add    []Segment
	Remove []uint64 // ids
	// Sealed is, for a tenant, the log record up to which all its rows are in
	// segments.
	Sealed map[clew.Tenant]uint64
	// NextID is the id of the next segment, NextSeq the least number that the next
	// log record may have, Needed that of a record whose rows are in no segment. 0, or
	// less than what holds, changes nothing.
	NextID, NextSeq, Needed uint64
	// Log is the number of the first record of a log's file, which has it.
	Log uint64
}

// Addition is the edit that makes a segment visible: it is the next of its tenant.
func Addition(r Segment) Edit {
	return Edit{Add: []Segment{r}, Sealed: map[clew.Tenant]uint64{r.Tenant: r.LastSeq}, NextID: r.ID + 1, NextSeq: r.LastSeq + 1}
}

// State is the sum of all edits. Sealed has the tenants that are further than Needed
// says: so those of whom nothing is left leave nothing.
type State struct {
	Segments                map[uint64]Segment // by id
	Sealed                  map[clew.Tenant]uint64
	NextID, NextSeq, Needed uint64
	// Log is the number of the first record of the newest file of the log that has had
	// one, 0 if there was none. A newest file is never removed, so a log without that
	// one, or a newer, has lost it.
	Log uint64
}

// LogMissing is the damage of a store in dir whose log has so many files, of which the
// newest is named by a number; nil if it has those that it must have.
func (s *State) LogMissing(dir string, files int, newest uint64) error {
	switch {
	case newest >= s.Log:
		return nil
	case files == 0:
		return clew.Corruptf(path.Join(dir, LogDir), 0, "the log is missing: what it had and no segment has is lost, unless its files are brought back")
	}
	return clew.Corruptf(wal.FilePath(path.Join(dir, LogDir), s.Log), 0, "the log's newest file is missing: what it had and no segment has is lost, unless it is brought back")
}

// SealedUpTo returns the log record up to which all rows of a tenant are in segments, or
// were.
func (s *State) SealedUpTo(t clew.Tenant) uint64 { return max(s.Sealed[t], max(s.Needed, 1)-1) }

// Manifest is the state and the open file. Its caller serialises, and changes the
// state by Commit alone.
type Manifest struct {
	State

	fs     vfs.FS
	dir    string
	file   vfs.File // nil if it is only read
	number uint64
	edits  int
	size   int   // of the file
	failed error // after a failed write nothing more is written
	// torn says that the file may end in what a full disk took of an edit, or that
	// there is none yet: the next edit begins a new file.
	torn bool
	tail int // bytes at the end of the file, as it was read, that are no record
}

func (e *Edit) append(dst []byte) []byte {
	for i := range e.Add {
		r := &e.Add[i]
		dst = append(dst, tagAdd)
		dst = binary.AppendUvarint(dst, r.ID)
		dst = appendString(dst, string(r.Tenant))
		for _, v := range [...]uint64{r.Hour, r.Size, r.Rows, r.InMemory, r.MinArrival, r.MaxArrival, r.FirstSeq, r.LastSeq, r.Merged,
			r.MinStart, r.MaxStart, r.Sum} {
			dst = binary.AppendUvarint(dst, v)
		}
	}
	for _, id := range e.Remove {
		dst = binary.AppendUvarint(append(dst, tagRemove), id)
	}
	for _, t := range slices.Sorted(maps.Keys(e.Sealed)) {
		dst = binary.AppendUvarint(appendString(append(dst, tagSealed), string(t)), e.Sealed[t])
	}
	if e.Needed > 0 {
		dst = binary.AppendUvarint(append(dst, tagNeeded), e.Needed)
	}
	if e.Log > 0 {
		dst = binary.AppendUvarint(append(dst, tagLog), e.Log)
	}
	return binary.AppendUvarint(binary.AppendUvarint(append(dst, tagCounters), e.NextID), e.NextSeq)
}

// apply changes the state by one payload.
func (m *Manifest) apply(payload []byte) error {
	f := fields{b: payload, ok: true}
	for len(f.b) > 0 && f.ok {
		tag := f.b[0]
		f.b = f.b[1:]
		switch tag {
		case tagAdd:
			r := Segment{ID: f.uint(), Tenant: f.tenant()}
			for _, p := range [...]*uint64{&r.Hour, &r.Size, &r.Rows, &r.InMemory, &r.MinArrival, &r.MaxArrival, &r.FirstSeq, &r.LastSeq, &r.Merged,
				&r.MinStart, &r.MaxStart, &r.Sum} {
				*p = f.uint()
			}
			m.Segments[r.ID] = r
		case tagRemove:
			delete(m.Segments, f.uint())
		case tagSealed:
			t := f.tenant()
			m.Sealed[t] = f.uint()
		case tagCounters:
			m.NextID, m.NextSeq = f.uint(), f.uint()
		case tagNeeded:
			m.Needed = f.uint()
			maps.DeleteFunc(m.Sealed, func(_ clew.Tenant, seq uint64) bool { return seq < m.Needed })
		case tagLog:
			m.Log = f.uint()
		default:
			return clew.Errorf(clew.Corrupt, "entry with unknown tag %d", tag)
		}
	}
	if !f.ok {
		return clew.Errorf(clew.Corrupt, "entry is cut off, or its tenant has no tenant's name")
	}
	return nil
}

// OpenManifest reads the state of the store in dir, which may be new, and starts.
func OpenManifest(filesystem vfs.FS, dir string) (*Manifest, error) {
	m, err := ReadManifest(filesystem, dir)
	if err == nil {
		err = m.Start()
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// Start begins a manifest file with the state that was read, so that edits can be
// committed, and removes the one before. If the disk is full, the first edit begins it.
func (m *Manifest) Start() error {
	isNew := m.number == 0
	if err := m.rewrite(); err != nil && (m.failed != nil || isNew) {
		return err
	}
	return nil
}

// ReadManifest reads the state of the store in dir, which may be new, and changes
// nothing. Nothing can be committed to it before Start.
func ReadManifest(filesystem vfs.FS, dir string) (*Manifest, error) {
	m := &Manifest{fs: filesystem, dir: dir, State: State{
		Segments: make(map[uint64]Segment), Sealed: make(map[clew.Tenant]uint64), NextID: 1, NextSeq: 1,
	}}
	if err := m.read(); err != nil {
		return nil, err
	}
	return m, nil
}

// File returns the name of the manifest file in force.
func (m *Manifest) File() string { return path.Join(m.dir, ManifestName(m.number)) }

// read loads what CURRENT names.
func (m *Manifest) read() error {
	current, err := vfs.ReadFile(m.fs, path.Join(m.dir, CurrentName), maxCurrentBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return m.nameless()
	}
	if err != nil {
		return err
	}
	name := strings.TrimSuffix(string(current), "\n")
	number, ok := parseManifestName(name)
	if !ok {
		return clew.Corruptf(path.Join(m.dir, CurrentName), 0, "names no manifest: %q", name)
	}
	m.number = number
	file := path.Join(m.dir, name)
	b, err := vfs.ReadFile(m.fs, file, maxManifestBytes)
	if errors.Is(err, fs.ErrNotExist) {
		return clew.Corruptf(path.Join(m.dir, CurrentName), 0, "names %s, which is not there: %w", name, err)
	}
	if err != nil {
		return err
	}
	return m.replay(file, b)
}

// nameless decides on a folder without CURRENT. A new store has no segments, and no
// manifest but the first, as far as a crash let it be written. Else CURRENT is lost, or
// the folder is the half of a copy: of neither a new store must be made, which would
// take the segments for leftovers.
func (m *Manifest) nameless() error {
	_, err := m.fs.Stat(path.Join(m.dir, UnfinishedName))
	if err == nil {
		return clew.Errorf(clew.Invalid, "%s holds an unfinished backup or restore: run it again to its end, or remove the folder", m.dir)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	there, err := m.firstTrace()
	if err == nil && there != "" {
		err = clew.Corruptf(path.Join(m.dir, CurrentName), 0, "the file is missing, and %s is there: the folder holds a store, of which nothing is changed", there)
	}
	return err
}

// firstTrace returns the name of a file that a new store has not, "" if there is none.
func (m *Manifest) firstTrace() (file string, err error) {
	names, err := m.fs.List(m.dir)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	empty := Edit{NextID: m.NextID, NextSeq: m.NextSeq}
	most := int64(manifestHead + recordHead + len(empty.append(nil)))
	for _, n := range names {
		if !IsManifest(n) {
			continue
		}
		info, err := m.fs.Stat(path.Join(m.dir, n))
		if err != nil || n != ManifestName(1) || info.SizeBytes > most {
			return n, err
		}
	}
	err = EachFolder(m.fs, m.dir, func(_ string, names []string) error {
		for _, n := range names {
			if _, ok := ParseSegmentName(n); ok && file == "" {
				file = n
			}
		}
		return nil
	})
	return file, err
}

// WriteManifest makes a state the one in force in a folder, atomically, whatever is
// in force there now.
func WriteManifest(filesystem vfs.FS, dir string, s State) error {
	number, err := lastManifest(filesystem, dir)
	if err != nil {
		return err
	}
	m := &Manifest{fs: filesystem, dir: dir, State: s, number: number}
	return errors.Join(m.rewrite(), m.Close())
}

// Salvage returns what can be read of the youngest manifest there is, whatever CURRENT
// says, and its name, "" if there is none. It is whole if nothing is wrong with it;
// else some of its edits are missing, one at least. An unknown version is an error of
// kind Unsupported.
func Salvage(filesystem vfs.FS, dir string) (s State, file string, whole bool, err error) {
	m := &Manifest{State: State{Segments: make(map[uint64]Segment), Sealed: make(map[clew.Tenant]uint64), NextID: 1, NextSeq: 1}}
	number, err := lastManifest(filesystem, dir)
	if err != nil || number == 0 {
		return m.State, "", false, err
	}
	file = path.Join(dir, ManifestName(number))
	b, err := vfs.ReadFile(filesystem, file, maxManifestBytes)
	if err != nil {
		return m.State, file, false, err
	}
	if err = m.replay(file, b); err == nil || clew.KindOf(err) == clew.Unsupported {
		return m.State, file, err == nil, err
	}
	m.State = State{Segments: make(map[uint64]Segment), Sealed: make(map[clew.Tenant]uint64), NextID: 1, NextSeq: 1}
	for off := manifestHead; off < len(b); {
		payload := wholeRecord(b, off)
		if payload == nil || m.apply(payload) != nil {
			off++
			continue
		}
		off += recordHead + len(payload)
	}
	return m.State, file, false, nil
}

// Current returns the number of the manifest that CURRENT names; ok is false if there
// is no CURRENT, or it names none.
func Current(filesystem vfs.FS, dir string) (number uint64, ok bool) {
	b, err := vfs.ReadFile(filesystem, path.Join(dir, CurrentName), maxCurrentBytes)
	if err != nil {
		return 0, false
	}
	return parseManifestName(strings.TrimSuffix(string(b), "\n"))
}

// NextManifest returns the name of the file that WriteManifest would write.
func NextManifest(filesystem vfs.FS, dir string) (string, error) {
	number, err := lastManifest(filesystem, dir)
	return ManifestName(number + 1), err
}

// lastManifest returns the number of the youngest manifest there is, 0 if none is.
func lastManifest(filesystem vfs.FS, dir string) (last uint64, err error) {
	names, err := filesystem.List(dir)
	for _, n := range names {
		if number, ok := parseManifestName(n); ok {
			last = max(last, number)
		}
	}
	return last, err
}

// replay applies the records of a manifest file. The first, the whole state, was
// durable before CURRENT named the file. Of the others only the last can have been
// cut off by a crash, so bad bytes are its remains if no whole record follows them,
// and damage if one does.
func (m *Manifest) replay(file string, b []byte) error {
	if len(b) < manifestHead || string(b[:7]) != manifestMagic {
		return clew.Corruptf(file, 0, "not a manifest: wrong magic")
	}
	if b[7] != manifestVersion && wholeRecord(b, manifestHead) != nil { // checksums have the version in them
		return clew.Corruptf(file, 7, "the version is damaged: it says %d, the records are of version %d", b[7], manifestVersion)
	}
	if b[7] != manifestVersion {
		return clew.Errorf(clew.Unsupported, "%s: manifest format version %d is not known to this clew, which reads version %d", file, b[7], manifestVersion)
	}
	for off := manifestHead; off == manifestHead || off < len(b); {
		payload := wholeRecord(b, off)
		if payload == nil && off == manifestHead {
			return clew.Corruptf(file, int64(off), "the manifest's first record, the state of the store, fails its checksum")
		}
		if payload == nil {
			for next := off + 1; next < len(b); next++ {
				if wholeRecord(b, next) != nil {
					return clew.Corruptf(file, int64(off), "manifest record fails its checksum, and another follows at %d", next)
				}
			}
			m.tail = len(b) - off
			return nil
		}
		if err := m.apply(payload); err != nil {
			return clew.Corruptf(file, int64(off), "%w", err)
		}
		off += recordHead + len(payload)
	}
	return nil
}

// wholeRecord returns the payload of the record at an offset of a manifest, nil
// if there is none. The checksum covers the offset, so that stale bytes of an
// earlier record are no record elsewhere, and the version, which nothing else does.
func wholeRecord(b []byte, off int) []byte {
	rest := b[off:]
	if len(rest) < 8 {
		return nil
	}
	n, sum := uint64(binary.LittleEndian.Uint32(rest)), binary.LittleEndian.Uint32(rest[4:])
	if n == 0 || n > uint64(len(rest)-8) || recordChecksum(rest[8:8+n], off) != sum {
		return nil
	}
	return rest[8 : 8+n]
}

func recordChecksum(payload []byte, off int) uint32 {
	table := crc32.MakeTable(crc32.Castagnoli)
	sum := crc32.Checksum(payload, table)
	return crc32.Update(sum, table, append(binary.LittleEndian.AppendUint64(nil, uint64(off)), manifestVersion))
}

// rewrite writes the whole state to a new file and makes it the one in force. After
// an error of kind Busy, the disk is full and the old one is in force; after another
// it is unknown which one is, and every later commit fails.
func (m *Manifest) rewrite() error {
	e := Edit{Sealed: m.Sealed, NextID: m.NextID, NextSeq: m.NextSeq, Needed: m.Needed, Log: m.Log}
	for _, id := range slices.Sorted(maps.Keys(m.Segments)) {
		e.Add = append(e.Add, m.Segments[id])
	}
	err := m.startFile(e.append(nil))
	switch {
	case err == nil:
		m.torn = false
		m.removeOthers()
		return nil
	case vfs.NoRoom(err) && m.inForce():
		m.torn = m.torn || m.file == nil
		_ = m.fs.Remove(path.Join(m.dir, ManifestName(m.number+1))) // as far as it was written
		return full(err)
	}
	m.failed = err
	return err
}

// inForce reports whether CURRENT names the file that it named when it was read or
// replaced last.
func (m *Manifest) inForce() bool {
	b, err := vfs.ReadFile(m.fs, path.Join(m.dir, CurrentName), maxCurrentBytes)
	if m.number == 0 {
		return errors.Is(err, fs.ErrNotExist)
	}
	return err == nil && string(b) == ManifestName(m.number)+"\n"
}

func full(err error) error { return clew.Errorf(clew.Busy, "manifest: the disk is full: %w", err) }

func (m *Manifest) startFile(payload []byte) error {
	number := m.number + 1
	name := path.Join(m.dir, ManifestName(number))
	if err := m.fs.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	f, err := m.fs.Create(name)
	if err != nil {
		return err
	}
	head := append([]byte(manifestMagic), manifestVersion)
	if _, err := f.Write(appendRecord(head, payload, manifestHead)); err != nil {
		f.Close()
		return err
	}
	if err := f.Sync(); err != nil {
		f.Close()
		return err
	}
	if err := m.replaceCurrent(ManifestName(number)); err != nil {
		f.Close()
		return err
	}
	if m.file != nil {
		m.file.Close()
	}
	m.file, m.number, m.edits, m.size = f, number, 0, manifestHead+recordHead+len(payload)
	return nil
}

func (m *Manifest) replaceCurrent(name string) error {
	// The manifest's own name must last before CURRENT can name it.
	if err := m.fs.SyncDir(m.dir); err != nil {
		return err
	}
	return vfs.Replace(m.fs, path.Join(m.dir, CurrentName), []byte(name+"\n"))
}

// removeOthers removes the manifests that are not in force. What stays behind is
// removed the next time.
func (m *Manifest) removeOthers() {
	names, _ := m.fs.List(m.dir)
	for _, n := range names {
		if number, ok := parseManifestName(n); ok && number != m.number {
			_ = m.fs.Remove(path.Join(m.dir, n))
		}
	}
}

// appendRecord appends a record that will stand at offset off of the file.
func appendRecord(dst, payload []byte, off int) []byte {
	dst = binary.LittleEndian.AppendUint32(dst, uint32(len(payload)))
	dst = binary.LittleEndian.AppendUint32(dst, recordChecksum(payload, off))
	return append(dst, payload...)
}

// Commit makes an edit durable and applies it. After an error nothing has changed
// that a reader sees. One of kind Busy says that the disk is full and that it may be
// tried again. After any other every later commit fails: what is on disk is unknown.
func (m *Manifest) Commit(e Edit) error {
	if m.failed != nil {
		return m.failed
	}
	if m.torn {
		if err := m.rewrite(); err != nil {
			return err
		}
	}
	e.NextID, e.NextSeq = max(e.NextID, m.NextID), max(e.NextSeq, m.NextSeq)
	if e.Needed <= m.Needed {
		e.Needed = 0 // it is known
	}
	if e.Log <= m.Log {
		e.Log = 0 // likewise
	}
	payload := e.append(nil)
	if len(payload) > maxManifestPayload {
		return clew.Errorf(clew.TooLarge, "manifest edit of %d bytes", len(payload))
	}
	_, err := m.file.Write(appendRecord(nil, payload, m.size))
	if vfs.NoRoom(err) { // what is torn was never acknowledged, and nothing comes behind it
		m.torn = true
		return full(err)
	}
	m.size += recordHead + len(payload)
	if err == nil {
		err = m.file.Sync()
	}
	if err != nil {
		m.failed = err
		return err
	}
	if err := m.apply(payload); err != nil {
		return err
	}
	if m.edits++; m.edits >= maxEdits {
		_ = m.rewrite() // this edit is durable; the next will fail, or try again
	}
	return nil
}

// Close closes the file. If it has edits it gets another that changes nothing: so
// damage to the last that was made is told from what a crash leaves at its end.
func (m *Manifest) Close() error {
	if m.file == nil {
		return nil
	}
	if m.edits > 0 && m.failed == nil && !m.torn {
		_ = m.Commit(Edit{}) // whoever closes has nothing to lose by it
	}
	return m.file.Close()
}

// Tail returns how many bytes at the end of the file were no record when it was read:
// an edit that a crash cut off and nobody was told of, or damage to the last one.
func (m *Manifest) Tail() int { return m.tail }
