package demo

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"

	"github.com/clew-tracing/clew/demo/pgserver"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"
	"go.opentelemetry.io/otel/trace"
)

// databaseName is where the database answers.
const databaseName = "postgres.shop:5432"

// startDatabase starts the database with its tables and products.
func startDatabase(m *mesh, password string) (*pgserver.Server, error) {
	l, err := m.listen(databaseName)
	if err != nil {
		return nil, err
	}
	return pgserver.Start(l, password, databaseSchema())
}

// databaseSchema makes the tables and fills the shelves.
func databaseSchema() []string {
	schema := []string{
		`CREATE TABLE products (id TEXT PRIMARY KEY, name TEXT NOT NULL, category TEXT NOT NULL, price_cents BIGINT NOT NULL)`,
		`CREATE INDEX products_category ON products (category)`,
		`CREATE TABLE stock (product_id TEXT PRIMARY KEY, quantity BIGINT NOT NULL CONSTRAINT stock_not_negative CHECK (quantity >= 0))`,
		`CREATE TABLE orders (id TEXT PRIMARY KEY, number BIGINT NOT NULL, user_id TEXT NOT NULL, total_cents BIGINT NOT NULL, state TEXT NOT NULL)`,
		`CREATE INDEX orders_number ON orders (number)`,
		`CREATE TABLE payments (id TEXT PRIMARY KEY, number BIGINT NOT NULL, amount_cents BIGINT NOT NULL, card_brand TEXT NOT NULL)`,
		`CREATE INDEX payments_number ON payments (number)`,
	}
	for i := range productCount {
		p := productNumber(i)
		schema = append(schema,
			fmt.Sprintf(`INSERT INTO products VALUES ('%s', '%s', '%s', %d)`, p.ID, p.Name, p.Category, p.PriceCents),
			fmt.Sprintf(`INSERT INTO stock VALUES ('%s', %d)`, p.ID, shelfQuantity),
		)
	}
	return schema
}

// databasePool is one instance's connections to the database: at most
// databaseConns, opened when needed. Safe for concurrent use.
type databasePool struct {
	config *pgx.ConnConfig
	spans  *querySpans
	slots  chan *pgx.Conn // nil where a connection may still be opened

	mu     sync.Mutex // guards broken
	broken []*pgx.Conn
}

// databasePool makes instance in's pool, with a span per query.
func (m *mesh) databasePool(in *instance, password string) (*databasePool, error) {
	config, err := pgx.ParseConfig("postgres://shop@" + databaseName + "/shop?sslmode=disable&application_name=" + in.service)
	if err != nil {
		return nil, fmt.Errorf("demo: database settings: %w", err)
	}
	config.Password = password
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	config.DialFunc = func(ctx context.Context, _, _ string) (net.Conn, error) {
		return dial(ctx, databaseName, m.lookup(databaseName)[0])
	}
	host, port := splitName(databaseName)
	spans := &querySpans{tracer: in.tracer, common: []attribute.KeyValue{
		semconv.DBSystemNamePostgreSQL, semconv.DBNamespace("shop"), semconv.ServerAddress(host), semconv.ServerPort(port),
	}}
	config.Tracer = spans
	p := &databasePool{config: config, spans: spans, slots: make(chan *pgx.Conn, databaseConns)}
	for range databaseConns {
		p.slots <- nil
	}
	m.addClient(p)
	return p, nil
}

