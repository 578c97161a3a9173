package upkeep

import (
	"context"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/state"
	"github.com/clew-tracing/clew/vfs"
)

// serve answers backups of a store and returns how to ask.
func serve(t *testing.T, db *spandb.DB, fs vfs.FS) (*BackupServer, Asker) {
	t.Helper()
	s := NewBackupServer(heldStore{db}, fs, "/data")
	web := httptest.NewServer(s)
	t.Cleanup(func() {
		s.Close()
		web.Close()
	})
	return s, func(ctx context.Context, method, path string) (*http.Response, error) {
		req, err := http.NewRequestWithContext(ctx, method, web.URL+path, nil)
		if err != nil {
			return nil, err
		}
		return web.Client().Do(req)
	}
}

// TestBackupOverHTTP copies a store that only the server can read.
func TestBackupOverHTTP(t *testing.T) {
	fs, dest := vfs.NewMem(), vfs.NewMem()
	db := open(t, fs, "/data", spandb.Config{SealRows: 60})
	all := feed(t, db, 1, 40)
	settled(t, db, 4)
	must(t, state.Save(fs, "/data/services.doc", "numbers"))
	s, ask := serve(t, db, fs)
	src, snap, err := beginRemote(ctx, ask)
	must(t, err)
	c := &copier{fs: dest, dir: "/backup", snap: snap, src: src, link: true} // there is nothing to link
	done, err := c.backup(ctx)
	must(t, err)
	must(t, src.Close())
	if int(done.Spans) != len(all) || done.Linked > 0 || done.Heads != len(snap.Heads) || snap.Dir != "/data" {
		t.Errorf("%+v of %s", done, snap.Dir)
	}
	awaitNone(t, s)
	must(t, db.Close())
	wantSound(t, dest, "/backup")
	wantRows(t, dest, "/backup", all)
}

// TestBackupServerSaysNo: too many at once, what is not there, what was given already,
// damage; and what it holds it lets go in the end.
func TestBackupServerSaysNo(t *testing.T) {
	fs := vfs.NewMem()
	db := open(t, fs, "/data", spandb.Config{SealRows: 60, Events: spandb.Events{Damaged: func(error) {}}})
	feed(t, db, 1, 42)
	settled(t, db, 4)
	s, ask := serve(t, db, fs)
	src, snap, err := beginRemote(ctx, ask)
	must(t, err)
	second, _, err := beginRemote(ctx, ask)
	must(t, err)
	if _, _, err := beginRemote(ctx, ask); clew.KindOf(err) != clew.Busy || !strings.Contains(err.Error(), "2 backups") {
		t.Errorf("a third: %v", err)
	}
	must(t, second.Close())
	for held(s) > 1 {
		runtime.Gosched()
	}
	head, err := src.Head(ctx, 0)
	must(t, err)
	head.Close()
	must(t, fs.Remove(snap.Segments[0].Path("/data")))
	for what, test := range map[string]struct {
		get  func() error
		kind clew.ErrorKind
		text string
	}{
		"a head twice":          {func() error { _, err := src.Head(ctx, 0); return err }, clew.Internal, "no head 0 any more"},
		"a segment too many":    {func() error { _, err := src.Segment(ctx, len(snap.Segments)); return err }, clew.Internal, "no segment"},
		"a segment before all":  {func() error { _, err := src.Segment(ctx, -1); return err }, clew.Internal, "no segment"},
		"a segment that is not": {func() error { _, err := src.Segment(ctx, 0); return err }, clew.Corrupt, snap.Segments[0].Path("/data")},
		"a path":                {func() error { _, err := src.Document(ctx, "..%2FCURRENT"); return err }, clew.Internal, "no document"},
		"no number":             {func() error { _, err := src.get(ctx, "segment/x"); return err }, clew.Internal, "no number"},
		"another's":             {func() error { _, err := second.Segment(ctx, 0); return err }, clew.Internal, "begin again"},
	} {
		if err := test.get(); clew.KindOf(err) != test.kind || !strings.Contains(err.Error(), test.text) {
			t.Errorf("%s: %v of kind %v, want %q, %v", what, err, clew.KindOf(err), test.text, test.kind)
		}
	}
	if doc, err := src.Document(ctx, "services.doc"); doc != nil || err != nil {
		t.Errorf("a document that is not there: %q, %v", doc, err)
	}
	s.Close()
	if _, err := src.Segment(ctx, 1); err == nil {
		t.Error("a closed server gives segments")
	}
	if _, _, err := beginRemote(ctx, ask); clew.KindOf(err) != clew.Busy {
		t.Errorf("a closed server begins backups: %v", err)
	}
	must(t, db.Close())
}

// TestWhoeverIsGoneHoldsNothing: the end of the connection is the end of the backup,
// whether it was said or the client was killed.
func TestWhoeverIsGoneHoldsNothing(t *testing.T) {
	fs := vfs.NewMem()
	db := open(t, fs, "/data", spandb.Config{SealRows: 60})
	feed(t, db, 1, 8)
	s, ask := serve(t, db, fs)
	for _, leave := range []func(src *remote, kill func()){
		func(src *remote, _ func()) { must(t, src.Close()) },
		func(_ *remote, kill func()) { kill() },
	} {
		ctx, kill := context.WithCancel(ctx)
		src, _, err := beginRemote(ctx, ask)
		must(t, err)
		if held(s) != 1 {
			t.Fatalf("%d are held", held(s))
		}
		leave(src, kill)
		awaitNone(t, s)
		if _, err := s.find(src.id); clew.KindOf(err) != clew.NotFound {
			t.Errorf("it is there still: %v", err)
		}
		kill()
	}
	must(t, db.Close())
}

func held(s *BackupServer) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.held)
}

// awaitNone returns when the server holds nothing.
func awaitNone(t *testing.T, s *BackupServer) {
	t.Helper()
	for end := time.Now().Add(time.Minute); held(s) > 0; runtime.Gosched() {
		if time.Now().After(end) {
			t.Fatal("it is held for ever")
		}
	}
}

// TestAnotherServerAnswers: what is no backup server is not taken for one.
func TestAnotherServerAnswers(t *testing.T) {
	for body, want := range map[string]string{
		`<html>`: "404", `{"error":{"kind":"invalid","message":"no such path"}}`: "makes no backups: no such path",
	} {
		web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.WriteHeader(http.StatusNotFound)
			_, _ = w.Write([]byte(body))
		}))
		_, _, err := beginRemote(ctx, func(context.Context, string, string) (*http.Response, error) { return web.Client().Get(web.URL) })
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", body, err, want)
		}
		web.Close()
	}
}
