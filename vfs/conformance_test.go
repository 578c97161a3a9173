package vfs_test

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"syscall"
	"testing"

	"github.com/clew-tracing/clew/vfs"
)

// each runs a test on every file system, in a directory of its own.
func each(t *testing.T, test func(t *testing.T, fsys vfs.FS, dir string)) {
	t.Run("os", func(t *testing.T) { test(t, vfs.OS(), t.TempDir()) })
	t.Run("mem", func(t *testing.T) {
		m := vfs.NewMem()
		must(t, m.MkdirAll("/work/here"))
		test(t, m, "/work/here")
	})
	t.Run("fault", func(t *testing.T) {
		m := vfs.NewMem()
		must(t, m.MkdirAll("/work/here"))
		test(t, vfs.NewFault(m, vfs.Plan{}), "/work/here")
	})
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantErr(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Fatalf("%s = %v, want %v", what, err, want)
	}
}

func write(t testing.TB, fsys vfs.FS, name, content string) {
	t.Helper()
	f, err := fsys.Create(name)
	must(t, err)
	n, err := f.Write([]byte(content))
	must(t, err)
	if n != len(content) {
		t.Fatalf("Write = %d, want %d", n, len(content))
	}
	must(t, f.Close())
}

func read(t testing.TB, fsys vfs.FS, name string) string {
	t.Helper()
	b, err := vfs.ReadFile(fsys, name, 1<<20)
	must(t, err)
	return string(b)
}

func list(t testing.TB, fsys vfs.FS, dir string) []string {
	t.Helper()
	names, err := fsys.List(dir)
	must(t, err)
	return names
}

func wantList(t testing.TB, fsys vfs.FS, dir string, want ...string) {
	t.Helper()
	if got := list(t, fsys, dir); !slices.Equal(got, want) {
		t.Fatalf("List(%s) = %q, want %q", dir, got, want)
	}
}

func TestCreateAppendsAndRefusesATakenName(t *testing.T) {
	each(t, func(t *testing.T, fsys vfs.FS, dir string) {
		name := path.Join(dir, "a")
		write(t, fsys, name, "one")
		_, err := fsys.Create(name)
		wantErr(t, "Create of a taken name", err, fs.ErrExist)
		_, err = fsys.Create(path.Join(dir, "missing", "a"))
		wantErr(t, "Create in a missing directory", err, fs.ErrNotExist)

		f, err := fsys.OpenAppend(name)
		must(t, err)
		_, err = f.Write([]byte("two"))
		must(t, err)
		must(t, f.Sync())
		size, err := f.Size()
		must(t, err)
		if size != 6 {
			t.Fatalf("Size = %d, want 6", size)
		}
		b := make([]byte, 3)
		if n, err := f.ReadAt(b, 3); n != 3 || err != nil && err != io.EOF || string(b) != "two" {
			t.Fatalf("ReadAt through the appending handle = %d, %v, %q", n, err, b)
		}
		must(t, f.Close())
		if got := read(t, fsys, name); got != "onetwo" {
			t.Fatalf("content = %q, want %q", got, "onetwo")
		}
		_, err = fsys.OpenAppend(path.Join(dir, "b"))
		wantErr(t, "OpenAppend of a missing file", err, fs.ErrNotExist)
	})
}

func TestOpenReadsOnly(t *testing.T) {
	each(t, func(t *testing.T, fsys vfs.FS, dir string) {
		name := path.Join(dir, "a")
		write(t, fsys, name, "hello")
		f, err := fsys.Open(name)
		must(t, err)
		if _, err := f.Write([]byte("x")); err == nil {
			t.Fatal("Write to a file opened for reading succeeded")
		}
		b := make([]byte, 8)
		if n, err := f.ReadAt(b, 2); n != 3 || err != io.EOF || string(b[:n]) != "llo" {
			t.Fatalf("ReadAt past the end = %d, %v, %q", n, err, b[:n])
		}
		if n, err := f.ReadAt(b, 99); n != 0 || err != io.EOF {
			t.Fatalf("ReadAt beyond the end = %d, %v, want 0, EOF", n, err)
		}
		if _, err := f.ReadAt(b, -1); err == nil || err == io.EOF {
			t.Fatalf("ReadAt(-1) = %v, want an error", err)
		}
		must(t, f.Close())
		wantErr(t, "second Close", f.Close(), fs.ErrClosed)
		wantErr(t, "Sync after Close", f.Sync(), fs.ErrClosed)
		_, err = f.ReadAt(b, 0)
		wantErr(t, "ReadAt after Close", err, fs.ErrClosed)

		_, err = fsys.Open(path.Join(dir, "missing"))
		wantErr(t, "Open of a missing file", err, fs.ErrNotExist)
		_, err = fsys.Open(dir)
		wantErr(t, "Open of a directory", err, syscall.EISDIR)
	})
}