// do lends a connection to use, opening one if need be.
func (p *databasePool) do(ctx context.Context, use func(*pgx.Conn) error) error {
	var conn *pgx.Conn
	select {
	case conn = <-p.slots:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { p.slots <- conn }()
	if conn == nil {
		var err error
		if conn, err = pgx.ConnectConfig(ctx, p.config); err != nil {
			conn = nil
			return err
		}
	}
	err := use(conn)
	p.spans.abandoned(conn)
	if conn.IsClosed() {
		p.mu.Lock()
		p.broken = append(p.broken, conn)
		p.mu.Unlock()
		conn = nil
	}
	return err
}

// exec runs one statement and returns how many rows it changed.
func (p *databasePool) exec(ctx context.Context, sql string, args ...any) (changed int64, err error) {
	err = p.do(ctx, func(c *pgx.Conn) error {
		tag, err := c.Exec(ctx, sql, args...)
		changed = tag.RowsAffected()
		return err
	})
	return changed, err
}

// transaction runs body between BEGIN and COMMIT, or ROLLBACK if body fails.
func (p *databasePool) transaction(ctx context.Context, body func(pgx.Tx) error) error {
	return p.do(ctx, func(c *pgx.Conn) error { return pgx.BeginFunc(ctx, c, body) })
}

// Close closes all connections and waits until those that broke are cleared.
func (p *databasePool) Close() error {
	var err error
	for range databaseConns {
		if conn := <-p.slots; conn != nil {
			err = errors.Join(err, conn.Close(context.Background()))
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range p.broken {
		<-conn.PgConn().CleanupDone()
	}
	return err
}

// querySpans is a pgx tracer that makes a client span of each query, after the
// semantic conventions for databases.
//
// pgx does not tell of the end of every query that it told of the beginning:
// Exec comes back without a word if it cannot clear its cache of statements
// first, as after a statement that failed and a context that ended. Such a span
// would be lost, so the open span of each connection is kept here (a connection
// has one query at a time) and ended when the connection is given back.
type querySpans struct {
	tracer trace.Tracer
	common []attribute.KeyValue
	open   sync.Map // *pgx.Conn → trace.Span
}

// TraceQueryStart begins the span.
func (s *querySpans) TraceQueryStart(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryStartData) context.Context {
	verb, table := summary(data.SQL)
	name := verb
	attrs := []attribute.KeyValue{semconv.DBOperationName(verb), semconv.DBQueryText(data.SQL)}
	if table != "" {
		name += " " + table
		attrs = append(attrs, semconv.DBCollectionName(table), semconv.DBQuerySummary(name))
	}
	s.abandoned(conn)
	ctx, span := s.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindClient),
		trace.WithAttributes(s.common...), trace.WithAttributes(attrs...))
	s.open.Store(conn, span)
	return ctx
}

// TraceQueryEnd ends the span.
func (s *querySpans) TraceQueryEnd(ctx context.Context, conn *pgx.Conn, data pgx.TraceQueryEndData) {
	s.open.Delete(conn)
	span := trace.SpanFromContext(ctx)
	if data.Err != nil {
		endFailedQuery(span, data.Err)
		return
	}
	if data.CommandTag.Select() {
		span.SetAttributes(semconv.DBResponseReturnedRows(int(data.CommandTag.RowsAffected())))
	}
	span.End()
}

// errNoOutcome is the error of a query whose end pgx does not tell.
var errNoOutcome = &fault{"abandoned", "the driver gave the query up"}

// abandoned ends the span of conn's query, if pgx has not.
func (s *querySpans) abandoned(conn *pgx.Conn) {
	if span, ok := s.open.LoadAndDelete(conn); ok {
		endFailedQuery(span.(trace.Span), errNoOutcome)
	}
}

func endFailedQuery(span trace.Span, err error) {
	defer span.End()
	span.RecordError(err, trace.WithStackTrace(true))
	span.SetStatus(codes.Error, err.Error())
	var refused *pgconn.PgError
	if errors.As(err, &refused) {
		span.SetAttributes(semconv.DBResponseStatusCode(refused.Code), semconv.ErrorTypeKey.String(refused.Code))
		return
	}
	span.SetAttributes(semconv.ErrorTypeKey.String(errorType(err)))
}

// summary finds a statement's verb and its table: the word after FROM, INTO or
// UPDATE.
func summary(sql string) (verb, table string) {
	words := strings.Fields(sql)
	if len(words) == 0 {
		return "QUERY", ""
	}
	verb = strings.ToUpper(words[0])
	for i, w := range words[:len(words)-1] {
		switch strings.ToUpper(w) {
		case "FROM", "INTO", "UPDATE":
			return verb, strings.Trim(words[i+1], `(),;"`)
		}
	}
	return verb, ""
}
