package demo

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/trace"
)

// email writes to people whose orders were placed.
type email struct {
	*shop
	in *instance
	db *databasePool
}

func (s *shop) openEmail(in *instance) error {
	db, err := s.mesh.databasePool(in, s.password)
	if err != nil {
		return err
	}
	e := &email{shop: s, in: in, db: db}
	s.orders.consume(&s.consumers, in, "email", e.handle)
	return nil
}

func (e *email) handle(ctx context.Context, orders []placedOrder) {
	for _, o := range orders {
		if err := e.confirm(ctx, o); err != nil {
			failed(trace.SpanFromContext(ctx), err)
		}
	}
}

func (e *email) confirm(ctx context.Context, o placedOrder) error {
	ctx, span := e.in.start(ctx, "send confirmation", attribute.String("shop.order.id", o.ID), attribute.String("user.id", o.UserID))
	defer span.End()
	var state string
	err := e.db.do(ctx, func(c *pgx.Conn) error {
		return c.QueryRow(ctx, `SELECT state FROM orders WHERE id = $1`, o.ID).Scan(&state)
	})
	if err != nil {
		return failed(span, err)
	}
	span.SetAttributes(attribute.String("shop.order.state", state))
	return e.step(ctx, e.in, "render template", time.Millisecond, 4*time.Millisecond, attribute.String("shop.email.template", "order-placed"))
}

// warehouse picks orders, fills shelves, and throws old papers away.
type warehouse struct {
	*shop
	in *instance
	db *databasePool
}

func (s *shop) openWarehouse(in *instance) error {
	db, err := s.mesh.databasePool(in, s.password)
	if err != nil {
		return err
	}
	w := &warehouse{shop: s, in: in, db: db}
	s.orders.consume(&s.consumers, in, "warehouse", w.handle)
	return nil
}

func (w *warehouse) handle(ctx context.Context, orders []placedOrder) {
	for _, o := range orders {
		if err := w.pick(ctx, o); err != nil {
			failed(trace.SpanFromContext(ctx), err)
		}
	}
	if err := w.replenish(ctx); err != nil {
		failed(trace.SpanFromContext(ctx), err)
	}
}

// replenish fills every shelf that is all but empty, whatever emptied it: orders
// that failed after their reservation do not give it back.
func (w *warehouse) replenish(ctx context.Context) error {
	ctx, span := w.in.start(ctx, "replenish shelves")
	defer span.End()
	filled, err := w.db.exec(ctx, `UPDATE stock SET quantity = quantity + $1::bigint WHERE quantity < 2`, int64(shelfQuantity))
	if err != nil {
		return failed(span, err)
	}
	span.SetAttributes(attribute.Int64("shop.stock.filled", filled))
	return nil
}

// tidyEvery is how many orders lie between two cleanings.
const tidyEvery = 200

func (w *warehouse) pick(ctx context.Context, o placedOrder) error {
	ctx, span := w.in.start(ctx, "pick order", attribute.String("shop.order.id", o.ID), attribute.Int("shop.order.items", len(o.Items)))
	defer span.End()
	for _, item := range o.Items {
		err := w.step(ctx, w.in, "pick item", 0, 3*time.Millisecond,
			attribute.String("shop.product.id", item.ProductID), attribute.Int64("shop.item.quantity", item.Quantity))
		if err != nil {
			return failed(span, err)
		}
	}
	if _, err := w.db.exec(ctx, `UPDATE orders SET state = 'picked' WHERE id = $1`, o.ID); err != nil {
		return failed(span, err)
	}
	if o.Number%tidyEvery != 0 {
		return nil
	}
	return w.tidy(ctx, o.Number-keptOrders)
}

// tidy deletes orders and payments up to a number.
func (w *warehouse) tidy(ctx context.Context, upTo int64) error {
	ctx, span := w.in.start(ctx, "archive orders", attribute.Int64("shop.order.up_to", upTo))
	defer span.End()
	for _, sql := range []string{
		`DELETE FROM orders WHERE number <= $1::bigint`,
		`DELETE FROM payments WHERE number <= $1::bigint`,
	} {
		if _, err := w.db.exec(ctx, sql, upTo); err != nil {
			return failed(span, err)
		}
	}
	return nil
}
