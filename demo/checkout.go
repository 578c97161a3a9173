package demo

import (
	"context"
	"fmt"
	"net/http"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const checkoutName = "checkout.shop:9000"

const checkoutPlace = "/shop.v1.Checkout/Place"

// placeRequest asks to buy what is in the cart.
type placeRequest struct {
	UserID  string `json:"user_id"`
	Country string `json:"country"`
	Card    string `json:"card"`
}

// confirmation is a placed order.
type confirmation struct {
	OrderID    string `json:"order_id"`
	TotalCents int64  `json:"total_cents"`
}

// checkout conducts an order through all other services.
type checkout struct {
	*shop
	in       *instance
	db       *databasePool
	catalog  httpClient
	shipping httpClient

	cart, inventory, fraud, payment grpcClient
}

func (s *shop) openCheckout(in *instance) error {
	c := &checkout{
		shop: s, in: in,
		catalog:  s.mesh.httpClient(in, catalogName),
		shipping: s.mesh.httpClient(in, shippingName),
	}
	var err error
	for _, client := range []struct {
		to   *grpcClient
		name string
	}{{&c.cart, cartName}, {&c.inventory, inventoryName}, {&c.fraud, fraudName}, {&c.payment, paymentName}} {
		if *client.to, err = s.mesh.grpcClient(in, client.name); err != nil {
			return err
		}
	}
	if c.db, err = s.mesh.databasePool(in, s.password); err != nil {
		return err
	}
	return s.mesh.serveGRPC(in, checkoutName, &grpc.ServiceDesc{
		ServiceName: "shop.v1.Checkout",
		Methods:     []grpc.MethodDesc{unary("Place", c.place)},
	})
}

// place buys the cart: price it, score and reserve it, charge, note the order,
// tell the others. What was reserved by an order that fails later stays reserved
// until the warehouse counts again; this shop is not perfect.
func (c *checkout) place(ctx context.Context, r *placeRequest) (*confirmation, error) {
	order := placedOrder{UserID: r.UserID, Number: c.number.Add(1)}
	order.ID = fmt.Sprintf("ord-%s-%06d", shortHash(r.UserID, 4), order.Number)
	annotate(ctx, attribute.String("shop.order.id", order.ID), attribute.String("user.id", r.UserID))
	content, err := call[cartContent](ctx, c.cart, cartGet, &cartRequest{UserID: r.UserID})
	if err != nil {
		return nil, passOn(ctx, err)
	}
	if order.Items = content.Items; len(order.Items) == 0 {
		return nil, failedCall(ctx, grpccodes.InvalidArgument, &fault{"cart_empty", "there is nothing in the cart"})
	}
	if err := c.price(ctx, &order, r.Country); err != nil {
		return nil, passOn(ctx, err)
	}
	err = parallel(
		func() error {
			_, err := call[score](ctx, c.fraud, fraudScore, &scoreRequest{order.ID, order.UserID, order.TotalCents})
			return err
		},
		func() error {
			_, err := call[stockLevel](ctx, c.inventory, inventoryReserve, &reserveRequest{order.ID, order.Items})
			return err
		},
	)
	if err != nil {
		return nil, passOn(ctx, err)
	}
	_, err = call[receipt](ctx, c.payment, paymentCharge, &chargeRequest{order.ID, order.Number, order.TotalCents, r.Card})
	if err != nil {
		return nil, passOn(ctx, err)
	}
	if err := c.confirm(ctx, order); err != nil {
		return nil, failedCall(ctx, grpccodes.Internal, err)
	}
	return &confirmation{OrderID: order.ID, TotalCents: order.TotalCents}, nil
}

// price adds up the order's items and its shipping, all asked for at once.
func (c *checkout) price(ctx context.Context, order *placedOrder, country string) error {
	ctx, span := c.in.start(ctx, "price order", attribute.Int("shop.order.items", len(order.Items)))
	defer span.End()
	var total atomic.Int64
	asks := []func() error{func() error {
		var q quote
		err := c.shipping.call(ctx, http.MethodPost, "/quotes", quoteRequest{Country: country, Items: order.Items}, &q)
		total.Add(q.PriceCents)
		return err
	}}
	for _, item := range order.Items {
		asks = append(asks, func() error {
			p, err := fetchProduct(ctx, c.catalog, item.ProductID)
			total.Add(p.PriceCents * item.Quantity)
			return err
		})
	}
	if err := parallel(asks...); err != nil {
		return failed(span, err)
	}
	order.TotalCents = total.Load()
	span.SetAttributes(attribute.Float64("shop.order.total", float64(order.TotalCents)/100), attribute.String("shop.currency", "EUR"))
	return nil
}

// confirm notes the order, empties the cart and tells email and warehouse.
func (c *checkout) confirm(ctx context.Context, order placedOrder) error {
	_, err := c.db.exec(ctx, `INSERT INTO orders (id, number, user_id, total_cents, state) VALUES ($1, $2::bigint, $3, $4::bigint, 'placed')`,
		order.ID, order.Number, order.UserID, order.TotalCents)
	if err != nil {
		return err
	}
	if err := c.step(ctx, c.in, "build confirmation", 0, time.Millisecond); err != nil {
		return err
	}
	if _, err := call[cartContent](ctx, c.cart, cartEmpty, &cartRequest{UserID: order.UserID}); err != nil {
		return err
	}
	return c.orders.send(ctx, c.in, order)
}

// passOn answers with a callee's status, and records it on the call's span.
func passOn(ctx context.Context, err error) error {
	answer := status.Convert(err)
	code := answer.Code()
	if code == grpccodes.Unknown {
		code = grpccodes.Internal
	}
	failed(trace.SpanFromContext(ctx), err)
	return status.Error(code, answer.Message())
}
