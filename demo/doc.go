// Package demo runs a small web shop in one process and sends its traces to an
// OTLP endpoint, so that somebody who has nothing instrumented yet sees what
// their own traces would look like.
//
// Nothing in it is painted on: services talk HTTP and gRPC over loopback
// sockets, the database answers PostgreSQL's wire protocol, the cache Redis's,
// and every span comes from the OpenTelemetry SDK and its instrumentations.
//
//	load ──HTTP──► frontend ─┬─HTTP──► catalog ─────────► cache, database
//	                         ├─HTTP──► recommendation ──► cache
//	                         ├─gRPC──► cart ────────────► cache
//	                         ├─gRPC──► inventory ───────► database
//	                         └─gRPC──► checkout ─┬─gRPC──► cart, inventory, payment ► database
//	                                             ├─HTTP──► catalog, shipping
//	                                             ├─gRPC──► fraud ──HTTP──► risk partner
//	                                             └─queue─► email, warehouse ► database
//
// Each instance of a service is its own resource with its own tracer provider,
// batch processor and exporter, as if it were a process of its own. The queue's
// consumers start traces of their own, linked to the producer's span. The risk
// partner is somebody else's: it emits no spans, and from time to time it is
// slow (see schedule). Orders fail for reasons that lie in the data: a declined
// card, an empty shelf, a defect in one version of recommendation.
//
// Every span's resource carries demo=true and deployment.environment.name=demo,
// so that a page can label this data and a query can leave it out.
//
// Load is steered by the spans that really were started (see pacer), and no span
// is ever dropped: a full queue makes the shop wait, and a waiting shop takes
// fewer requests (see ledger for the accounts).
package demo
