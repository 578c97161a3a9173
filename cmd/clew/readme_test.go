package main

import (
	"bytes"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/clew-tracing/clew/cmd/clew/serve"
)

// curlRE finds a curl command with a body in single quotes, in a document.
var curlRE = regexp.MustCompile(`(?s)\ncurl -sS (\S+) -H '([^:]+): ([^']+)' -d '([^']+)'`)

// TestReadme does what the README tells a reader to do: sends the span by hand to
// the door and asks for it with the commands as they stand there.
func TestReadme(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	// The shell puts the time between two quoted parts of the body.
	text = bytes.ReplaceAll(text, []byte("'$(date +%s)'"), strconv.AppendInt(nil, time.Now().Unix(), 10))
	p := startServer(t, t.TempDir())
	m := curlRE.FindSubmatch(text)
	if m == nil {
		t.Fatal("the README has no curl command with a body")
	}
	url := strings.Replace(string(m[1]), "http://localhost:4318", p.url(serve.DoorOTLPHTTP), 1)
	req, err := http.NewRequest(http.MethodPost, url, strings.NewReader(string(m[4])))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set(string(m[2]), string(m[3]))
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		t.Fatalf("the door answers %s", resp.Status)
	}
	ran := 0
	for _, line := range regexp.MustCompile(`(?m)^clew ((?:search|trace) .*)$`).FindAllSubmatch(text, -1) {
		out, _, err := cli([]string{"CLEW_SERVER=" + p.url(serve.DoorPage)}, shellWords(string(line[1]))...)
		if err != nil {
			t.Errorf("clew %s: %v", line[1], err)
		}
		if !strings.Contains(string(line[1]), "--count") && !strings.Contains(out, "by-hand: hello") {
			t.Errorf("clew %s does not show the span:\n%s", line[1], out)
		}
		ran++
	}
	if ran < 2 {
		t.Errorf("%d commands ran, want those of the README", ran)
	}
}
