package upkeep

import (
	"errors"
	"io"
	"maps"
	"math/rand/v2"
	"path"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"context"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/state"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

// take makes a backup of an open store.
func take(t testing.TB, db *spandb.DB, fs, destFS vfs.FS, dest string, link bool) (*Copied, error) {
	t.Helper()
	b, err := db.Backup()
	must(t, err)
	src := &local{fs, "/data", b}
	defer src.Close()
	c := &copier{fs: destFS, dir: dest, snap: snapshotOf(b, "/data"), src: src, link: link}
	return c.backup(ctx)
}

// settled waits until a store has so many segments.
func settled(t testing.TB, db *spandb.DB, segments int) {
	t.Helper()
	for end := time.Now().Add(time.Minute); db.Stats().Segments < segments; {
		if time.Now().After(end) {
			t.Fatalf("%+v, want %d segments", db.Stats(), segments)
		}
	}
}

// TestBackup copies a store that goes on: each backup has what had been acknowledged,
// opens as a store, and copies only what the one before has not.
func TestBackup(t *testing.T) {
	for _, link := range []bool{false, true} {
		fs := vfs.NewMem()
		db := open(t, fs, "/data", spandb.Config{SealRows: 60})
		all := feed(t, db, 1, 30)
		settled(t, db, 4)
		must(t, state.Save(fs, "/data/services.doc", "numbers"))
		kept := 0
		for round := range 4 {
			done, err := take(t, db, fs, fs, "/backup", link)
			must(t, err)
			if done.Heads == 0 || done.Kept < kept || round > 0 && done.Kept == 0 || done.Linked > 0 && !link || round == 0 && link && done.Linked == 0 || len(done.Missing) > 0 {
				t.Errorf("round %d, links %v: %+v", round, link, done)
			}
			if int(done.Spans) != len(all) || done.Kept+done.Linked+done.Copied != done.Segments {
				t.Errorf("round %d: %+v, want %d spans", round, done, len(all))
			}
			kept = done.Segments - done.Heads
			copied := clone(t, fs)
			v := wantSound(t, copied, "/backup")
			if v.Segments != done.Segments || segmentFiles(copied, "/backup") != done.Segments {
				t.Errorf("round %d: %d segments are verified, %d files, want %d", round, v.Segments, segmentFiles(copied, "/backup"), done.Segments)
			}
			if got, err := documentIn(copied, "/backup/services.doc"); got != "numbers" {
				t.Errorf("round %d: the document has %q, %v", round, got, err)
			}
			must(t, copied.RemoveAll("/data")) // it needs nothing of the store
			wantRows(t, copied, "/backup", all)
			maps.Copy(all, feed(t, db, uint64(10+round), 12))
		}
		must(t, db.Close())
		wantRows(t, fs, "/data", all)
	}
}

func segmentFiles(fs vfs.FS, dir string) (n int) {
	_ = eachSegmentFile(fs, dir, func(string, uint64) error { n++; return nil })
	return n
}

// TestBackupUnderLoad: while requests come in, a backup has every span that was
// acknowledged before it began, no span twice, and no half request.
func TestBackupUnderLoad(t *testing.T) {
	fs := vfs.NewMem()
	db := open(t, fs, "/data", spandb.Config{SealRows: 100})
	var mu sync.Mutex
	acked, sent := rows{}, rows{}
	stop := make(chan struct{})
	var senders sync.WaitGroup
	for sender := range 3 {
		senders.Go(func() {
			for i, body := range corpus.Requests("shop", uint64(sender+1), 12*400, 12) {
				select {
				case <-stop:
					return
				default:
				}
				tenant := clew.Tenant([]string{"default", "b"}[i%2])
				ids := idsOf(t, tenant, body)
				mu.Lock()
				maps.Copy(sent, ids)
				mu.Unlock()
				_, err := db.Append(ctx, storage.Record{Tenant: tenant, Body: body, ReceivedAt: time.Now()})
				if err != nil && clew.KindOf(err) != clew.Busy {
					t.Error(err)
				}
				if err == nil {
					mu.Lock()
					maps.Copy(acked, ids)
					mu.Unlock()
				}
			}
		})
	}
	for round := range 6 {
		settled(t, db, 2*round)
		mu.Lock()
		before := maps.Clone(acked)
		mu.Unlock()
		_, err := take(t, db, fs, fs, "/backup", round%2 == 0)
		must(t, err)
		copied := clone(t, fs)
		wantSound(t, copied, "/backup")
		restored := open(t, copied, "/backup", spandb.Config{})
		got := rowsIn(t, restored)
		must(t, restored.Close())
		mu.Lock()
		for id, n := range got {
			if n != 1 || sent[id] == 0 {
				t.Errorf("round %d: row %v is there %d times", round, id, n)
			}
		}
		mu.Unlock()
		for id := range before {
			if got[id] == 0 {
				t.Fatalf("round %d: row %v was acknowledged before, and is not there", round, id)
			}
		}
	}
	close(stop)
	senders.Wait()
	must(t, db.Close())
}

// TestBackupOfAReadOnlyStore: when the disk of a store has failed, a backup is what
// one wants most.
func TestBackupOfAReadOnlyStore(t *testing.T) {
	mem := vfs.NewMem()
	fail := false
	fs := vfs.NewFault(mem, vfs.Plan{FailAt: 1, Sticky: true, Err: syscall.EIO, Only: func(op, name string) bool {
		return fail && strings.HasPrefix(name, "/data") && (op == "write" || op == "sync")
	}})
	db := open(t, fs, "/data", spandb.Config{SealRows: 60})
	all := feed(t, db, 1, 12)
	settled(t, db, 1)
	fail = true
	body := corpus.Requests("shop", 99, 12, 12)[0]
	if _, err := db.Append(ctx, storage.Record{Tenant: "default", Body: body, ReceivedAt: time.Now()}); clew.KindOf(err) != clew.Busy {
		t.Fatalf("Append = %v", err)
	}
	done, err := take(t, db, fs, mem, "/backup", false)
	must(t, err)
	if int(done.Spans) != len(all) {
		t.Errorf("%+v, want %d spans", done, len(all))
	}
	_ = db.Close() // its disk is broken
	wantSound(t, mem, "/backup")
	wantRows(t, mem, "/backup", all)
}

// TestBackupOfADamagedStore: what cannot be read is named, the rest is there.
func TestBackupOfADamagedStore(t *testing.T) {
	fs := vfs.NewMem()
	db := open(t, fs, "/data", spandb.Config{SealRows: 60, Events: spandb.Events{Damaged: func(error) {}}})
	feed(t, db, 1, 60)
	settled(t, db, 6)
	b, err := db.Backup()
	must(t, err)
	lost := b.Segments[0]
	b.Close()
	must(t, fs.Remove(lost.Path("/data")))
	before := db.Stats()
	done, err := take(t, db, fs, fs, "/backup", false)
	must(t, err)
	if len(done.Missing) != 1 || !strings.Contains(done.Missing[0].Error(), lost.Path("/data")) || done.Segments-done.Heads != before.Segments-1 {
		t.Errorf("%+v, want all but %s", done, lost.Path("/data"))
	}
	wantSound(t, fs, "/backup")
	must(t, db.Close())
}

// TestWhereABackupMayGo: into a folder that is empty or has one, nowhere else.
func TestWhereABackupMayGo(t *testing.T) {
	fs := vfs.NewMem()
	db := open(t, fs, "/data", spandb.Config{SealRows: 60})
	feed(t, db, 1, 12)
	other := open(t, fs, "/store", spandb.Config{})
	must(t, fs.MkdirAll("/full"))
	must(t, vfs.Replace(fs, "/full/letter", []byte("mine")))
	_, err := take(t, db, fs, fs, "/served", false)
	must(t, err)
	served := open(t, fs, "/served", spandb.Config{})
	for dest, want := range map[string]string{
		"/store": "in use", "/data": "in use", "/served": "in use", "/full": "is not empty and holds no backup",
	} {
		if _, err := take(t, db, fs, fs, dest, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("backup into %s: %v, want %q", dest, err, want)
		}
	}
	feed(t, served, 2, 4)
	must(t, served.Close())
	must(t, other.Close())
	for dest, want := range map[string]string{"/store": "is no backup", "/served": "was opened as a store since"} {
		if _, err := take(t, db, fs, fs, dest, false); clew.KindOf(err) != clew.Invalid || !strings.Contains(err.Error(), want) {
			t.Errorf("backup into %s: %v, want %q", dest, err, want)
		}
	}
	must(t, db.Close())
	if got, err := vfs.ReadFile(fs, "/full/letter", 100); string(got) != "mine" {
		t.Errorf("what was there is %q, %v", got, err)
	}
}

// TestBackupCutOff cuts the power, or kills the process, at every sync of a first
// backup and of a second into the same folder. What is left is never half a backup
// that opens as if it were whole: it is the one before, the new one, or refused by
// name. The next run goes on with it.
func TestBackupCutOff(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	fs := vfs.NewMem()
	db := open(t, fs, "/data", spandb.Config{SealRows: 60})
	first := feed(t, db, 1, 24)
	settled(t, db, 2)
	rng := rand.New(rand.NewPCG(3, 4))
	modes := []vfs.CrashOptions{{Keep: vfs.KeepNone}, {Keep: vfs.KeepAll}, {Keep: vfs.KeepRandom},
		{Keep: vfs.KeepRandom, Tear: true}, {Keep: vfs.KeepRandom, Reorder: true, Tear: true}}
	run := func(old, now rows, link bool) {
		var disks []*vfs.Mem
		fs.OnSync(func(op string) {
			if strings.Contains(op, "/backup") {
				for _, m := range modes {
					disks = append(disks, fs.CrashClone(rng, m))
				}
			}
		})
		_, err := take(t, db, fs, fs, "/backup", link)
		must(t, err)
		fs.OnSync(nil)
		whole, refused := 0, 0
		for i, disk := range disks {
			goOn := clone(t, disk)
			before := segmentFiles(goOn, "/backup")
			cut, err := spandb.Open(disk, "/backup", spandb.Config{})
			if err != nil {
				if refused++; old != nil || clew.KindOf(err) != clew.Invalid || !strings.Contains(err.Error(), "unfinished") {
					t.Fatalf("cut %d: Open = %v", i, err)
				}
			} else {
				got := rowsIn(t, cut)
				must(t, cut.Close())
				for id, n := range got {
					if n != 1 {
						t.Fatalf("cut %d: row %v is there %d times", i, id, n)
					}
				}
				if len(got) > 0 || old != nil {
					whole++
					for id := range old {
						if got[id] == 0 {
							t.Fatalf("cut %d: row %v of the backup before is gone", i, id)
						}
					}
				}
				if len(got) > 0 && old == nil && got.differ(now) != "" {
					t.Fatalf("cut %d: half a backup opens: %s", i, got.differ(now))
				}
			}
			done, err := take(t, db, fs, goOn, "/backup", false)
			must(t, err)
			if int(done.Spans) != len(now) || before > 3 && done.Kept == 0 {
				t.Fatalf("cut %d: going on with %d files: %+v", i, before, done)
			}
			wantSound(t, goOn, "/backup")
			wantRows(t, goOn, "/backup", now)
		}
		if len(disks) < 40 || whole == 0 || old == nil && refused == 0 {
			t.Errorf("%d cuts, %d whole, %d refused", len(disks), whole, refused)
		}
	}
	run(nil, first, true)
	second := maps.Clone(first)
	maps.Copy(second, feed(t, db, 2, 16))
	run(first, second, false)
	must(t, db.Close())
}

// TestBackupFaults fails every operation on the backup's disk in turn: the error is
// clean, and the next run makes the backup whole.
func TestBackupFaults(t *testing.T) {
	if testing.Short() {
		t.Skip("much work, one goroutine")
	}
	fs := vfs.NewMem()
	db := open(t, fs, "/data", spandb.Config{SealRows: 60})
	all := feed(t, db, 1, 12)
	for n := 1; ; n++ {
		dest := vfs.NewMem()
		faulty := vfs.NewFault(dest, vfs.Plan{FailAt: n, Err: syscall.ENOSPC, ShortWrite: true})
		done, err := take(t, db, fs, faulty, "/backup", false)
		if faulty.Ops() < n {
			must(t, err)
			break
		}
		if err != nil && !errors.Is(err, syscall.ENOSPC) {
			t.Fatalf("operation %d: %v", n, err)
		}
		if err == nil && (len(done.Missing) > 0 || int(done.Spans) != len(all)) {
			t.Fatalf("operation %d: %+v", n, done)
		}
		_, err = take(t, db, fs, dest, "/backup", false)
		if err != nil {
			t.Fatalf("operation %d: the next run: %v", n, err)
		}
		wantSound(t, dest, "/backup")
		wantRows(t, dest, "/backup", all)
	}
	must(t, db.Close())
}

// TestBackupInterrupted: Ctrl-C ends it within a segment, and nothing is half there.
func TestBackupInterrupted(t *testing.T) {
	fs := vfs.NewMem()
	db := open(t, fs, "/data", spandb.Config{SealRows: 60})
	all := feed(t, db, 1, 30)
	settled(t, db, 4)
	b, err := db.Backup()
	must(t, err)
	ctx, cancel := context.WithCancel(ctx)
	src := &interrupting{local{fs, "/data", b}, cancel}
	c := &copier{fs: fs, dir: "/backup", snap: snapshotOf(b, "/data"), src: src}
	if _, err := c.backup(ctx); clew.KindOf(err) != clew.Canceled {
		t.Fatalf("backup = %v, want it interrupted", err)
	}
	must(t, src.Close())
	if _, err := spandb.Open(fs, "/backup", spandb.Config{}); clew.KindOf(err) != clew.Invalid {
		t.Errorf("Open = %v", err)
	}
	_, err = take(t, db, fs, fs, "/backup", false)
	must(t, err)
	must(t, db.Close())
	wantSound(t, fs, "/backup")
	wantRows(t, fs, "/backup", all)
}

// interrupting is a source at whose second segment somebody presses Ctrl-C.
type interrupting struct {
	local
	cancel func()
}

func (i *interrupting) Segment(ctx context.Context, n int) (io.ReadCloser, error) {
	if n == 1 {
		i.cancel()
	}
	return i.local.Segment(ctx, n)
}

// TestRestore brings a backup back, and a store that was copied with its log.
func TestRestore(t *testing.T) {
	fs := vfs.NewMem()
	db := open(t, fs, "/data", spandb.Config{SealRows: 60})
	all := feed(t, db, 1, 30)
	settled(t, db, 4)
	must(t, state.Save(fs, "/data/services.doc", "numbers"))
	_, err := take(t, db, fs, fs, "/backup", true)
	must(t, err)
	if _, err := restore(ctx, fs, "/data", "/new", false, nil); clew.KindOf(err) != clew.Busy {
		t.Errorf("restore of a store in use: %v", err)
	}
	must(t, db.Close())
	for i, from := range []string{"/backup", "/data"} {
		to := []string{"/new", "/there"}[i]
		if i == 1 {
			must(t, fs.MkdirAll(to))
		}
		r, err := restore(ctx, fs, from, to, false, nil)
		must(t, err)
		wantSound(t, fs, to)
		if got, err := documentIn(fs, to+"/services.doc"); got != "numbers" {
			t.Errorf("%s: the document has %q, %v", to, got, err)
		}
		if r.Segments == 0 || list(fs, to+"/wal") == nil && i == 1 {
			t.Errorf("%+v", r)
		}
		wantRows(t, fs, to, all)
		if _, err := restore(ctx, fs, from, to, false, nil); clew.KindOf(err) != clew.Invalid || !strings.Contains(err.Error(), "not empty") {
			t.Errorf("restore over a store: %v", err)
		}
	}
	for _, name := range list(fs, "/new") {
		if name == backupName || name == folder.UnfinishedName {
			t.Errorf("the store has %s", name)
		}
	}
}

// TestRestoreFails fails every operation of a restore: what stays behind is an empty
// folder, or one that is refused by name, never half a store.
func TestRestoreFails(t *testing.T) {
	fs := vfs.NewMem()
	db := open(t, fs, "/data", spandb.Config{SealRows: 60})
	all := feed(t, db, 1, 12)
	must(t, db.Close())
	for n := 1; ; n++ {
		disk := clone(t, fs)
		faulty := vfs.NewFault(disk, vfs.Plan{FailAt: n, Err: syscall.EIO, Sticky: n%2 == 0})
		_, err := restore(ctx, faulty, "/data", "/new", false, nil)
		if faulty.Ops() < n {
			must(t, err)
			return
		}
		if err != nil && !errors.Is(err, syscall.EIO) {
			t.Fatalf("operation %d: %v", n, err)
		}
		again, openErr := spandb.Open(disk, "/new", spandb.Config{})
		if openErr != nil {
			if err == nil || clew.KindOf(openErr) != clew.Invalid {
				t.Fatalf("operation %d: restore = %v, Open = %v", n, err, openErr)
			}
			continue
		}
		got := rowsIn(t, again)
		must(t, again.Close())
		if len(got) > 0 && got.differ(all) != "" || err == nil && len(got) == 0 {
			t.Fatalf("operation %d: restore = %v, and %d rows are there", n, err, len(got))
		}
		if err != nil && n%2 == 1 {
			if names := list(disk, path.Clean("/new")); len(got) == 0 && len(names) > 5 {
				t.Errorf("operation %d: %v stays behind", n, names)
			}
		}
	}
}
