package demo

import (
	"encoding/json"
	"io"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

const shippingName = "shipping.shop:8080"

// quoteRequest asks what it costs to send items.
type quoteRequest struct {
	Country string     `json:"country"`
	Items   []lineItem `json:"items"`
}

// quote is the answer.
type quote struct {
	Carrier    string `json:"carrier"`
	PriceCents int64  `json:"price_cents"`
	Parcels    int64  `json:"parcels"`
}

// shipping quotes parcels.
type shipping struct {
	*shop
	in *instance
}

func (s *shop) openShipping(in *instance) error {
	h := &shipping{shop: s, in: in}
	return s.mesh.serveHTTP(in, shippingName, routes{"POST /quotes": h.postQuote})
}

func (h *shipping) postQuote(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	var q quoteRequest
	if err := json.NewDecoder(io.LimitReader(r.Body, replyBytes)).Decode(&q); err != nil {
		failed(trace.SpanFromContext(ctx), err)
		writeJSON(w, http.StatusBadRequest, problem{Error: err.Error()})
		return
	}
	pieces := int64(0)
	for _, item := range q.Items {
		pieces += item.Quantity
	}
	answer := quote{Carrier: "Comet Parcels", Parcels: (pieces + 3) / 4}
	answer.PriceCents = 390 + 150*answer.Parcels
	if q.Country != "DE" {
		answer.Carrier = "Orbit Express"
		answer.PriceCents *= 3
	}
	annotate(ctx, attribute.String("shop.shipping.carrier", answer.Carrier), attribute.String("geo.country.iso_code", q.Country))
	h.step(ctx, h.in, "pack parcels", 0, 2*time.Millisecond, attribute.Int64("shop.shipping.parcels", answer.Parcels))
	h.step(ctx, h.in, "rate zones", time.Millisecond, 5*time.Millisecond, attribute.String("shop.shipping.zone", q.Country))
	writeJSON(w, http.StatusOK, answer)
}
