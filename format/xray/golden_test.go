package xray_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/clew-tracing/clew/otlp"
)

var update = flag.Bool("update", false, "rewrite golden files")

// golden compares with a file of testdata.
func golden(t *testing.T, name, have string) {
	t.Helper()
	path := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(path, []byte(have), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if have != string(want) {
		t.Errorf("%s is not what it was; have\n%s", name, have)
	}
}

// TestMapping holds what documents are turned into to files: those captured of SDKs, and one
// with every field.
func TestMapping(t *testing.T) {
	for name, doc := range documents(t, "*.json") {
		t.Run(name, func(t *testing.T) {
			text, err := otlp.AppendJSON(nil, translated(t, doc))
			if err != nil {
				t.Fatal(err)
			}
			var b bytes.Buffer
			if err := json.Indent(&b, text, "", " "); err != nil {
				t.Fatal(err)
			}
			golden(t, strings.TrimSuffix(name, ".json")+".otlp", b.String()+"\n")
		})
	}
}
