package clients

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/clew-tracing/clew/format/xray"
	"github.com/clew-tracing/clew/ingest"
	"github.com/clew-tracing/clew/ingest/xraydoor"
)

// python runs a program of the folder python and returns what it prints. The test is skipped
// where the package that it needs is not there.
func python(t *testing.T, needs, program string, args ...string) string {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), "python3", "-c", "import "+needs).CombinedOutput(); err != nil {
		missing(t, "Python with the package "+needs, "pip install "+strings.ReplaceAll(needs, "_", "-"), errorOf(err, out))
	}
	return run(t, nil, "python3", append([]string{"python/" + program}, args...)...)
}

// TestXRayPython sends what X-Ray's SDK for Python makes: a segment, and so many parts of it
// that it sends most of them by themselves.
func TestXRayPython(t *testing.T) {
	db := store(t)
	address := serve(t, xraydoor.NewUDP(ingest.Config{Appender: db}))
	id, err := xray.ParseTraceID(python(t, "aws_xray_sdk", "xray.py", address))
	if err != nil {
		t.Fatal(err)
	}
	rows := await(t, db, id.String(), 1+40+2)
	docs := xray.Documents(rows)
	if len(docs) != 1 {
		t.Fatalf("%d documents", len(docs))
	}
	text := strings.ReplaceAll(string(docs[0].Text), ": ", ":")
	for _, want := range []string{`"name":"front"`, `"tier":"gold"`, `"ratio":0.5`, `"user":"ann"`, `"name":"part 39"`, `"message":"no stock"`, `"type":"ValueError"`, `"sanitized_query":"SELECT ?"`, `"status":502`, `"sdk":"X-Ray for Python"`} {
		if !strings.Contains(text, want) {
			t.Errorf("no %s in\n%s", want, text)
		}
	}
}
