package demo

import (
	"context"
	"errors"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/attribute"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
)

const inventoryName = "inventory.shop:9000"

// Methods of the inventory.
const (
	inventoryAvailable = "/shop.v1.Inventory/Available"
	inventoryReserve   = "/shop.v1.Inventory/Reserve"
)

// reserveRequest asks for all items or none.
type reserveRequest struct {
	OrderID string     `json:"order_id"`
	Items   []lineItem `json:"items"`
}

// stockLevel is how many pieces of a product there are.
type stockLevel struct {
	Quantity int64 `json:"quantity"`
}

// inventory counts what is on the shelves.
type inventory struct {
	*shop
	in *instance
	db *databasePool
}

func (s *shop) openInventory(in *instance) error {
	db, err := s.mesh.databasePool(in, s.password)
	if err != nil {
		return err
	}
	v := &inventory{shop: s, in: in, db: db}
	return s.mesh.serveGRPC(in, inventoryName, &grpc.ServiceDesc{
		ServiceName: "shop.v1.Inventory",
		Methods:     []grpc.MethodDesc{unary("Available", v.available), unary("Reserve", v.reserve)},
	})
}

func (v *inventory) available(ctx context.Context, r *lineItem) (*stockLevel, error) {
	annotate(ctx, attribute.String("shop.product.id", r.ProductID))
	level := new(stockLevel)
	err := v.db.do(ctx, func(c *pgx.Conn) error {
		return c.QueryRow(ctx, `SELECT quantity FROM stock WHERE product_id = $1`, r.ProductID).Scan(&level.Quantity)
	})
	if err != nil {
		return nil, failedCall(ctx, grpccodes.Internal, err)
	}
	annotate(ctx, attribute.Int64("shop.stock.quantity", level.Quantity))
	return level, nil
}

// checkViolation is PostgreSQL's code for a constraint that does not hold.
const checkViolation = "23514"

// reserve takes all items from the shelves in one transaction. An empty shelf
// shows as the table's constraint being violated.
func (v *inventory) reserve(ctx context.Context, r *reserveRequest) (*stockLevel, error) {
	annotate(ctx, attribute.String("shop.order.id", r.OrderID), attribute.Int("shop.order.items", len(r.Items)))
	err := v.db.transaction(ctx, func(tx pgx.Tx) error {
		for _, item := range r.Items {
			_, err := tx.Exec(ctx, `UPDATE stock SET quantity = quantity - $1::bigint WHERE product_id = $2`,
				item.Quantity, item.ProductID)
			if err != nil {
				return err
			}
		}
		return nil
	})
	var refused *pgconn.PgError
	switch {
	case err == nil:
		return &stockLevel{}, nil
	case errors.As(err, &refused) && refused.Code == checkViolation:
		return nil, failedCall(ctx, grpccodes.ResourceExhausted, &fault{"out_of_stock", "not enough pieces in stock"})
	}
	return nil, failedCall(ctx, grpccodes.Internal, err)
}
