package demo

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const cartName = "cart.shop:9000"

// Methods of the cart.
const (
	cartGet   = "/shop.v1.Cart/Get"
	cartAdd   = "/shop.v1.Cart/Add"
	cartEmpty = "/shop.v1.Cart/Empty"
)

// cartRequest names a cart and, for Add, what goes into it.
type cartRequest struct {
	UserID string   `json:"user_id"`
	Item   lineItem `json:"item"`
}

// cartContent is a cart, ordered by product.
type cartContent struct {
	Items []lineItem `json:"items"`
}

// cart keeps carts in the cache.
type cart struct {
	*shop
	in    *instance
	cache *redis.Client
}

func (s *shop) openCart(in *instance) error {
	c := &cart{shop: s, in: in, cache: s.mesh.cacheClient(in, s.password)}
	return s.mesh.serveGRPC(in, cartName, &grpc.ServiceDesc{
		ServiceName: "shop.v1.Cart",
		Methods:     []grpc.MethodDesc{unary("Get", c.get), unary("Add", c.add), unary("Empty", c.empty)},
	})
}

// cartLifetime is how long an abandoned cart is kept.
const cartLifetime = 30 * time.Minute

func cartKey(userID string) string { return "cart:" + userID }

func (c *cart) get(ctx context.Context, r *cartRequest) (*cartContent, error) {
	annotate(ctx, attribute.String("user.id", r.UserID))
	fields, err := c.cache.HGetAll(ctx, cartKey(r.UserID)).Result()
	if err != nil {
		return nil, failedCall(ctx, grpccodes.Unavailable, err)
	}
	content := new(cartContent)
	for id, quantity := range fields {
		n, err := strconv.ParseInt(quantity, 10, 64)
		if err != nil {
			return nil, failedCall(ctx, grpccodes.DataLoss, err)
		}
		content.Items = append(content.Items, lineItem{ProductID: id, Quantity: n})
	}
	slices.SortFunc(content.Items, func(a, b lineItem) int { return strings.Compare(a.ProductID, b.ProductID) })
	annotate(ctx, attribute.Int("shop.cart.items", len(content.Items)))
	return content, nil
}

func (c *cart) add(ctx context.Context, r *cartRequest) (*cartContent, error) {
	annotate(ctx, attribute.String("user.id", r.UserID), attribute.String("shop.product.id", r.Item.ProductID))
	if err := c.step(ctx, c.in, "validate item", 0, time.Millisecond); err != nil {
		return nil, failedCall(ctx, grpccodes.Canceled, err)
	}
	key := cartKey(r.UserID)
	size, err := c.cache.HLen(ctx, key).Result()
	if err != nil {
		return nil, failedCall(ctx, grpccodes.Unavailable, err)
	}
	annotate(ctx, attribute.Int64("shop.cart.items", size))
	if size >= cartItemsMost {
		return nil, failedCall(ctx, grpccodes.ResourceExhausted, &fault{"cart_full", "the cart is full"})
	}
	_, err = c.cache.Pipelined(ctx, func(p redis.Pipeliner) error {
		p.HIncrBy(ctx, key, r.Item.ProductID, r.Item.Quantity)
		p.Expire(ctx, key, cartLifetime)
		return nil
	})
	if err != nil {
		return nil, failedCall(ctx, grpccodes.Unavailable, err)
	}
	return &cartContent{}, nil
}

func (c *cart) empty(ctx context.Context, r *cartRequest) (*cartContent, error) {
	annotate(ctx, attribute.String("user.id", r.UserID))
	if err := c.cache.Del(ctx, cartKey(r.UserID)).Err(); err != nil {
		return nil, failedCall(ctx, grpccodes.Unavailable, err)
	}
	return &cartContent{}, nil
}

// failedCall records err on the call's span and answers it with a status.
func failedCall(ctx context.Context, code grpccodes.Code, err error) error {
	failed(trace.SpanFromContext(ctx), err)
	return status.Error(code, err.Error())
}
