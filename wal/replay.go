package wal

import (
	"errors"
	"io/fs"
	"path"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/vfs"
)

// Report says what a reading of the log met.
type Report struct {
	Files   int    // that are there
	Newest  uint64 // names the newest of them, 0 if there is none, but for what a crash leaves of one that is made
	Records int    // handed to fn
	Bytes   int64  // of their payloads
	Next    uint64 // one after the last record there is, 0 for an empty log

	// TornBytes is what a power cut left of groups that were not synced.
	TornBytes int64
	// LostRecords is how many records are missing that were never synced and that
	// somebody may have been told of all the same: the log was written below
	// SyncAlways. Only those are counted that something came after.
	LostRecords uint64

	// Damaged lists the places that cannot be read, in order: the first 1000 of
	// DamagedCount. MissingRecords is how many records they held, at most; each
	// may have been acknowledged.
	Damaged        []Damage
	DamagedCount   int
	MissingRecords uint64
}

// Damage is a place in the log that cannot be read. Size is 0 if something is
// missing where nothing is, as after a file was cut short or removed.
type Damage struct {
	File         string
	Offset, Size int64
	// The records with numbers in [First, Next) are gone. None are if the two
	// are equal: what was damaged was there twice, or held no record.
	First, Next uint64
}

// Err returns the damage as an error of kind Corrupt.
func (d Damage) Err() error {
	if d.First == d.Next {
		return clew.Corruptf(d.File, d.Offset, "wal: %d bytes are damaged; no record is missing", d.Size)
	}
	return clew.Corruptf(d.File, d.Offset, "wal: %d bytes are damaged; records %d to %d are missing", d.Size, d.First, d.Next-1)
}

// Replay hands fn every readable record whose number is at least from, in
// ascending order. A payload is valid until fn returns. A directory that does
// not exist is an empty log.
//
// Damage is reported, not returned: behind it Replay goes on. What lies before
// from does not count as damage if it is missing. An error is fn's, unchanged;
// of kind Unsupported if a file has a version this program does not know, and
// then fn was not called; or one of reading files. The report is right up to
// that moment.
//
// It needs memory for the largest record there is, no more than the file that
// holds it. It must not run beside a Log of the same directory.
func Replay(fsys vfs.FS, dir string, from uint64, fn func(seq uint64, payload []byte) error) (Report, error) {
	files, err := listFiles(fsys, dir)
	if err != nil {
		return Report{}, err
	}
	r := replay{fsys: fsys, from: from, fn: fn}
	r.report.Files = len(files)
	for i := range files {
		if !files[i].stillborn() {
			r.report.Newest = files[i].nameFirst
		}
	}
	for i := range files {
		if err := r.file(&files[i], following(files, i)); err != nil {
			return r.report, err
		}
	}
	return r.report, nil
}

// Verify reads every byte of the log and reports as Replay does.
func Verify(fsys vfs.FS, dir string) (Report, error) {
	return Replay(fsys, dir, 0, func(uint64, []byte) error { return nil })
}

// logFile is a file of the log and what its header says.
type logFile struct {
	name      string
	nameFirst uint64 // as its name says
	sizeBytes int64
	header    header
	readable  bool               // the header is
	copyBad   [headerCopies]bool // which copies of it are not
}

