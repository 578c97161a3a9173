package demo

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"time"

	"go.opentelemetry.io/otel/attribute"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const frontendName = "www.shop:8080"

// frontend answers shoppers.
type frontend struct {
	*shop
	in *instance

	catalog, recommendation   httpClient
	cart, inventory, checkout grpcClient
}

func (s *shop) openFrontend(in *instance) error {
	f := &frontend{
		shop: s, in: in,
		catalog:        s.mesh.httpClient(in, catalogName),
		recommendation: s.mesh.httpClient(in, recommendationName),
	}
	var err error
	if f.cart, err = s.mesh.grpcClient(in, cartName); err != nil {
		return err
	}
	if f.inventory, err = s.mesh.grpcClient(in, inventoryName); err != nil {
		return err
	}
	if f.checkout, err = s.mesh.grpcClient(in, checkoutName); err != nil {
		return err
	}
	return s.mesh.serveHTTP(in, frontendName, routes{
		"GET /{$}":           f.shopper(f.getHome),
		"GET /products/{id}": f.shopper(f.getProduct),
		"GET /cart":          f.shopper(f.getCart),
		"POST /cart/items":   f.shopper(f.postItem),
		"POST /checkout":     f.shopper(f.postCheckout),
	})
}

// Headers by which the load says who is shopping, in place of cookies.
const (
	userHeader    = "X-Shop-User"
	sessionHeader = "X-Shop-Session"
	tierHeader    = "X-Shop-Tier"
	countryHeader = "X-Shop-Country"
)

// visit is who is asking.
type visit struct{ userID, country string }

// shopper wraps a page: it says on the span who asks, and turns an error into an
// answer.
func (f *frontend) shopper(page func(context.Context, visit, *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		v := visit{userID: r.Header.Get(userHeader), country: r.Header.Get(countryHeader)}
		annotate(ctx,
			attribute.String("user.id", v.userID),
			attribute.String("session.id", r.Header.Get(sessionHeader)),
			attribute.String("shop.user.tier", r.Header.Get(tierHeader)),
			attribute.String("geo.country.iso_code", v.country),
		)
		f.step(ctx, f.in, "load session", 50*time.Microsecond, 400*time.Microsecond, attribute.String("session.id", r.Header.Get(sessionHeader)))
		body, err := page(ctx, v, r)
		if err != nil {
			code := httpStatus(err)
			apologize(ctx, code, err)
			writeJSON(w, code, problem{Error: err.Error()})
			return
		}
		if err := f.step(ctx, f.in, "render page", 0, 2*time.Millisecond); err != nil {
			return // the shopper has left
		}
		writeJSON(w, http.StatusOK, body)
	}
}

// apologize notes on the request's span why it did not succeed. What the shopper
// got wrong, or their bank, is no error of the frontend's: by the semantic
// conventions a server's span fails from 500 on.
func apologize(ctx context.Context, code int, err error) {
	span := trace.SpanFromContext(ctx)
	if code >= http.StatusInternalServerError {
		failed(span, err)
		return
	}
	span.AddEvent("request refused", trace.WithAttributes(
		semconv.HTTPResponseStatusCode(code), attribute.String("reason", err.Error())))
}

// httpStatus maps a callee's error to what the shopper sees.
func httpStatus(err error) int {
	var f *fault
	if errors.As(err, &f) && f.name == "404" {
		return http.StatusNotFound
	}
	switch status.Code(err) {
	case grpccodes.FailedPrecondition:
		return http.StatusPaymentRequired
	case grpccodes.ResourceExhausted:
		return http.StatusConflict
	case grpccodes.InvalidArgument:
		return http.StatusUnprocessableEntity
	case grpccodes.DeadlineExceeded:
		return http.StatusGatewayTimeout
	case grpccodes.Unavailable:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

func (f *frontend) getHome(ctx context.Context, _ visit, r *http.Request) (any, error) {
	category := r.URL.Query().Get("category")
	annotate(ctx, attribute.String("shop.product.category", category))
	var featured []product
	if err := f.catalog.call(ctx, http.MethodGet, "/categories/"+category, nil, &featured); err != nil {
		return nil, err
	}
	if len(featured) > 0 {
		f.related(ctx, featured[0].ID)
	}
	return featured, nil
}

// related asks for recommendations; a page is complete without them.
func (f *frontend) related(ctx context.Context, id string) []string {
	var related []string
	if err := f.recommendation.call(ctx, http.MethodGet, "/related/"+id, nil, &related); err != nil {
		trace.SpanFromContext(ctx).AddEvent("recommendations left out", trace.WithAttributes(attribute.String("reason", err.Error())))
	}
	return related
}

func (f *frontend) getProduct(ctx context.Context, _ visit, r *http.Request) (any, error) {
	id := r.PathValue("id")
	annotate(ctx, attribute.String("shop.product.id", id))
	p, err := fetchProduct(ctx, f.catalog, id)
	if err != nil {
		return nil, err
	}
	err = parallel(
		func() error {
			_, err := call[stockLevel](ctx, f.inventory, inventoryAvailable, &lineItem{ProductID: id})
			return err
		},
		func() error { f.related(ctx, id); return nil },
	)
	return p, err
}

// getCart shows the cart and asks the catalog for one product after the other,
// which a batch request would do better.
func (f *frontend) getCart(ctx context.Context, v visit, _ *http.Request) (any, error) {
	content, err := call[cartContent](ctx, f.cart, cartGet, &cartRequest{UserID: v.userID})
	if err != nil {
		return nil, err
	}
	products := []product{}
	for _, item := range content.Items {
		p, err := fetchProduct(ctx, f.catalog, item.ProductID)
		if err != nil {
			return nil, err
		}
		products = append(products, p)
	}
	return products, nil
}

func (f *frontend) postItem(ctx context.Context, v visit, r *http.Request) (any, error) {
	var item lineItem
	if err := json.NewDecoder(io.LimitReader(r.Body, replyBytes)).Decode(&item); err != nil {
		return nil, status.Error(grpccodes.InvalidArgument, err.Error())
	}
	annotate(ctx, attribute.String("shop.product.id", item.ProductID), attribute.Int64("shop.item.quantity", item.Quantity))
	if _, err := fetchProduct(ctx, f.catalog, item.ProductID); err != nil {
		return nil, err
	}
	return call[cartContent](ctx, f.cart, cartAdd, &cartRequest{UserID: v.userID, Item: item})
}

func (f *frontend) postCheckout(ctx context.Context, v visit, r *http.Request) (any, error) {
	var place placeRequest
	if err := json.NewDecoder(io.LimitReader(r.Body, replyBytes)).Decode(&place); err != nil {
		return nil, status.Error(grpccodes.InvalidArgument, err.Error())
	}
	place.UserID, place.Country = v.userID, v.country
	done, err := call[confirmation](ctx, f.checkout, checkoutPlace, &place)
	if err != nil {
		return nil, err
	}
	annotate(ctx, attribute.String("shop.order.id", done.OrderID), attribute.Float64("shop.order.total", float64(done.TotalCents)/100))
	return done, nil
}
