package pipeline

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/pipeline/redact"
)

// Load reads a pipeline from a file, and the tables that it names: files have to be
// readable, servers are being asked when it returns (Await). counts get what it does. Errors
// are of kind Invalid and name the line.
func Load(ctx context.Context, path string, counts *Counts, log *slog.Logger) (*Pipeline, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, clew.Errorf(clew.Invalid, "the pipeline cannot be read: %w", err)
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFileBytes+1))
	if err != nil {
		return nil, clew.Errorf(clew.Invalid, "the pipeline cannot be read: %w", err)
	}
	if len(data) > maxFileBytes {
		return nil, clew.Errorf(clew.Invalid, "%s is larger than %d bytes", path, maxFileBytes)
	}
	p := &Pipeline{counts: counts, log: log}
	l := loader{p: p, path: path}
	if err := l.load(data); err != nil {
		return nil, clew.Errorf(clew.Invalid, "%w", err)
	}
	running, end := context.WithCancel(context.WithoutCancel(ctx))
	p.end = end
	for i, look := range p.lookups {
		if look.file == "" {
			continue
		}
		if err := look.refresh(ctx); err != nil {
			end()
			return nil, clew.Errorf(clew.Invalid, "%s: lookups: number %d: %w", path, i+1, err)
		}
		counts.Lookups.Add(1)
	}
	for _, look := range p.lookups {
		p.refreshing.Go(func() { p.keepFresh(running, look) })
	}
	return p, nil
}

// loader makes a pipeline of a file.
type loader struct {
	p    *Pipeline
	path string
}

// at words an error with its place.
func (l *loader) at(n *yaml.Node, format string, args ...any) error {
	return fmt.Errorf("%s:%d: %w", l.path, n.Line, fmt.Errorf(format, args...))
}

// section reads what stands behind a key of a mapping.
type section func(n *yaml.Node) error

func (l *loader) load(data []byte) error {
	var doc, more yaml.Node
	in := yaml.NewDecoder(bytes.NewReader(data))
	if err := in.Decode(&doc); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: %w", l.path, err)
	}
	if err := in.Decode(&more); err == nil {
		return l.at(&more, "there is a second document behind ---: want all in one")
	} else if !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s: %w", l.path, err)
	}
	if doc.Kind == 0 || len(doc.Content) == 0 || doc.Content[0].Tag == "!!null" {
		return fmt.Errorf("%s: it is empty: want one of service_names, lookups, statements, drop, redact", l.path)
	}
	s := script{mode: modeIgnore}
	err := l.mapping(doc.Content[0], "", map[string]section{
		"error_mode": func(n *yaml.Node) error {
			v, err := l.text(n)
			if err == nil && !slices.Contains([]string{modeIgnore, modeSilent, modePropagate}, v) {
				err = l.at(n, "error_mode %q: want ignore, silent or propagate", v)
			}
			s.mode = v
			return err
		},
		"service_names": l.serviceNames,
		"lookups":       l.lookupList,
		"statements":    func(n *yaml.Node) (err error) { s.statements, err = l.lines(n); return err },
		"drop":          func(n *yaml.Node) (err error) { s.drop, err = l.lines(n); return err },
		"redact":        l.redact,
	})
	if err != nil || len(s.statements)+len(s.drop) == 0 {
		return err
	}
	l.p.statements, err = l.compile(s)
	return err
}

// mapping has each key of a mapping read by its section.
func (l *loader) mapping(n *yaml.Node, what string, sections map[string]section) error {
	if n.Kind != yaml.MappingNode {
		return l.at(n, "%swant lines of NAME: VALUE with %s", prefix(what), strings.Join(slices.Sorted(maps.Keys(sections)), ", "))
	}
	seen := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, value := n.Content[i], n.Content[i+1]
		read, ok := sections[key.Value]
		switch {
		case !ok:
			return l.at(key, "%sthere is no %s: want %s", prefix(what), key.Value, strings.Join(slices.Sorted(maps.Keys(sections)), ", "))
		case seen[key.Value]:
			return l.at(key, "%s%s is there twice", prefix(what), key.Value)
		}
		seen[key.Value] = true
		if err := read(value); err != nil {
			return err
		}
	}
	return nil
}

func prefix(what string) string {
	if what == "" {
		return ""
	}
	return what + ": "
}

// text reads one value.
func (l *loader) text(n *yaml.Node) (string, error) {
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return "", l.at(n, "want one value")
	}
	return n.Value, nil
}

// into returns a section that reads a text.
func (l *loader) into(to *string) section {
	return func(n *yaml.Node) (err error) { *to, err = l.text(n); return err }
}

// list has each element of a list read.
func (l *loader) list(n *yaml.Node, most int, read section) error {
	if n.Kind != yaml.SequenceNode {
		return l.at(n, "want a list")
	}
	if len(n.Content) > most {
		return l.at(n, "want %d at most", most)
	}
	for _, e := range n.Content {
		if err := read(e); err != nil {
			return err
		}
	}
	return nil
}

// texts returns a section that reads a list of texts.
func (l *loader) texts(to *[]string) section {
	return func(n *yaml.Node) error {
		return l.list(n, maxRules, func(n *yaml.Node) error {
			v, err := l.text(n)
			*to = append(*to, v)
			return err
		})
	}
}

