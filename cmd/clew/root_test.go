package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite docs/reference/cli.md")

// cli runs one command line in this process.
func cli(environ []string, args ...string) (stdout, stderr string, err error) {
	var out, errOut bytes.Buffer
	t := &terminal{in: strings.NewReader(""), out: &out, err: &errOut, environ: environ}
	err = execute(context.Background(), t, args)
	return out.String(), errOut.String(), err
}

func TestMistakesNameTheMend(t *testing.T) {
	bad := func(environ []string, line string, want ...string) {
		t.Helper()
		_, _, err := cli(environ, strings.Fields(line)...)
		if err == nil || !errors.Is(err, errUsage) {
			t.Errorf("clew %s: error %v, want one of usage", line, err)
			return
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("clew %s: error %q does not say %q", line, err, w)
			}
		}
	}
	bad(nil, "serach", `"serach"`, "clew search")
	bad(nil, "search --sever x", "--sever", "--server")
	bad(nil, "search --limit many", "--limit")
	bad(nil, "search --limit -1", "--limit")
	bad(nil, "search --since yesterday", "--since", "7d")
	bad(nil, "search --since 1h --start 2026-01-01T00:00:00Z", "--since", "--start")
	bad(nil, "search --end noon", "--end", "2026-11-23T09:30:00Z")
	bad(nil, "search a b", "clew search [QUERY]")
	bad(nil, "trace", "clew trace ID")
	bad(nil, "trace xyz", "xyz", "hex")
	bad(nil, "tail --limit -1", "--limit")
	bad(nil, "import", "clew import FILE…")
	bad(nil, "import --format xml x", "--format", "delimited")
	bad(nil, "config --retention soon", "--retention", "7d")
	bad(nil, "config --config gone.yaml", "--config", "gone.yaml")
	bad([]string{"CLEW_SEVER=x"}, "search", "CLEW_SEVER", "CLEW_SERVER")
	bad([]string{"CLEW_SERVER=x"}, "search", "CLEW_SERVER", "http://localhost:4300")
	if _, _, err := cli([]string{"CLEW_SERVER=http://127.0.0.1:1"}, "search"); err == nil || !strings.Contains(err.Error(), "clew serve") || errors.Is(err, errUsage) {
		t.Errorf("no server: %v", err)
	}
}

func TestConfigPrintsWhatHolds(t *testing.T) {
	out, _, err := cli([]string{"CLEW_RETENTION=36h"}, "config", "--listen", "a", "--listen", "b")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"retention: 1d12h  # CLEW_RETENTION", `listen: "a,b"  # --listen`, "http-port: 4300  # default"} {
		if !strings.Contains(out, want) {
			t.Errorf("no line %q in\n%s", want, out)
		}
	}
}

func TestCompletion(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		if out, _, err := cli(nil, "completion", shell); err != nil || !strings.Contains(out, "clew") {
			t.Errorf("completion %s: %d bytes, %v", shell, len(out), err)
		}
	}
}

func TestCLIReferenceIsUpToDate(t *testing.T) {
	root := newRoot(&terminal{})
	root.InitDefaultCompletionCmd()
	want := cliReference(root)
	path := filepath.Join("..", "..", "docs", "reference", "cli.md")
	if *update {
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(path)
	if err != nil || string(have) != want {
		t.Errorf("%s is out of date (%v); run go test ./cmd/clew -update", path, err)
	}
}

var commandRE = regexp.MustCompile(`(?m)^\s*(?:\./bin/)?clew ([^#|\n]+)`)

// TestDocumentedCommandsExist parses every command line of clew in the
// documents' sh blocks: command and flags have to exist.
func TestDocumentedCommandsExist(t *testing.T) {
	found := 0
	err := filepath.WalkDir(filepath.Join("..", ".."), func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "node_modules" || d.Name() == "testdata" || d.Name() == ".git"):
			return fs.SkipDir
		case filepath.Ext(path) != ".md":
			return nil
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for i, block := range strings.Split(string(text), "```") {
			if i%2 == 0 || !strings.HasPrefix(block, "sh\n") {
				continue
			}
			for _, m := range commandRE.FindAllStringSubmatch(block, -1) {
				found++
				args := shellWords(m[1])
				root := newRoot(&terminal{})
				c, rest, err := root.Find(args)
				if err == nil && c == root {
					err = errors.New("no such command")
				}
				if err == nil {
					err = c.ParseFlags(rest)
				}
				if err != nil {
					t.Errorf("%s: clew %s: %v", path, m[1], err)
				}
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if found == 0 {
		t.Error("no command line of clew in any document")
	}
}

// shellWords splits a command line at blanks outside quotes.
func shellWords(line string) (words []string) {
	var word strings.Builder
	quote, any := rune(0), false
	for _, r := range line {
		switch {
		case quote != 0 && r == quote:
			quote = 0
		case quote == 0 && (r == '\'' || r == '"'):
			quote, any = r, true
		case quote == 0 && (r == ' ' || r == '\t'):
			if any {
				words = append(words, word.String())
				word.Reset()
				any = false
			}
		default:
			word.WriteRune(r)
			any = true
		}
	}
	if any {
		words = append(words, word.String())
	}
	return words
}
