package vfs

import (
	"io"
	"io/fs"
	"os"
	"path"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"
)

// Mem is a file system in memory that knows, for every byte and every name,
// whether a power cut may take it. NewMem makes one.
//
// Each file knows how many of its bytes are synced and where each later write
// ended; each directory knows the names it held at its last sync and each change
// since. CrashClone draws one possible disk from that.
type Mem struct {
	mu            sync.Mutex // guards all below and every memNode
	root          *memNode
	locked        map[string]bool // by clean path
	onSync        func(op string)
	capacityBytes int64 // 0: without limit
}

// memNode is a file or a directory. A node outlives its names: open files and
// crashes still reach it.
type memNode struct {
	isDir   bool
	modTime time.Time

	// A file only grows, so its synced bytes are a prefix of data.
	data      []byte
	syncedLen int
	writeEnds []int // end offset of each write since the last sync, ascending

	// A directory.
	entries map[string]*memNode
	synced  map[string]*memNode // entries at the last sync
	changes []memChange         // what led from synced to entries, in order
}

// memChange is one atomic change of a directory: the name unlink goes (if not
// empty), the name link comes (if not empty) and stands for node.
type memChange struct {
	unlink, link string
	node         *memNode
}

// NewMem returns an empty file system.
func NewMem() *Mem {
	return &Mem{root: newMemDir(), locked: map[string]bool{}}
}

func newMemDir() *memNode {
	return &memNode{isDir: true, modTime: time.Now(), entries: map[string]*memNode{}, synced: map[string]*memNode{}}
}

// OnSync has f called before each Sync and SyncDir takes effect (also those
// within MkdirAll), with "sync NAME" or "syncdir NAME"; nil ends it. f runs in
// the goroutine that syncs and may use the Mem: this is where a test takes a
// CrashClone.
func (m *Mem) OnSync(f func(op string)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.onSync = f
}

// SetCapacity bounds the bytes in all files that have a name; a write beyond is
// cut short with ENOSPC. 0 is no bound.
func (m *Mem) SetCapacity(bytes int64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.capacityBytes = bytes
}

func (m *Mem) beforeSync(op string) {
	m.mu.Lock()
	f := m.onSync
	m.mu.Unlock()
	if f != nil {
		f(op)
	}
}

func memPath(name string) string { return path.Clean("/" + name) }

// lookup returns the node of a clean path; m.mu is held.
func (m *Mem) lookup(clean string) (*memNode, error) {
	n := m.root
	for part := range strings.SplitSeq(clean[1:], "/") {
		if part == "" { // the root itself
			continue
		}
		if !n.isDir {
			return nil, syscall.ENOTDIR
		}
		next := n.entries[part]
		if next == nil {
			return nil, fs.ErrNotExist
		}
		n = next
	}
	return n, nil
}

// parent returns the directory that holds a name, and the name within it;
// m.mu is held.
func (m *Mem) parent(name string) (dir *memNode, base string, err error) {
	clean := memPath(name)
	if clean == "/" {
		return nil, "", syscall.EBUSY
	}
	dir, err = m.lookup(path.Dir(clean))
	if err != nil {
		return nil, "", err
	}
	if !dir.isDir {
		return nil, "", syscall.ENOTDIR
	}
	return dir, path.Base(clean), nil
}

func (d *memNode) change(c memChange) {
	if c.unlink != "" {
		delete(d.entries, c.unlink)
	}
	if c.link != "" {
		d.entries[c.link] = c.node
	}
	d.changes = append(d.changes, c)
	d.modTime = time.Now()
}

func pathError(op, name string, err error) error {
	return &fs.PathError{Op: op, Path: name, Err: err}
}

// Create implements FS.
func (m *Mem) Create(name string) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent(name)
	if err != nil {
		return nil, pathError("create", name, err)
	}
	if dir.entries[base] != nil {
		return nil, pathError("create", name, fs.ErrExist)
	}
	n := &memNode{modTime: time.Now()}
	dir.change(memChange{link: base, node: n})
	return &memFile{m: m, n: n, name: name, writable: true}, nil
}

// Open implements FS.
func (m *Mem) Open(name string) (File, error) { return m.open(name, false) }

// OpenAppend implements FS.
func (m *Mem) OpenAppend(name string) (File, error) { return m.open(name, true) }

func (m *Mem) open(name string, writable bool) (File, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.lookup(memPath(name))
	if err == nil && n.isDir {
		err = syscall.EISDIR
	}
	if err != nil {
		return nil, pathError("open", name, err)
	}
	return &memFile{m: m, n: n, name: name, writable: writable}, nil
}

// Rename implements FS.
func (m *Mem) Rename(oldName, newName string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if err := m.rename(oldName, newName); err != nil {
		return &os.LinkError{Op: "rename", Old: oldName, New: newName, Err: err}
	}
	return nil
}

func (m *Mem) rename(oldName, newName string) error {
	from, oldBase, err := m.parent(oldName)
	if err != nil {
		return err
	}
	to, newBase, err := m.parent(newName)
	if err != nil {
		return err
	}
	n, target := from.entries[oldBase], to.entries[newBase]
	switch {
	case n == nil:
		return fs.ErrNotExist
	case n == target:
		return nil
	case n.isDir && from != to:
		return syscall.EXDEV
	case target != nil && target.isDir && !n.isDir:
		return syscall.EISDIR
	case target != nil && target.isDir && len(target.entries) > 0:
		return syscall.ENOTEMPTY
	case target != nil && !target.isDir && n.isDir:
		return syscall.ENOTDIR
	case from == to:
		from.change(memChange{unlink: oldBase, link: newBase, node: n})
	default:
		to.change(memChange{link: newBase, node: n})
		from.change(memChange{unlink: oldBase})
	}
	return nil
}

