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

	"github.com/clew-tracing/clew/internal/usage"
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
		if err == nil || !errors.Is(err, usage.Err) {
			t.Errorf("clew %s: error %v, want one of usage", line, err)
			return
		}
		for _, w := range want {
			if !strings.Contains(err.Error(), w) {
				t.Errorf("clew %s: error %q does not say %q", line, err, w)
			}
		}
	}
	bad(nil, "serach", `there is no command "serach"; did you mean clew search?`)
	bad(nil, "frobnicate", `there is no command "frobnicate"; see clew --help`)
	bad(nil, "help serach", `there is no command "serach"; did you mean clew search?`)
	bad(nil, "help search more", `clew help takes [COMMAND] and no more; "more" is too many`)
	bad(nil, "--nope", "clew has no flag --nope; see clew --help")
	bad(nil, "--demo", "--demo is no flag of clew itself: it comes after a command, as in clew serve --demo")
	bad(nil, "completion", "clew completion needs SHELL; usage: clew completion SHELL")
	bad(nil, "completion tcsh", `there is no completion for "tcsh": want bash, zsh, fish or powershell`)
	bad(nil, "completion bahs", `there is no completion for "bahs"`, "did you mean bash?")
	bad(nil, "completion bash zsh", `clew completion takes SHELL and no more; "zsh" is too many`)
	bad(nil, "serve now", `clew serve takes no arguments, and "now" is one; see clew serve --help`)
	bad(nil, "verify ./data", `clew verify takes no arguments, and "./data" is one; a folder goes into --data ./data`)
	bad(nil, "serve demo", `clew serve takes no arguments, and "demo" is one; did you mean --demo?`)
	bad(nil, "version 2", `clew version takes no arguments, and "2" is one`)
	bad(nil, "search -x", "clew search has no flag -x; see clew search --help")
	bad(nil, "search -l 5", "clew search has no flag -l; did you mean --limit?")
	bad(nil, "search -t x", "clew search has no flag -t; did you mean --tenant or --token?")
	bad(nil, "search --limit", "--limit needs a value, such as --limit 20")
	bad(nil, "search --since", "--since needs a value: only spans that started")
	bad(nil, "bench --pid", "--pid needs a value: ")
	bad(nil, "search --json=5", `--json: "5": want true or false`)
	bad(nil, "bench --seed -1", `--seed: "-1": want a whole number, 0 or more`)
	bad(nil, "bench --rate fast", `--rate: "fast": want a number`)
	bad(nil, "bench --settle long", `--settle: "long": want a duration such as 250ms`)
	bad(nil, "bench --pid 1,x", `--pid: "1,x": want whole numbers with commas`)
	bad(nil, "search --=5", `"--=5" is no flag; flags are written --name value or --name=value`)
	bad(nil, "search --sever x", "--sever", "--server")
	bad(nil, "search --limit many", `--limit: "many": want a whole number`)
	bad(nil, "search --limit -1", "--limit -1: want 1 or more traces, or --count")
	bad(nil, "search --limit 0", "--limit 0: want 1 or more traces, or --count")
	bad(nil, "search --count --limit -1", "--limit -1: want 0 or more traces")
	bad(nil, "search --since yesterday", "--since", "7d")
	bad(nil, "search --since 1h --start 2026-01-01T00:00:00Z", "--since", "--start")
	bad(nil, "search --end noon", "--end", "2026-11-23T09:30:00Z")
	bad(nil, "search a b", "single quotes: clew search '")
	bad(nil, "trace", "clew trace needs ID; usage: clew trace ID")
	bad(nil, "trace 1 2", `clew trace takes ID and no more; "2" is too many; usage: clew trace ID`)
	bad(nil, "trace xyz", "xyz", "hex")
	bad(nil, "tail --limit -1", "--limit")
	bad(nil, "import", "clew import needs FILE…; usage: clew import FILE…")
	bad(nil, "import --format xml x", "--format", "delimited")
	bad(nil, "config --retention soon", "--retention", "7d")
	bad(nil, "config --config gone.yaml", "--config", "gone.yaml")
	bad([]string{"CLEW_SEVER=x"}, "search", "CLEW_SEVER", "CLEW_SERVER")
	bad([]string{"CLEW_SERVER=ftp://x"}, "search", "CLEW_SERVER", "localhost:4300")
	if _, _, err := cli([]string{"CLEW_SERVER=127.0.0.1:1"}, "search"); err == nil || !strings.Contains(err.Error(), "http://127.0.0.1:1; start one with clew serve") || errors.Is(err, usage.Err) {
		t.Errorf("no server: %v", err)
	}
}

func TestVersionIsAFlagToo(t *testing.T) {
	want, _, err := cli(nil, "version")
	if err != nil || !strings.HasPrefix(want, "clew "+programVersion()+" go") {
		t.Errorf("clew version: %q, %v", want, err)
	}
	for _, flag := range []string{"--version", "-v"} {
		if out, _, err := cli(nil, flag); out != want || err != nil {
			t.Errorf("clew %s: %q, %v; want %q", flag, out, err, want)
		}
	}
}

func TestHelpOfACommand(t *testing.T) {
	want, _, err := cli(nil, "search", "--help")
	if err != nil || !strings.Contains(want, "clew search [QUERY]") || !strings.Contains(want, "--help") {
		t.Errorf("clew search --help: %q, %v", want, err)
	}
	if out, _, err := cli(nil, "help", "search"); out != want || err != nil {
		t.Errorf("clew help search: %q, %v; want %q", out, err, want)
	}
	root, _, err := cli(nil, "--help")
	if out, _, helpErr := cli(nil, "help"); out != root || err != nil || helpErr != nil || !strings.Contains(out, "serve") {
		t.Errorf("clew help: %q, %v, %v; want %q", out, helpErr, err, root)
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
	want := cliReference(newRoot(&terminal{}))
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
