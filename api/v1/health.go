package v1

import (
	"github.com/clew-tracing/clew"
)

// Health is the state of the server, as openapi.yaml says. Times are decimal
// nanoseconds since 1970.
type Health struct {
	Version       string       `json:"version"`
	StartedAt     string       `json:"startedAt"`
	UptimeSeconds float64      `json:"uptimeSeconds"`
	Now           string       `json:"now"`
	Ready         bool         `json:"ready"`
	Doors         []DoorHealth `json:"doors"`
	Store         StoreHealth  `json:"store"`
	Ingest        IngestHealth `json:"ingest"`
	Demo          *Demo        `json:"demo,omitempty"`
}

// DoorHealth is one address that is listened on.
type DoorHealth struct {
	Name     string `json:"name"`
	Protocol string `json:"protocol"`
	Address  string `json:"address"`
	State    string `json:"state"` // open, closed, failed
	Error    string `json:"error,omitempty"`
	Setting  string `json:"setting,omitempty"`
}

// StoreHealth is what the store holds.
type StoreHealth struct {
	Kind             string  `json:"kind"`
	Path             string  `json:"path,omitempty"`
	Bytes            int64   `json:"bytes"`
	Segments         int     `json:"segments"`
	HeadRows         int64   `json:"headRows"`
	WALBytes         int64   `json:"walBytes"`
	Spans            int64   `json:"spans"`
	Services         int     `json:"services"`
	Oldest           string  `json:"oldest,omitempty"`
	RetentionSeconds float64 `json:"retentionSeconds"`
	MaxDiskBytes     int64   `json:"maxDiskBytes"`
	// State is what becomes of what comes: open, full (until there is room on the
	// disk) or read-only (until a restart), and StateReason why.
	State       string `json:"state,omitempty"`
	StateReason string `json:"stateReason,omitempty"`
	// Durability is when a reply leaves: sync, interval or os. With interval,
	// DurabilityIntervalSeconds is how much time a power cut may take.
	Durability                string  `json:"durability,omitempty"`
	DurabilityIntervalSeconds float64 `json:"durabilityIntervalSeconds,omitempty"`
	LastError                 string  `json:"lastError,omitempty"`
	// Damage is what was met of it on disk, nil if none was.
	Damage *DamageHealth `json:"damage,omitempty"`
}

// DamageHealth is damage that was met since the start of the process. Whoever asks gets
// what is not damaged, and is told what is missing.
type DamageHealth struct {
	Places int64  `json:"places"`
	Latest string `json:"latest"`
	Remedy string `json:"remedy"`
}

// IngestHealth is what came since the start of the process, over all doors.
type IngestHealth struct {
	Received     int64          `json:"received"`
	Accepted     int64          `json:"accepted"`
	Bytes        int64          `json:"bytes"`
	Refused      []RefusedCount `json:"refused"`
	LastReceived string         `json:"lastReceived,omitempty"`
	LastRefused  *LastRefused   `json:"lastRefused,omitempty"`
}

// RefusedCount is how much was refused for one reason.
type RefusedCount struct {
	Reason   string `json:"reason"`
	Spans    int64  `json:"spans"`
	Requests int64  `json:"requests,omitempty"`
}

// LastRefused is the last thing that was refused.
type LastRefused struct {
	Time   string `json:"time"`
	Door   string `json:"door"`
	Reason string `json:"reason"`
	Peer   string `json:"peer,omitempty"`
}

// Demo is the state of the demo shop.
type Demo struct {
	Running        bool    `json:"running"`
	SpansPerSecond float64 `json:"spansPerSecond,omitempty"`
}

func (a *API) health(c *call) error {
	if a.cfg.Health == nil {
		return clew.Errorf(clew.Unsupported, "this server does not tell its health")
	}
	h := a.cfg.Health(c.tenant)
	if h.Doors == nil {
		h.Doors = []DoorHealth{}
	}
	if h.Ingest.Refused == nil {
		h.Ingest.Refused = []RefusedCount{}
	}
	writeJSON(c.w, 200, h)
	return nil
}

func (a *API) testSpan(c *call) error {
	if a.cfg.TestSpan == nil {
		return clew.Errorf(clew.Unsupported, "this server sends no test spans")
	}
	id, spans, err := a.cfg.TestSpan(c.r.Context(), c.tenant)
	if err != nil {
		return err
	}
	writeJSON(c.w, 200, struct {
		TraceID string `json:"traceId"`
		Spans   int    `json:"spans"`
	}{id.String(), spans})
	return nil
}

func (a *API) demo(c *call) error {
	if a.cfg.SetDemo == nil {
		return clew.Errorf(clew.Unsupported, "this server has no demo shop")
	}
	var req struct {
		Action         string   `json:"action"`
		SpansPerSecond *float64 `json:"spansPerSecond"`
	}
	if err := readJSON(c, &req, demoExample); err != nil {
		return err
	}
	if req.Action != "start" && req.Action != "stop" {
		return clew.Errorf(clew.Invalid, "action %q: want start or stop", req.Action)
	}
	rate := 0.0
	if req.SpansPerSecond != nil {
		if rate = *req.SpansPerSecond; rate < 1 || rate > 10_000 {
			return clew.Errorf(clew.Invalid, "spansPerSecond %g: want 1 to 10000", rate)
		}
	}
	d, err := a.cfg.SetDemo(req.Action == "start", rate)
	if err != nil {
		return err
	}
	writeJSON(c.w, 200, d)
	return nil
}
