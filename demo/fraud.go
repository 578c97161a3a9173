package demo

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
)

const (
	fraudName       = "fraud.shop:9000"
	riskPartnerName = "api.risk-partner.example:8080"
)

const fraudScore = "/shop.v1.Fraud/Score"

// scoreRequest asks whether an order smells.
type scoreRequest struct {
	OrderID    string `json:"order_id"`
	UserID     string `json:"user_id"`
	TotalCents int64  `json:"total_cents"`
}

// score is 0 (fine) to 99 (foul).
type score struct {
	Score int64 `json:"score"`
}

// fraud asks a partner outside the shop, who is slow at times.
type fraud struct {
	*shop
	in      *instance
	partner httpClient
}

func (s *shop) openFraud(in *instance) error {
	f := &fraud{shop: s, in: in, partner: s.mesh.httpClient(in, riskPartnerName)}
	return s.mesh.serveGRPC(in, fraudName, &grpc.ServiceDesc{
		ServiceName: "shop.v1.Fraud",
		Methods:     []grpc.MethodDesc{unary("Score", f.score)},
	})
}

// smallOrderCents is up to where an order goes through unscored.
const smallOrderCents = 60_000

func (f *fraud) score(ctx context.Context, r *scoreRequest) (*score, error) {
	annotate(ctx, attribute.String("shop.order.id", r.OrderID), attribute.String("user.id", r.UserID))
	if err := f.step(ctx, f.in, "extract features", 0, 2*time.Millisecond); err != nil {
		return nil, failedCall(ctx, grpccodes.Canceled, err)
	}
	asking, cancel := context.WithTimeout(ctx, riskTimeout)
	defer cancel()
	var answer score
	err := f.partner.call(asking, http.MethodGet, fmt.Sprintf("/v2/score?user=%s&total=%d", r.UserID, r.TotalCents), nil, &answer)
	switch {
	case err == nil:
		annotate(ctx, attribute.Int64("shop.fraud.score", answer.Score))
		return &answer, nil
	case errors.Is(err, context.DeadlineExceeded) && r.TotalCents <= smallOrderCents:
		trace.SpanFromContext(ctx).AddEvent("score skipped", trace.WithAttributes(
			attribute.String("reason", "partner timed out, order is small")))
		return &score{}, nil
	case errors.Is(err, context.DeadlineExceeded):
		return nil, failedCall(ctx, grpccodes.DeadlineExceeded, fmt.Errorf("risk partner did not answer within %v: %w", riskTimeout, err))
	}
	return nil, failedCall(ctx, grpccodes.Unavailable, err)
}

// openRiskPartner starts the partner: an HTTP server without telemetry, slow
// when the schedule says so.
func (s *shop) openRiskPartner() error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v2/score", func(w http.ResponseWriter, r *http.Request) {
		least, most := riskFastLeast, riskFastMost
		if s.schedule.slow(time.Now()) {
			least, most = riskSlowLeast, riskSlowMost
		}
		if s.work(r.Context(), least, most) != nil {
			return // the caller has gone
		}
		writeJSON(w, http.StatusOK, score{Score: int64(s.dice.roll().IntN(60))})
	})
	return s.mesh.servePlainHTTP(riskPartnerName, mux)
}
