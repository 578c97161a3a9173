package serve

import (
	"net/http"

	"github.com/clew-tracing/clew/api/xray"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/xraydoor"
	"github.com/clew-tracing/clew/internal/guard"
)

// daemonPaths are what SDKs ask of X-Ray's daemon, unsigned: it signs that for them.
var daemonPaths = []string{"/GetSamplingRules", "/SamplingTargets"}

// signed has requests to X-Ray's API signed, where there are keys. It is served on its own
// port and under a prefix of the page's; what SDKs ask unsigned is asked on the former.
func (s *server) signed(door *xraydoor.HTTP) func(http.Handler) http.Handler {
	return func(next http.Handler) http.Handler {
		signatures := guard.Signatures{Service: "xray", MaxBytes: int(s.memory.MaxRequest), Timeout: ingest.DefaultBodyTimeout, Budget: s.inflight, Open: daemonPaths}
		return s.gate.Signed(signatures, func(w http.ResponseWriter, _ *http.Request, no *guard.Denial) {
			door.Denied(DoorXRay, no.Code(), no.Message)
			xray.FailAs(w, no.Status, no.Name, no.Message)
		}, next)
	}
}
