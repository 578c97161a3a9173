package demo

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

const recommendationName = "recommendation.shop:8080"

// recommendation ranks what goes with a product. Its release candidate has a
// defect: it takes the best of an empty list.
type recommendation struct {
	*shop
	in    *instance
	cache *redis.Client
}

func (s *shop) openRecommendation(in *instance) error {
	c := &recommendation{shop: s, in: in, cache: s.mesh.cacheClient(in, s.password)}
	return s.mesh.serveHTTP(in, recommendationName, routes{"GET /related/{id}": c.getRelated})
}

func (c *recommendation) getRelated(w http.ResponseWriter, r *http.Request) {
	ctx := r.Context()
	id := r.PathValue("id")
	annotate(ctx, attribute.String("shop.product.id", id))
	key := "related:" + id
	raw, err := c.cache.Get(ctx, key).Bytes()
	if errors.Is(err, redis.Nil) {
		if raw, err = json.Marshal(c.rank(ctx, id)); err == nil {
			err = c.cache.Set(ctx, key, raw, cacheLifetime).Err()
		}
	}
	if err != nil {
		failed(trace.SpanFromContext(ctx), err)
		writeJSON(w, http.StatusInternalServerError, problem{Error: "no recommendations"})
		return
	}
	c.step(ctx, c.in, "filter seen", 20*time.Microsecond, 150*time.Microsecond, attribute.String("shop.recommendation.model", model))
	writeJSON(w, http.StatusOK, json.RawMessage(raw))
}

// model is what ranks.
const model = "cooccurrence-3"

// rank finds the products of the same category, nearest price first.
func (c *recommendation) rank(ctx context.Context, id string) []string {
	ctx, span := c.in.start(ctx, "rank candidates", attribute.String("shop.recommendation.model", model))
	defer span.End()
	var same product
	var candidates []string
	for i := range productCount {
		if p := productNumber(i); p.ID == id {
			same = p
		}
	}
	for i := range productCount {
		if p := productNumber(i); p.Category == same.Category && p.Category != clearance && p.ID != id {
			candidates = append(candidates, p.ID)
		}
	}
	span.SetAttributes(attribute.Int("shop.recommendation.candidates", len(candidates)))
	c.work(ctx, rankLeast, rankMost)
	if strings.HasSuffix(c.in.version, "-rc.1") {
		span.SetAttributes(attribute.String("shop.recommendation.best", best(candidates)))
	}
	return candidates[:min(len(candidates), 5)]
}

// best returns the first candidate. That there is one is what the release
// candidate took for granted.
func best(candidates []string) string { return candidates[0] }
