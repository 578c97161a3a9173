package xray_test

import (
	"testing"
)

// TestThereAndBack puts documents in and finds them as they were.
func TestThereAndBack(t *testing.T) {
	for name, doc := range documents(t, "*.json") {
		t.Run(name, func(t *testing.T) {
			docs := back(t, doc)
			if len(docs) != 1 {
				t.Fatalf("%d documents came back", len(docs))
			}
			same(t, docs[0], doc)
		})
	}
}
