// Package ingest is what all doors share: the budget of memory that admits
// requests, the answer that each error gets, counters, and the word that a
// server is leaving. The doors themselves are in folders of their own; a door
// translates its protocol into storage.Records and nothing else.
package ingest
