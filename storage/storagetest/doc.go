// Package storagetest holds every store to the contract of package storage.
//
// Run is the conformance suite: give it a way to open an empty store and it
// asks of it all that storage promises, by what the store's Capabilities claim;
// a claim that is not true fails.
//
// Memory is the model: a slice of spans and a loop over it, too simple to be
// wrong. It shares nothing with the real data path: it decodes OTLP with the
// official protobuf types, keeps clew.Span objects, and decides with Holds, a
// naive evaluation of conditions, one span at a time. It is a true store and
// serves the tests of whatever stands above the contract.
//
// Body and Generator make requests; both give the same bytes for the same input.
package storagetest
