package demo

import (
	"context"
	"errors"
	"testing"

	"github.com/jackc/pgx/v5"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
)

// TestEveryQueryEndsItsSpan ends a context within a transaction: the driver does
// not tell of the end of the ROLLBACK, because before it, it cannot clear its
// cache of the statement that failed.
func TestEveryQueryEndsItsSpan(t *testing.T) {
	m := newMesh()
	server, err := startDatabase(m, "secret")
	if err != nil {
		t.Fatal(err)
	}
	spans := tracetest.NewSpanRecorder()
	tracers := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	pool, err := m.databasePool(&instance{service: "test", tracer: tracers.Tracer("test")}, "secret")
	if err != nil {
		t.Fatal(err)
	}
	const take = `UPDATE stock SET quantity = quantity - $1::bigint WHERE product_id = $2`
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err = pool.transaction(ctx, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, take, 1, productID(0)); err != nil {
			t.Error(err)
		}
		cancel()
		_, err := tx.Exec(ctx, take, 1, productID(0))
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("a transaction that was cancelled: %v", err)
	}
	if _, err := pool.exec(t.Context(), take, 1, productID(0)); err != nil {
		t.Error(err)
	}
	if begun, ended := len(spans.Started()), len(spans.Ended()); begun != ended {
		t.Errorf("%d spans begun, %d ended", begun, ended)
	}
	outcome := map[string]codes.Code{}
	for _, s := range spans.Ended() {
		outcome[s.Name()] = s.Status().Code
	}
	if outcome["ROLLBACK"] != codes.Error || outcome["UPDATE stock"] != codes.Unset {
		t.Errorf("spans and their status: %v; want ROLLBACK in error and the last UPDATE stock not", outcome)
	}
	if err := errors.Join(m.closeClients(), server.Close()); err != nil {
		t.Error(err)
	}
	m.drain()
}
