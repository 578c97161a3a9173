package main

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/cmd/clew/serve"
	"github.com/clew-tracing/clew/internal/corpus"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/spandb/folder"
	"github.com/clew-tracing/clew/storage"
	"github.com/clew-tracing/clew/vfs"
)

// TestDamageNamesItsRemedy searches a store in which a segment is damaged: the command
// prints what there is, says what is missing and what is to be done, and ends with 3;
// the server's health has it too, and its log once.
func TestDamageNamesItsRemedy(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	db, err := spandb.Open(vfs.OS(), data, spandb.Config{})
	if err != nil {
		t.Fatal(err)
	}
	for _, body := range corpus.Requests(corpus.Shop, 1, 5000, 500) { // enough to be sealed at the end
		if _, err := db.Append(t.Context(), storage.Record{Tenant: clew.DefaultTenant, Body: body, ReceivedAt: time.Now()}); err != nil {
			t.Fatal(err)
		}
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	m, err := folder.ReadManifest(vfs.OS(), data)
	if err != nil || len(m.Segments) != 1 {
		t.Fatalf("%d segments, %v", len(m.Segments), err)
	}
	for _, s := range m.Segments {
		b, err := os.ReadFile(s.Path(data))
		if err != nil {
			t.Fatal(err)
		}
		for i := len(b) / 4; i < len(b)/2; i++ { // rows, not the directory behind them
			b[i] ^= 0x10
		}
		if err := os.WriteFile(s.Path(data), b, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	p := startServer(t, dir, "--data", data)
	for range 3 {
		out, _, err := cli(nil, "search", "--server", p.url(serve.DoorPage), "--count", "{ span:duration > 0ns && name != \"\" && span.http.route != \"\" }")
		if !errors.Is(err, errPartly) || !strings.Contains(err.Error(), "of the data was searched: ") || !strings.Contains(err.Error(), "stop the server and run clew verify --repair") ||
			!strings.Contains(out, "spans ") {
			t.Fatalf("search of a damaged store: %v, printed %q", err, out)
		}
	}
	var health struct {
		Store struct {
			Damage *struct {
				Places         int
				Latest, Remedy string
			}
		}
	}
	resp, err := http.Get(p.url(serve.DoorPage) + "/api/v1/health")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if err := json.NewDecoder(resp.Body).Decode(&health); err != nil {
		t.Fatal(err)
	}
	if d := health.Store.Damage; d == nil || d.Places == 0 || !strings.Contains(d.Latest, ".seg: offset") || !strings.Contains(d.Remedy, "clew verify --repair") {
		t.Errorf("health tells of damage %+v", d)
	}
	if n := strings.Count(p.log.String(), "damage on disk"); n != health.Store.Damage.Places {
		t.Errorf("%d lines about %d places of damage", n, health.Store.Damage.Places)
	}
}