func TestRename(t *testing.T) {
	each(t, func(t *testing.T, fsys vfs.FS, dir string) {
		a, b := path.Join(dir, "a"), path.Join(dir, "b")
		write(t, fsys, a, "new")
		write(t, fsys, b, "old")
		must(t, fsys.Rename(a, b))
		must(t, fsys.SyncDir(dir))
		wantList(t, fsys, dir, "b")
		if got := read(t, fsys, b); got != "new" {
			t.Fatalf("content = %q, want new", got)
		}
		wantErr(t, "Rename of a missing file", fsys.Rename(a, b), fs.ErrNotExist)

		must(t, fsys.MkdirAll(path.Join(dir, "d", "e")))
		must(t, fsys.Rename(b, path.Join(dir, "d", "e", "c")))
		if got := read(t, fsys, path.Join(dir, "d", "e", "c")); got != "new" {
			t.Fatalf("content = %q, want new", got)
		}
		must(t, fsys.Rename(path.Join(dir, "d"), path.Join(dir, "f")))
		wantList(t, fsys, path.Join(dir, "f", "e"), "c")
		wantList(t, fsys, dir, "f")
	})
}

func TestRemove(t *testing.T) {
	each(t, func(t *testing.T, fsys vfs.FS, dir string) {
		name := path.Join(dir, "a")
		write(t, fsys, name, "hello")
		f, err := fsys.Open(name)
		must(t, err)
		must(t, fsys.Remove(name))
		wantErr(t, "second Remove", fsys.Remove(name), fs.ErrNotExist)
		b := make([]byte, 5)
		if n, err := f.ReadAt(b, 0); n != 5 || string(b) != "hello" {
			t.Fatalf("ReadAt after Remove = %q, %v", b[:n], err)
		}
		must(t, f.Close())

		must(t, fsys.MkdirAll(path.Join(dir, "d", "e")))
		write(t, fsys, path.Join(dir, "d", "x"), "x")
		write(t, fsys, path.Join(dir, "d", "e", "y"), "y")
		if err := fsys.Remove(path.Join(dir, "d")); err == nil {
			t.Fatal("Remove of a directory with files succeeded")
		}
		must(t, fsys.RemoveAll(path.Join(dir, "d")))
		must(t, fsys.RemoveAll(path.Join(dir, "d")))
		must(t, fsys.RemoveAll(path.Join(dir, "never", "was")))
		wantList(t, fsys, dir)
	})
}

func TestDirectories(t *testing.T) {
	each(t, func(t *testing.T, fsys vfs.FS, dir string) {
		must(t, fsys.MkdirAll(path.Join(dir, "x", "y", "z")))
		must(t, fsys.MkdirAll(path.Join(dir, "x", "y", "z")))
		for _, name := range []string{"c", "a", "b10", "b9", "ä", "B"} {
			write(t, fsys, path.Join(dir, "x", "y", name), name)
		}
		wantList(t, fsys, path.Join(dir, "x", "y"), "B", "a", "b10", "b9", "c", "z", "ä")
		info, err := fsys.Stat(path.Join(dir, "x", "y", "b10"))
		must(t, err)
		if info.SizeBytes != 3 || info.IsDir || info.ModTime.IsZero() {
			t.Fatalf("Stat of a file = %+v", info)
		}
		info, err = fsys.Stat(path.Join(dir, "x"))
		must(t, err)
		if !info.IsDir || info.SizeBytes != 0 {
			t.Fatalf("Stat of a directory = %+v", info)
		}
		_, err = fsys.Stat(path.Join(dir, "w"))
		wantErr(t, "Stat of a missing name", err, fs.ErrNotExist)
		_, err = fsys.List(path.Join(dir, "w"))
		wantErr(t, "List of a missing directory", err, fs.ErrNotExist)
		wantErr(t, "SyncDir of a missing directory", fsys.SyncDir(path.Join(dir, "w")), fs.ErrNotExist)
		wantErr(t, "MkdirAll over a file", fsys.MkdirAll(path.Join(dir, "x", "y", "a")), syscall.ENOTDIR)
		wantErr(t, "MkdirAll below a file", fsys.MkdirAll(path.Join(dir, "x", "y", "a", "b")), syscall.ENOTDIR)
	})
}

func TestLockHoldsOutTheSecond(t *testing.T) {
	each(t, func(t *testing.T, fsys vfs.FS, dir string) {
		name := path.Join(dir, "LOCK")
		first, err := fsys.Lock(name)
		must(t, err)
		_, err = fsys.Lock(name)
		wantErr(t, "second Lock", err, vfs.ErrLocked)
		must(t, first.Close())
		again, err := fsys.Lock(name)
		must(t, err)
		must(t, again.Close())
		wantErr(t, "second Close", again.Close(), fs.ErrClosed)
		wantList(t, fsys, dir, "LOCK")
	})
}