// listFiles returns the files of a log in the order of their records. A missing
// directory has none.
func listFiles(fsys vfs.FS, dir string) ([]logFile, error) {
	names, err := fsys.List(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var files []logFile
	for _, name := range names {
		first, ok := parseFileName(name)
		if !ok {
			continue
		}
		f := logFile{name: path.Join(dir, name), nameFirst: first}
		if err := f.readHeader(fsys); err != nil {
			return nil, err
		}
		files = append(files, f)
	}
	return files, nil
}

// readHeader fills in what the file says of itself. A damaged header is no
// error, an unknown version is.
func (f *logFile) readHeader(fsys vfs.FS) error {
	file, err := fsys.Open(f.name)
	if err != nil {
		return err
	}
	defer file.Close()
	if f.sizeBytes, err = file.Size(); err != nil {
		return readError(f.name, err)
	}
	w := window{file: file, size: min(f.sizeBytes, recordsOffset)}
	b, err := w.at(0, recordsOffset)
	if err != nil {
		return readError(f.name, err)
	}
	var unsupported error
	for i := range headerCopies {
		off := min(i*headerBytes, len(b))
		h, err := decodeHeader(f.name, int64(off), b[off:])
		switch {
		case err == nil && h.first == f.nameFirst && !f.readable:
			f.header, f.readable = h, true
		case err == nil && h == f.header && f.readable:
		default:
			f.copyBad[i] = true
			if clew.KindOf(err) == clew.Unsupported {
				unsupported = err
			}
		}
	}
	if !f.readable {
		return unsupported
	}
	return nil
}

// has reports whether there is such a file and its header has the flag.
func (f *logFile) has(flag uint32) bool {
	return f != nil && f.readable && f.header.flags&flag != 0
}

// stillborn reports whether f was cut off while it was made: its headers are
// synced before its first record is written.
func (f *logFile) stillborn() bool { return !f.readable && f.sizeBytes <= recordsOffset }

// following returns the file that goes on where files[i] ends, nil if none does.
func following(files []logFile, i int) *logFile {
	for j := i + 1; j < len(files); j++ {
		if !files[j].stillborn() {
			return &files[j]
		}
	}
	return nil
}

// end returns one after the last record that f can hold, given the file after
// it; known is false if that file does not say.
func (f *logFile) end(after *logFile) (end uint64, known bool) {
	switch {
	case after == nil:
		return 1<<64 - 1, false
	case !after.readable || after.header.previous < f.nameFirst:
		return after.nameFirst, false
	}
	return after.header.previous, true
}

// replay is one reading of the log.
type replay struct {
	fsys   vfs.FS
	from   uint64
	fn     func(uint64, []byte) error
	report Report
	buf    []byte // handed from file to file
}

func (r *replay) file(f, after *logFile) error {
	end, endKnown := f.end(after)
	if endKnown && end <= r.from && after != nil {
		return nil // nothing in it is wanted
	}
	if !f.readable {
		r.unreadable(f, after, end, endKnown)
		return nil
	}
	r.headerCopies(f)
	s, err := r.scan(f, end)
	r.report.Next = s.next
	if err != nil {
		return err
	}
	for _, h := range s.holes {
		if h.synced || after.has(flagContinues) {
			r.damage(Damage{File: f.name, Offset: h.off, Size: h.size, First: h.first, Next: h.next})
		} else {
			r.torn(f, h.size, h.next-h.first)
		}
	}
	r.report.DamagedCount += s.moreHoles
	r.tail(f, after, s, end, endKnown)
	return nil
}

// headerCopies judges the copies of a header one of which is readable. Both were
// synced before the first record was written.
func (r *replay) headerCopies(f *logFile) {
	for i, bad := range f.copyBad {
		off := int64(i) * headerBytes
		switch {
		case bad && f.sizeBytes > recordsOffset:
			r.damage(Damage{File: f.name, Offset: off, Size: headerBytes})
		case bad:
			r.report.TornBytes += max(0, min(headerBytes, f.sizeBytes-off))
		}
	}
}

func (r *replay) scan(f *logFile, end uint64) (scanned, error) {
	file, err := r.fsys.Open(f.name)
	if err != nil {
		return scanned{next: f.nameFirst}, err
	}
	defer file.Close()
	size, err := file.Size()
	if err != nil {
		return scanned{next: f.nameFirst}, readError(f.name, err)
	}
	w := window{file: file, size: size, buf: r.buf[:0]}
	var fnErr error
	s, err := scan(&w, f.header, end, func(seq uint64, payload []byte) error {
		if seq < r.from {
			return nil
		}
		if fnErr = r.fn(seq, payload); fnErr != nil {
			return fnErr
		}
		r.report.Records++
		r.report.Bytes += int64(len(payload))
		return nil
	})
	r.buf = w.buf
	if err != nil && fnErr == nil {
		err = readError(f.name, err)
	}
	return s, err
}

// tail judges what follows the last readable record of a file.
func (r *replay) tail(f, after *logFile, s scanned, end uint64, endKnown bool) {
	size := f.sizeBytes - s.endOffset
	switch {
	case endKnown && s.next < end && after.has(flagUnsynced): // the level allows it
		r.torn(f, max(0, size), end-s.next)
	case endKnown && s.next < end: // records are missing for certain
		r.damage(Damage{File: f.name, Offset: s.endOffset, Size: max(0, size), First: s.next, Next: end})
	case size <= 0:
	case after.has(flagContinues):
		r.damage(Damage{File: f.name, Offset: s.endOffset, Size: size, First: s.next, Next: s.next})
	case after != nil && !endKnown:
		r.damage(Damage{File: f.name, Offset: s.endOffset, Size: size, First: s.next, Next: end})
	default:
		r.torn(f, size, 0)
	}
}

// torn counts what was not synced and is gone.
func (r *replay) torn(f *logFile, size int64, records uint64) {
	r.report.TornBytes += size
	if f.header.flags&flagLax != 0 {
		r.report.LostRecords += records
	}
}

// unreadable judges a file neither of whose headers can be read.
func (r *replay) unreadable(f, after *logFile, end uint64, endKnown bool) {
	if f.stillborn() {
		r.report.TornBytes += f.sizeBytes
		return
	}
	if after == nil || !endKnown {
		end = min(end, f.mostEnd())
	}
	r.report.Next = end
	r.damage(Damage{File: f.name, Size: f.sizeBytes, First: f.nameFirst, Next: end})
}

// mostEnd is one after the last record that a file of this size could hold.
func (f *logFile) mostEnd() uint64 {
	return f.nameFirst + uint64(max(0, f.sizeBytes-recordsOffset)/recordHeadBytes)
}

func (r *replay) damage(d Damage) {
	if d.Next <= r.from && d.First < d.Next {
		return // nobody wants what is missing
	}
	r.report.DamagedCount++
	r.report.MissingRecords += d.Next - d.First
	if len(r.report.Damaged) < maxDamages {
		r.report.Damaged = append(r.report.Damaged, d)
	}
}
