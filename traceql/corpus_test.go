package traceql

import (
	"bufio"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "rewrite the answers in testdata")

// corpus is one file of testdata: queries, one per line, each followed by its
// answer behind a tab. Lines that begin with # are kept as they are; \n in a
// query stands for a newline.
type corpus struct {
	path  string
	lines []string // a query, or a comment or an empty line
	want  map[int]string
}

func readCorpus(t *testing.T, name string) *corpus {
	t.Helper()
	c := &corpus{path: filepath.Join("testdata", name), want: make(map[int]string)}
	f, err := os.Open(c.path)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	s := bufio.NewScanner(f)
	for s.Scan() {
		if answer, ok := strings.CutPrefix(s.Text(), "\t"); ok {
			c.want[len(c.lines)-1] = answer
			continue
		}
		c.lines = append(c.lines, s.Text())
	}
	if s.Err() != nil {
		t.Fatal(s.Err())
	}
	return c
}

// run compares answer(query) with the file, or rewrites the file.
func (c *corpus) run(t *testing.T, answer func(query string) string) {
	t.Helper()
	var out strings.Builder
	queries := 0
	for i, line := range c.lines {
		out.WriteString(line + "\n")
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		queries++
		got := answer(strings.ReplaceAll(line, `\n`, "\n"))
		if got != c.want[i] && !*update {
			t.Errorf("%s: %s\n got  %s\n want %s", c.path, line, got, c.want[i])
		}
		out.WriteString("\t" + got + "\n")
	}
	if queries < 5 {
		t.Errorf("%s has %d queries", c.path, queries)
	}
	if *update {
		if err := os.WriteFile(c.path, []byte(out.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func TestValid(t *testing.T) {
	readCorpus(t, "valid.txt").run(t, func(query string) string {
		q, err := Parse(query)
		if err != nil {
			return err.Error()
		}
		text := q.String()
		again, err := Parse(text)
		if err != nil {
			return fmt.Sprintf("%s does not parse again: %v", text, err)
		}
		if !Equal(q, again) {
			return fmt.Sprintf("%s is another query", text)
		}
		return text
	})
}

func TestRefused(t *testing.T) {
	for name, class := range map[string]Class{"syntax.txt": Syntax, "types.txt": Types} {
		readCorpus(t, name).run(t, func(query string) string {
			q, err := Parse(query)
			if err == nil {
				return "parses as " + q.String()
			}
			var e *Error
			if !errors.As(err, &e) {
				return "untyped error: " + err.Error()
			}
			if e.Class != class {
				return fmt.Sprintf("%s, want %s", e, class)
			}
			return strings.TrimPrefix(e.Error(), "query ")
		})
	}
}
