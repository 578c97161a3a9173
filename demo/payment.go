package demo

import (
	"context"
	"strings"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"google.golang.org/grpc"
	grpccodes "google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

const paymentName = "payment.shop:9000"

const paymentCharge = "/shop.v1.Payment/Charge"

// chargeRequest asks to take money. Card is a test card's number.
type chargeRequest struct {
	OrderID     string `json:"order_id"`
	Number      int64  `json:"number"`
	AmountCents int64  `json:"amount_cents"`
	Card        string `json:"card"`
}

// receipt says that money was taken.
type receipt struct {
	PaymentID string `json:"payment_id"`
}

// payment charges cards. The release candidate asks its bank twice.
type payment struct {
	*shop
	in *instance
	db *databasePool
}

func (s *shop) openPayment(in *instance) error {
	db, err := s.mesh.databasePool(in, s.password)
	if err != nil {
		return err
	}
	p := &payment{shop: s, in: in, db: db}
	return s.mesh.serveGRPC(in, paymentName, &grpc.ServiceDesc{
		ServiceName: "shop.v1.Payment",
		Methods:     []grpc.MethodDesc{unary("Charge", p.charge)},
	})
}

func (p *payment) charge(ctx context.Context, r *chargeRequest) (*receipt, error) {
	brand := cardBrand(r.Card)
	annotate(ctx, attribute.String("shop.order.id", r.OrderID),
		attribute.String("shop.payment.card_brand", brand),
		attribute.Float64("shop.payment.amount", float64(r.AmountCents)/100))
	if err := p.step(ctx, p.in, "tokenize card", 0, 2*time.Millisecond); err != nil {
		return nil, failedCall(ctx, grpccodes.Canceled, err)
	}
	if err := p.authorize(ctx, r, brand); err != nil {
		return nil, status.Error(grpccodes.FailedPrecondition, err.Error())
	}
	id := "pay-" + r.OrderID
	_, err := p.db.exec(ctx, `INSERT INTO payments (id, number, amount_cents, card_brand) VALUES ($1, $2::bigint, $3::bigint, $4)`,
		id, r.Number, r.AmountCents, brand)
	if err != nil {
		return nil, failedCall(ctx, grpccodes.Internal, err)
	}
	return &receipt{PaymentID: id}, nil
}

// authorize asks for the money, as often as the version does.
func (p *payment) authorize(ctx context.Context, r *chargeRequest, brand string) error {
	attempts := 1
	if strings.HasSuffix(p.in.version, "-rc.1") {
		attempts = 2
	}
	for attempt := range attempts {
		ctx, span := p.in.start(ctx, "authorize",
			attribute.String("shop.payment.card_brand", brand), attribute.Int("shop.payment.attempt", attempt+1))
		err := p.work(ctx, authorizeLeast, authorizeMost)
		if strings.HasSuffix(r.Card, declinedSuffix) {
			err = &fault{"card_declined", "the issuer declined the card: insufficient funds"}
		}
		if err != nil {
			failed(span, err)
			span.End()
			return err
		}
		span.End()
	}
	return nil
}

// declinedSuffix ends the numbers of test cards that are declined.
const declinedSuffix = "0002"

// cardBrand tells the issuer by the number's first digit.
func cardBrand(card string) string {
	switch {
	case strings.HasPrefix(card, "3"):
		return "amex"
	case strings.HasPrefix(card, "4"):
		return "visa"
	}
	return "mastercard"
}