func TestLockNamesTheHolder(t *testing.T) {
	name := path.Join(t.TempDir(), "LOCK")
	first, err := vfs.OS().Lock(name)
	must(t, err)
	defer first.Close()
	_, err = vfs.OS().Lock(name)
	if want := "lock " + name + ": locked by this process"; err == nil || err.Error() != want {
		t.Fatalf("Lock = %v, want %s", err, want)
	}
}

func TestDiskUsage(t *testing.T) {
	each(t, func(t *testing.T, fsys vfs.FS, dir string) {
		total, free, err := fsys.DiskUsage(dir)
		must(t, err)
		if total == 0 || free > total {
			t.Fatalf("DiskUsage = %d, %d", total, free)
		}
	})
}

func TestReadFileRefusesMoreThanItsLimit(t *testing.T) {
	each(t, func(t *testing.T, fsys vfs.FS, dir string) {
		name := path.Join(dir, "a")
		write(t, fsys, name, "12345")
		if b, err := vfs.ReadFile(fsys, name, 5); err != nil || string(b) != "12345" {
			t.Fatalf("ReadFile = %q, %v", b, err)
		}
		if b, err := vfs.ReadFile(fsys, name, 4); err == nil {
			t.Fatalf("ReadFile over the limit = %q, want an error", b)
		}
		write(t, fsys, path.Join(dir, "empty"), "")
		if b, err := vfs.ReadFile(fsys, path.Join(dir, "empty"), 0); err != nil || len(b) != 0 {
			t.Fatalf("ReadFile of an empty file = %q, %v", b, err)
		}
	})
}

func TestReplace(t *testing.T) {
	each(t, func(t *testing.T, fsys vfs.FS, dir string) {
		name := path.Join(dir, "CURRENT")
		write(t, fsys, name+".tmp", "left behind")
		for _, content := range []string{"one", "", "three"} {
			must(t, vfs.Replace(fsys, name, []byte(content)))
			if got := read(t, fsys, name); got != content {
				t.Fatalf("content = %q, want %q", got, content)
			}
		}
		wantList(t, fsys, dir, "CURRENT")
	})
}

func TestLargeWriteComesBackWhole(t *testing.T) {
	each(t, func(t *testing.T, fsys vfs.FS, dir string) {
		data := bytes.Repeat([]byte("0123456789abcde"), 1<<16)
		must(t, vfs.Replace(fsys, path.Join(dir, "big"), data))
		got, err := vfs.ReadFile(fsys, path.Join(dir, "big"), 1<<20)
		must(t, err)
		if !bytes.Equal(got, data) {
			t.Fatal("content differs")
		}
	})
}

func TestLinkGivesASecondName(t *testing.T) {
	each(t, func(t *testing.T, fsys vfs.FS, dir string) {
		a, b := path.Join(dir, "a"), path.Join(dir, "b")
		write(t, fsys, a, "hello")
		must(t, fsys.Link(a, b))
		must(t, fsys.SyncDir(dir))
		wantErr(t, "Link to a taken name", fsys.Link(a, b), fs.ErrExist)
		wantErr(t, "Link of nothing", fsys.Link(path.Join(dir, "c"), path.Join(dir, "d")), fs.ErrNotExist)
		wantErr(t, "Link into a missing directory", fsys.Link(a, path.Join(dir, "x", "d")), fs.ErrNotExist)
		must(t, fsys.MkdirAll(path.Join(dir, "e")))
		if err := fsys.Link(path.Join(dir, "e"), path.Join(dir, "f")); err == nil {
			t.Error("a directory has a second name")
		}
		must(t, fsys.Remove(a))
		if got := read(t, fsys, b); got != "hello" {
			t.Errorf("the other name has %q", got)
		}
		wantList(t, fsys, dir, "b", "e")
	})
}

func TestALinkIsAsDurableAsItsName(t *testing.T) {
	m := vfs.NewMem()
	must(t, m.MkdirAll("/d"))
	write(t, m, "/d/a", "hello")
	f, err := m.OpenAppend("/d/a")
	must(t, err)
	must(t, f.Sync())
	must(t, m.SyncDir("/d"))
	must(t, m.Link("/d/a", "/d/b"))
	wantList(t, m.CrashClone(nil, vfs.CrashOptions{Keep: vfs.KeepNone}), "/d", "a")
	must(t, m.SyncDir("/d"))
	left := m.CrashClone(nil, vfs.CrashOptions{Keep: vfs.KeepNone})
	must(t, left.Remove("/d/a"))
	if got := read(t, left, "/d/b"); got != "hello" {
		t.Errorf("the second name has %q", got)
	}
}
