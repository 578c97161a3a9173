package serve

import (
	"cmp"
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/clew-tracing/clew"
	v1 "github.com/clew-tracing/clew/api/v1"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/internal/config"
	"github.com/clew-tracing/clew/internal/upkeep"
	"github.com/clew-tracing/clew/spandb"
	"github.com/clew-tracing/clew/vfs"
)

// apiHandler is the read API with what only the server knows: its own health,
// the demo shop, the test trace. Reading needs the right to read, sending a test
// trace that to write, and the shop is the administrator's.
func (s *server) apiHandler() http.Handler {
	own := v1.New(v1.Config{
		Store:    s.store,
		Numbers:  s.services.Numbers,
		Health:   s.health,
		TestSpan: s.testSpan,
		SetDemo:  s.setDemo,
		Leaving:  s.streams.Done(),
		Logger:   s.log,

		Budget:      s.budget(),
		Turns:       s.turns,
		LayoutBytes: int(s.memory.Layouts),
	})
	mux := http.NewServeMux()
	mux.Handle("POST /api/v1/test-span", s.gate.Guard(config.Write, denyJSON, own))
	mux.Handle("POST /api/v1/demo", s.gate.Guard(config.Admin, denyJSON, own))
	s.backups = upkeep.NewBackupServer(HeldStore{DB: s.store}, vfs.OS(), string(s.settings.Data))
	mux.Handle(upkeep.BackupPath, s.gate.GuardAll(denyJSON, s.backups))
	mux.Handle(upkeep.BackupPath+"/", s.gate.GuardAll(denyJSON, s.backups))
	mux.Handle("/", s.gate.Guard(config.Read, denyJSON, own))
	return s.whileReady(writeBusy, mux)
}

// health is the server's state as the API tells it.
func (s *server) health(t clew.Tenant) v1.Health {
	now := time.Now()
	stats := s.store.Stats()
	census := s.census.Of(t)
	h := v1.Health{
		Version: s.version, StartedAt: decimalNanos(s.started), UptimeSeconds: now.Sub(s.started).Seconds(),
		Now: decimalNanos(now), Ready: s.notReady() == "",
		Store: v1.StoreHealth{
			Kind: "embedded", Path: string(s.settings.Data), Bytes: stats.DiskBytes, Segments: stats.Segments,
			HeadRows: stats.HeadRows, WALBytes: stats.LogBytes, Spans: census.Spans, Services: census.Services,
			RetentionSeconds: stats.Retention.Seconds(), MaxDiskBytes: stats.MaxBytes,
			Durability: stats.Durability.String(), DurabilityIntervalSeconds: stats.SyncEvery.Seconds(),
		},
		Ingest: s.ingestHealth(),
	}
	if stats.Tenants <= 1 && (stats.Tenants == 0 || t == clew.DefaultTenant) {
		h.Store.Spans = stats.SegmentRows + stats.HeadRows // exact, and at no cost
	}
	if !stats.OldestArrival.IsZero() {
		h.Store.Oldest = decimalNanos(stats.OldestArrival)
	}
	if stats.Damage != nil {
		h.Store.Damage = &v1.DamageHealth{Places: stats.Damages, Latest: stats.Damage.Error(), Remedy: mendText}
	}
	h.Store.State, h.Store.StateReason = storeState(stats)
	if err := cmp.Or(stats.Failed, stats.Full, stats.Trouble, s.services.Err()); err != nil {
		h.Store.LastError = err.Error()
	}
	for _, d := range s.doors {
		door := v1.DoorHealth{Name: d.Name, Protocol: d.Protocol, Address: d.Address(), State: "open", Setting: "--" + d.Setting}
		switch {
		case errors.Is(d.Refusal, errBarred):
			door.State, door.Error = "closed", d.Refusal.Error()
		case d.Refusal != nil:
			door.State, door.Error = "failed", d.Refusal.Error()
		case door.Address == "":
			door.State, door.Error = "closed", "switched off by --"+d.Setting
		}
		h.Doors = append(h.Doors, door)
	}
	running, rate := s.demo.state()
	h.Demo = &v1.Demo{Running: running, SpansPerSecond: rate}
	return h
}

// mendText is what is to be done about damage.
const mendText = "to mend it, stop the server and run clew verify --repair"

func decimalNanos(t time.Time) string { return strconv.FormatInt(t.UnixNano(), 10) }

// ingestHealth adds up what came through the doors.
func (s *server) ingestHealth() v1.IngestHealth {
	var out v1.IngestHealth
	refused := map[string]v1.RefusedCount{}
	var last ingest.Refusal
	for _, d := range s.doorStats() {
		out.Accepted += d.Accepted
		out.Bytes += d.Bytes
		for reason, n := range d.Refused {
			r := refused[reason]
			r.Spans += n
			refused[reason] = r
			out.Received += n
		}
		for kind, n := range d.Errors {
			r := refused[kind]
			r.Requests += n
			refused[kind] = r
		}
		if d.LastRefusal.Time.After(last.Time) {
			last = d.LastRefusal
		}
	}
	out.Received += out.Accepted
	for reason, r := range refused {
		r.Reason = reason
		out.Refused = append(out.Refused, r)
	}
	slices.SortFunc(out.Refused, func(a, b v1.RefusedCount) int {
		return cmp.Or(cmp.Compare(b.Spans+b.Requests, a.Spans+a.Requests), cmp.Compare(a.Reason, b.Reason))
	})
	if !last.Time.IsZero() {
		out.LastRefused = &v1.LastRefused{Time: decimalNanos(last.Time), Door: last.Door, Reason: last.Reason}
	}
	return out
}

// doorStats returns the counts of each door that takes spans.
func (s *server) doorStats() map[string]ingest.Stats {
	out := make(map[string]ingest.Stats, len(s.takers)) // there are none before the doors are made
	for _, t := range s.takers {
		out[t.door] = t.of.Stats()
	}
	return out
}

// setDemo starts or stops the shop beside the server.
func (s *server) setDemo(start bool, spansPerSecond float64) (v1.Demo, error) {
	switch {
	case !start:
		s.demo.stop(demoPatience)
	case s.gate.Asks():
		return v1.Demo{}, clew.Errorf(clew.Unsupported, "the demo shop has no token, and this server asks for one")
	case s.settings.TLSCert != "":
		return v1.Demo{}, clew.Errorf(clew.Unsupported, "the demo shop does not speak TLS, and this server's doors do")
	case s.demo.endpoint == "":
		return v1.Demo{}, clew.Errorf(clew.Unsupported, "the demo shop needs the OTLP door for gRPC, which is off (--otlp-grpc-port)")
	default:
		if spansPerSecond == 0 {
			spansPerSecond = float64(s.settings.DemoRate.N)
		}
		s.demo.start(spansPerSecond)
	}
	running, rate := s.demo.state()
	return v1.Demo{Running: running, SpansPerSecond: rate}, nil
}

// HeldStore is the store as upkeep knows it.
type HeldStore struct{ *spandb.DB }

// Hold implements upkeep.Store.
func (s HeldStore) Hold() (upkeep.Holding, error) { return s.Backup() }