// duration returns a section that reads a duration within bounds.
func (l *loader) duration(to *time.Duration, least, most time.Duration) section {
	return func(n *yaml.Node) error {
		v, err := l.text(n)
		if err != nil {
			return err
		}
		d, err := time.ParseDuration(v)
		if err != nil || d < least || d > most {
			return l.at(n, "%q: want a duration from %v to %v", v, least, most)
		}
		*to = d
		return nil
	}
}

// line is a text of the file with its place.
type line struct {
	text string
	node *yaml.Node
}

// lines reads a list of texts with their places.
func (l *loader) lines(n *yaml.Node) (out []line, err error) {
	err = l.list(n, maxStatements, func(n *yaml.Node) error {
		v, err := l.text(n)
		out = append(out, line{v, n})
		return err
	})
	return out, err
}

func (l *loader) serviceNames(n *yaml.Node) error {
	out := &names{exact: map[string]string{}, from: usualFrom}
	l.p.names = out
	var from []string
	err := l.mapping(n, "service_names", map[string]section{
		"from": func(n *yaml.Node) error {
			if n.Kind == yaml.ScalarNode && n.Value == "off" {
				out.from = nil
				return nil
			}
			err := l.texts(&from)(n)
			out.from = from
			return err
		},
		"rules": func(n *yaml.Node) error {
			return l.list(n, maxRules, func(n *yaml.Node) error { return l.nameRule(n, out) })
		},
	})
	return err
}

func (l *loader) nameRule(n *yaml.Node, out *names) error {
	var exact, pattern, name string
	err := l.mapping(n, "service_names: rules", map[string]section{"exact": l.into(&exact), "regexp": l.into(&pattern), "name": l.into(&name)})
	switch {
	case err != nil:
		return err
	case name == "" || (exact == "") == (pattern == ""):
		return l.at(n, "service_names: want name, and one of exact and regexp")
	case exact != "":
		out.exact[exact] = name
		return nil
	}
	match, err := regexp.Compile("^(?:" + pattern + ")$")
	if err != nil {
		return l.at(n, "service_names: regexp %q: %w", pattern, err)
	}
	out.rules = append(out.rules, nameRule{match, name})
	return nil
}

func (l *loader) lookupList(n *yaml.Node) error {
	return l.list(n, maxLookups, func(n *yaml.Node) error {
		look := &lookup{asked: make(chan struct{}), timeout: tableTimeout, client: &http.Client{}}
		var overwrite string
		err := l.mapping(n, "lookups", map[string]section{
			"by": l.into(&look.by), "file": l.into(&look.file), "url": l.into(&look.url), "overwrite": l.into(&overwrite),
			"every": l.duration(&look.every, minEvery, 24*time.Hour), "timeout": l.duration(&look.timeout, time.Millisecond, maxTimeout),
		})
		if err != nil {
			return err
		}
		switch {
		case look.by == "" || (look.file == "") == (look.url == ""):
			return l.at(n, "lookups: want by, and one of file and url")
		case overwrite != "" && overwrite != "true" && overwrite != "false":
			return l.at(n, "lookups: overwrite %q: want true or false", overwrite)
		}
		look.overwrite = overwrite == "true"
		if look.file != "" {
			if !filepath.IsAbs(look.file) {
				look.file = filepath.Join(filepath.Dir(l.path), look.file)
			}
			if ext := strings.ToLower(filepath.Ext(look.file)); ext != ".csv" && ext != ".json" {
				return l.at(n, "lookups: file %s: want a name that ends in .csv or .json", look.file)
			}
		} else if u, err := url.Parse(look.url); err != nil || (u.Scheme != "http" && u.Scheme != "https") || u.Host == "" {
			return l.at(n, "lookups: url %q: want http:// or https:// and a host", look.url)
		}
		if look.every == 0 {
			if look.every = tableEvery; look.file != "" {
				look.every = fileEvery
			}
		}
		l.p.lookups = append(l.p.lookups, look)
		return nil
	})
}

func (l *loader) redact(n *yaml.Node) error {
	o := redact.Options{Counts: &l.p.counts.Redacted}
	var keyFile string
	err := l.mapping(n, "redact", map[string]section{
		"sets": func(n *yaml.Node) error {
			if n.Kind == yaml.ScalarNode && n.Value == "all" {
				o.Sets = redact.Sets()
				return nil
			}
			return l.list(n, len(redact.Sets()), func(n *yaml.Node) error {
				v, err := l.text(n)
				if err != nil {
					return err
				}
				s, err := redact.ParseSet(v)
				if err != nil {
					return l.at(n, "redact: sets: %w", err)
				}
				o.Sets = append(o.Sets, s)
				return nil
			})
		},
		"keys": l.texts(&o.Keys), "keep": l.texts(&o.Keep), "hash_key_file": l.into(&keyFile),
	})
	if err != nil {
		return err
	}
	if keyFile != "" {
		if !filepath.IsAbs(keyFile) {
			keyFile = filepath.Join(filepath.Dir(l.path), keyFile)
		}
		key, err := os.ReadFile(keyFile)
		if err != nil {
			return l.at(n, "redact: hash_key_file: %w", err)
		}
		if o.HashKey = []byte(strings.TrimSpace(string(key))); len(o.HashKey) == 0 {
			return l.at(n, "redact: hash_key_file: it is empty")
		}
	}
	if len(o.Sets)+len(o.Keys) == 0 {
		return l.at(n, "redact: want sets (all, or a list) or keys")
	}
	if l.p.redactor, err = redact.New(o); err != nil {
		return l.at(n, "redact: %w", err)
	}
	return nil
}