// Link implements FS. What a file takes is counted under each of its names.
func (m *Mem) Link(oldName, newName string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.lookup(memPath(oldName))
	if err == nil && n.isDir {
		err = syscall.EPERM
	}
	var dir *memNode
	var base string
	if err == nil {
		dir, base, err = m.parent(newName)
	}
	if err == nil && dir.entries[base] != nil {
		err = fs.ErrExist
	}
	if err != nil {
		return &os.LinkError{Op: "link", Old: oldName, New: newName, Err: err}
	}
	dir.change(memChange{link: base, node: n})
	return nil
}

// Remove implements FS.
func (m *Mem) Remove(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent(name)
	if err == nil {
		n := dir.entries[base]
		switch {
		case n == nil:
			err = fs.ErrNotExist
		case n.isDir && len(n.entries) > 0:
			err = syscall.ENOTEMPTY
		}
	}
	if err != nil {
		return pathError("remove", name, err)
	}
	dir.change(memChange{unlink: base})
	return nil
}

// RemoveAll implements FS.
func (m *Mem) RemoveAll(name string) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent(name)
	if err == fs.ErrNotExist {
		return nil
	}
	if err != nil {
		return pathError("removeall", name, err)
	}
	n := dir.entries[base]
	if n == nil {
		return nil
	}
	n.clear()
	dir.change(memChange{unlink: base})
	return nil
}

// clear removes all that is in a directory, deepest first.
func (d *memNode) clear() {
	for _, name := range sortedNames(d.entries) {
		d.entries[name].clear()
		d.change(memChange{unlink: name})
	}
}

func sortedNames(entries map[string]*memNode) []string {
	names := make([]string, 0, len(entries))
	for name := range entries {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// MkdirAll implements FS.
func (m *Mem) MkdirAll(dir string) error {
	clean := memPath(dir)
	for end := 1; end <= len(clean); end++ {
		if end < len(clean) && clean[end] != '/' {
			continue
		}
		made, err := m.mkdir(clean[:end])
		if err != nil {
			return pathError("mkdir", dir, err)
		}
		if !made {
			continue
		}
		if err := m.SyncDir(path.Dir(clean[:end])); err != nil {
			return err
		}
	}
	return nil
}

func (m *Mem) mkdir(clean string) (made bool, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.lookup(clean)
	if err == nil {
		if !n.isDir {
			return false, syscall.ENOTDIR
		}
		return false, nil
	}
	parent, base, err := m.parent(clean)
	if err != nil {
		return false, err
	}
	parent.change(memChange{link: base, node: newMemDir()})
	return true, nil
}

// SyncDir implements FS.
func (m *Mem) SyncDir(dir string) error {
	m.beforeSync("syncdir " + dir)
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.lookup(memPath(dir))
	if err == nil && !n.isDir {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return pathError("syncdir", dir, err)
	}
	for _, c := range n.changes {
		applyChange(n.synced, c)
	}
	n.changes = nil
	return nil
}

// List implements FS.
func (m *Mem) List(dir string) ([]string, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.lookup(memPath(dir))
	if err == nil && !n.isDir {
		err = syscall.ENOTDIR
	}
	if err != nil {
		return nil, pathError("list", dir, err)
	}
	return sortedNames(n.entries), nil
}

// Stat implements FS.
func (m *Mem) Stat(name string) (Info, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	n, err := m.lookup(memPath(name))
	if err != nil {
		return Info{}, pathError("stat", name, err)
	}
	return Info{SizeBytes: int64(len(n.data)), ModTime: n.modTime, IsDir: n.isDir}, nil
}

// Lock implements FS. A clone after a crash holds no locks.
func (m *Mem) Lock(name string) (io.Closer, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	dir, base, err := m.parent(name)
	if err != nil {
		return nil, pathError("lock", name, err)
	}
	clean := memPath(name)
	if m.locked[clean] {
		return nil, pathError("lock", name, ErrLocked)
	}
	if dir.entries[base] == nil {
		dir.change(memChange{link: base, node: &memNode{modTime: time.Now()}})
	}
	m.locked[clean] = true
	return &memLock{m: m, clean: clean}, nil
}

type memLock struct {
	m     *Mem
	clean string
	once  sync.Once
}

func (l *memLock) Close() error {
	err := error(pathError("unlock", l.clean, fs.ErrClosed))
	l.once.Do(func() {
		l.m.mu.Lock()
		defer l.m.mu.Unlock()
		delete(l.m.locked, l.clean)
		err = nil
	})
	return err
}

// DiskUsage implements FS.
func (m *Mem) DiskUsage(string) (totalBytes, freeBytes uint64, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	total := m.capacityBytes
	if total == 0 {
		total = memDiskBytes
	}
	return uint64(total), uint64(max(0, total-m.root.usedBytes())), nil
}

func (d *memNode) usedBytes() int64 {
	used := int64(len(d.data))
	for _, n := range d.entries {
		used += n.usedBytes()
	}
	return used
}
