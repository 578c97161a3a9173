package demo

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

const catalogName = "catalog.shop:8080"

// catalog knows the products: from the cache, else from the database.
type catalog struct {
	*shop
	in    *instance
	cache *redis.Client
	db    *databasePool
}

func (s *shop) openCatalog(in *instance) error {
	db, err := s.mesh.databasePool(in, s.password)
	if err != nil {
		return err
	}
	c := &catalog{shop: s, in: in, cache: s.mesh.cacheClient(in, s.password), db: db}
	return s.mesh.serveHTTP(in, catalogName, routes{
		"GET /products/{id}":         c.getProduct,
		"GET /categories/{category}": c.getCategory,
	})
}

func (c *catalog) getProduct(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	annotate(r.Context(), attribute.String("shop.product.id", id))
	c.answer(w, r, "product:"+id,
		`SELECT id, name, category, price_cents FROM products WHERE id = $1`, id)
}

func (c *catalog) getCategory(w http.ResponseWriter, r *http.Request) {
	category := r.PathValue("category")
	annotate(r.Context(), attribute.String("shop.product.category", category))
	c.answer(w, r, "category:"+category,
		`SELECT id, name, category, price_cents FROM products WHERE category = $1 ORDER BY price_cents DESC LIMIT 8`, category)
}

// answer replies with the products of a query, kept in the cache under key.
func (c *catalog) answer(w http.ResponseWriter, r *http.Request, key, query, arg string) {
	ctx := r.Context()
	raw, err := c.cache.Get(ctx, key).Bytes()
	if errors.Is(err, redis.Nil) {
		raw, err = c.load(ctx, key, query, arg)
	}
	switch {
	case err != nil:
		failed(trace.SpanFromContext(ctx), fmt.Errorf("catalog %s: %w", key, err))
		writeJSON(w, http.StatusInternalServerError, problem{Error: "catalog is out of order"})
	case string(raw) == "[]":
		writeJSON(w, http.StatusNotFound, problem{Error: "no such product: " + arg})
	default:
		c.step(ctx, c.in, "apply prices", 20*time.Microsecond, 200*time.Microsecond, attribute.String("shop.currency", "EUR"), attribute.Int("shop.products.bytes", len(raw)))
		writeJSON(w, http.StatusOK, json.RawMessage(raw))
	}
}

// load fetches the products and leaves them in the cache.
func (c *catalog) load(ctx context.Context, key, query, arg string) ([]byte, error) {
	var products []product
	err := c.db.do(ctx, func(conn *pgx.Conn) error {
		rows, err := conn.Query(ctx, query, arg)
		if err != nil {
			return err
		}
		products, err = pgx.CollectRows(rows, pgx.RowToStructByPos[product])
		return err
	})
	if err != nil {
		return nil, err
	}
	if err := c.work(ctx, 0, catalogMost); err != nil {
		return nil, err
	}
	raw, err := json.Marshal(products)
	if err != nil {
		return nil, err
	}
	return raw, c.cache.Set(ctx, key, raw, cacheLifetime).Err()
}

// fetchProduct asks the catalog for one product.
func fetchProduct(ctx context.Context, c httpClient, id string) (product, error) {
	var found []product
	if err := c.call(ctx, http.MethodGet, "/products/"+id, nil, &found); err != nil {
		return product{}, err
	}
	if len(found) == 0 {
		return product{}, &fault{name: "product_not_found", text: "no such product: " + id}
	}
	return found[0], nil
}
