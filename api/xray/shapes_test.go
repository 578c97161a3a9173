package xray

import (
	"encoding/json"
	"testing"
)

// TestWhole: lists and maps are there in an answer, and what others hold on to is left alone.
func TestWhole(t *testing.T) {
	type answer struct {
		Lists map[string][]int
		Maps  []map[string]string
	}
	mine := map[string][]int{"a": nil}
	text, err := json.Marshal(whole(&answer{mine, []map[string]string{nil}}))
	if err != nil || string(text) != `{"Lists":{"a":[]},"Maps":[{}]}` {
		t.Errorf("%s, %v", text, err)
	}
	if mine["a"] != nil {
		t.Error("a map that others may have is written to")
	}
}
