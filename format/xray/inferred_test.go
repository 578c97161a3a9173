package xray_test

import (
	"testing"

	"github.com/clew-tracing/clew/format/xray"
)

// TestInferred makes segments for calls, with what these say, in the spelling that it came in.
func TestInferred(t *testing.T) {
	rows := rowsOf(t, translated(t, `{"trace_id":"1-6b039621-2942d23cf37ea4a764dab1fe","id":"0000000000000001","name":"front","start_time":1,"in_progress":true,"subsegments":[
	{"id":"0000000000000002","name":"DynamoDB","namespace":"aws","start_time":1.795397153564E9,"end_time":1795397154.0,"throttle":true,"http":{"response":{"status":429,"content_length":"58"}},"aws":{"operation":"GetItem","table_name":"carts","unknown":[1.50]},"annotations":{"a":1},"metadata":{"n":{"m":1}},"cause":{"exceptions":[{"id":"96a5926cdb42daa7","message":"m"}]},
	 "subsegments":[{"id":"0000000000000003","name":"attempt","start_time":1.5,"in_progress":true}]},
	{"id":"0000000000000004","name":"shop@db","namespace":"remote","start_time":2,"in_progress":true,"sql":{"url":"postgres://db/shop","sanitized_query":"SELECT ?"}}]}`))
	place := map[string]int{}
	for row, id := range rows.Batch().SpanID {
		place[string(rune('0'+id))] = row
	}
	docs := xray.Inferred(rows, []xray.Call{{Row: place["2"], ID: 0xa, Origin: "AWS::DynamoDB::Table"}, {Row: place["4"], ID: 0xb}})
	if len(docs) != 2 || docs[0].ID != 0xa || docs[1].Row != place["4"] {
		t.Fatalf("%+v", docs)
	}
	same(t, string(docs[0].Text), `{"id":"000000000000000a","name":"DynamoDB","start_time":1.795397153564E9,"end_time":1795397154.0,"throttle":true,"http":{"response":{"status":429,"content_length":"58"}},"aws":{"operation":"GetItem","table_name":"carts","unknown":[1.50]},
	"parent_id":"0000000000000002","inferred":true,"origin":"AWS::DynamoDB::Table","trace_id":"1-6b039621-2942d23cf37ea4a764dab1fe"}`)
	same(t, string(docs[1].Text), `{"id":"000000000000000b","name":"shop@db","start_time":2,"in_progress":true,"sql":{"url":"postgres://db/shop","sanitized_query":"SELECT ?"},"parent_id":"0000000000000004","inferred":true,"trace_id":"1-6b039621-2942d23cf37ea4a764dab1fe"}`)
	if docs := xray.Inferred(rows, nil); docs != nil {
		t.Errorf("%+v", docs)
	}
	// What was inferred can be put again, and is nobody's call then.
	if again := back(t, string(docs[0].Text)); len(again) != 1 {
		t.Errorf("%q", again)
	} else {
		same(t, again[0], string(docs[0].Text))
	}
}
