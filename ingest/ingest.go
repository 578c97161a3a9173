// Package ingest is what all doors share: the way of a request from the wire into the
// store (Door), also over gRPC (GRPC), the budget of memory that admits requests, the
// answer that each error gets, counters, and the word that a server is leaving.
//
// The doors themselves are in folders of their own. A door translates its protocol
// into OTLP and answers in its protocol, and nothing else.
package ingest
