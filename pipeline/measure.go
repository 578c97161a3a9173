package pipeline

import (
	"google.golang.org/protobuf/encoding/protowire"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/otlp/wire"
)

// part is a kind of message of a request.
type part uint8

const (
	partNone part = iota
	partRequest
	partResourceSpans
	partResource
	partScopeSpans
	partScope
	partSpan
	partEvent
	partLink
	partPair
	partValue
	partList
	partMap
	partCount
)

// parts are the messages within each.
var parts = [partCount][wire.SpanFlags + 1]part{
	partRequest:       {wire.RequestResourceSpans: partResourceSpans},
	partResourceSpans: {wire.ResourceSpansResource: partResource, wire.ResourceSpansScope: partScopeSpans},
	partResource:      {wire.ResourceAttributes: partPair},
	partScopeSpans:    {wire.ScopeSpansScope: partScope, wire.ScopeSpansSpans: partSpan},
	partScope:         {wire.ScopeAttributes: partPair},
	partSpan:          {wire.SpanAttributes: partPair, wire.SpanEvents: partEvent, wire.SpanLinks: partLink},
	partEvent:         {wire.EventAttributes: partPair},
	partLink:          {wire.LinkAttributes: partPair},
	partPair:          {wire.PairValue: partValue},
	partValue:         {wire.ValueArray: partList, wire.ValueMap: partMap},
	partList:          {wire.ListValues: partValue},
	partMap:           {wire.ListValues: partPair},
}

// weights are about how many bytes a message takes as an object, besides its texts.
var weights = [partCount]int64{
	partResourceSpans: largeObject, partResource: largeObject, partScopeSpans: largeObject, partScope: largeObject, partSpan: largeObject,
	partEvent: largeObject, partLink: largeObject, partPair: smallObject, partValue: smallObject, partList: smallObject, partMap: smallObject,
}

// measure returns how many bytes the messages within m take as objects, besides their texts.
// What is nested deeper than the store takes is an error: who reads it into objects goes as
// deep. values are those around m, and m if it is one.
func measure(m []byte, kind part, values int) (weight int64, err error) {
	if kind == partValue {
		if values++; values > maxValueDepth {
			return 0, clew.Errorf(clew.Invalid, "the request has values that are nested deeper than %d", maxValueDepth)
		}
	}
	for i := 0; i < len(m); {
		num, typ, n := protowire.ConsumeTag(m[i:])
		if n < 0 {
			return 0, notOTLP(n)
		}
		i += n
		if n = protowire.ConsumeFieldValue(num, typ, m[i:]); n < 0 {
			return 0, notOTLP(n)
		}
		field := m[i : i+n]
		i += n
		if typ != protowire.BytesType || int(num) >= len(parts[kind]) || parts[kind][num] == partNone {
			continue
		}
		inner := parts[kind][num]
		data, _ := protowire.ConsumeBytes(field)
		below, err := measure(data, inner, values)
		if err != nil {
			return 0, err
		}
		weight += weights[inner] + below
	}
	return weight, nil
}
