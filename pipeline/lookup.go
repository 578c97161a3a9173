package pipeline

import (
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"math"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/clew-tracing/clew"
)

// lookup adds to resources what a table has for the value of one of their attributes.
type lookup struct {
	by             string
	file, url      string // one of them
	every, timeout time.Duration
	overwrite      bool
	client         *http.Client

	asked chan struct{} // closed when the server was asked once
	table atomic.Pointer[table]
	mu    sync.Mutex  // one reads at a time; guards read
	read  os.FileInfo // of the file as it was read
}

// table has what is added, by the value that it is looked up by.
type table map[string][]added

// added is one attribute.
type added struct {
	key   string
	value clew.Value
}

// enrich adds to r what its row has, and returns how many attributes that are.
func (l *lookup) enrich(r *resource) int {
	t := l.table.Load()
	if t == nil {
		return 0
	}
	by, ok := r.text(l.by)
	if !ok {
		return 0
	}
	n := 0
	for _, a := range (*t)[by] {
		if l.overwrite || !r.has(a.key) {
			r.set(a.key, a.value)
			n++
		}
	}
	return n
}

// source names where a table comes from, without what may be secret of an address.
func (l *lookup) source() string {
	if l.file != "" {
		return l.file
	}
	u, err := url.Parse(l.url)
	if err != nil { // it was parsed before
		return "a server"
	}
	u.RawQuery, u.Fragment = "", ""
	return u.Redacted()
}

// refresh reads the table. On an error the old one stays.
func (l *lookup) refresh(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	data, kind, err := l.fetch(ctx)
	if err != nil {
		return err
	}
	t, err := parseTable(data, kind, l.by)
	if err != nil {
		return fmt.Errorf("%s: %w", l.source(), err)
	}
	l.table.Store(&t)
	return nil
}

// changed reports whether the file is another than was read.
func (l *lookup) changed() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	info, err := os.Stat(l.file)
	return err != nil || l.read == nil || !info.ModTime().Equal(l.read.ModTime()) || info.Size() != l.read.Size()
}

// fetch reads the bytes of a table, and says what they are: csv or json.
func (l *lookup) fetch(ctx context.Context) (data []byte, kind string, err error) {
	if l.file != "" {
		f, err := os.Open(l.file)
		if err != nil {
			return nil, "", err
		}
		defer f.Close()
		if l.read, err = f.Stat(); err != nil {
			return nil, "", err
		}
		data, err = readBounded(f, l.file)
		return data, strings.TrimPrefix(strings.ToLower(filepath.Ext(l.file)), "."), err
	}
	ctx, cancel := context.WithTimeout(ctx, l.timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, l.url, nil)
	if err != nil {
		return nil, "", err
	}
	req.Header.Set("Accept", "application/json, text/csv")
	res, err := l.client.Do(req)
	if err != nil {
		var of *url.Error
		if errors.As(err, &of) { // which has all of the address
			err = of.Err
		}
		return nil, "", fmt.Errorf("%s: %w", l.source(), err)
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return nil, "", fmt.Errorf("%s answers %s", l.source(), res.Status)
	}
	data, err = readBounded(res.Body, l.source())
	if kind = "json"; strings.Contains(res.Header.Get("Content-Type"), "csv") {
		kind = "csv"
	}
	return data, kind, err
}

func readBounded(r io.Reader, from string) ([]byte, error) {
	data, err := io.ReadAll(io.LimitReader(r, maxTableBytes+1))
	if err == nil && len(data) > maxTableBytes {
		err = fmt.Errorf("%s has more than %d MiB", from, maxTableBytes>>20)
	}
	return data, err
}

// parseTable reads a table: CSV with a line of names, the first of which is that of the
// value that rows are looked up by; or a JSON object with an object of attributes for each
// such value.
func parseTable(data []byte, kind, by string) (table, error) {
	if kind == "csv" {
		return parseCSV(data, by)
	}
	return parseJSON(data)
}

func parseCSV(data []byte, by string) (table, error) {
	in := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(data, []byte("\ufeff"))))
	names, err := in.Read()
	if err != nil {
		return nil, fmt.Errorf("it has no line of names: %w", err)
	}
	for i := range names {
		names[i] = strings.TrimSpace(names[i])
	}
	at := slices.Index(names, by)
	if at < 0 {
		return nil, fmt.Errorf("no column is named %s: the first line names them, and has %s", by, strings.Join(names, ", "))
	}
	if len(names)-1 > maxAdded {
		return nil, fmt.Errorf("it has %d columns: want %d at most", len(names), maxAdded+1)
	}
	out := table{}
	for {
		row, err := in.Read()
		if errors.Is(err, io.EOF) {
			return out, nil
		}
		if err != nil {
			return nil, err
		}
		if len(out) == maxRows {
			return nil, fmt.Errorf("it has more than %d rows", maxRows)
		}
		var list []added
		for i, v := range row {
			if i != at && v != "" && names[i] != "" {
				list = append(list, added{names[i], textValue(v)})
			}
		}
		out[row[at]] = list
	}
}

func parseJSON(data []byte) (table, error) {
	var rows map[string]map[string]any
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := dec.Decode(&rows); err != nil {
		return nil, fmt.Errorf("want an object of JSON, with an object of attributes for each value: %w", err)
	}
	if len(rows) > maxRows {
		return nil, fmt.Errorf("it has more than %d rows", maxRows)
	}
	out := make(table, len(rows))
	for by, attrs := range rows {
		if len(attrs) > maxAdded {
			return nil, fmt.Errorf("%q has %d attributes: want %d at most", by, len(attrs), maxAdded)
		}
		var list []added
		for _, key := range slices.Sorted(maps.Keys(attrs)) {
			v, err := valueOf(attrs[key])
			if err != nil {
				return nil, fmt.Errorf("%q: %s: %w", by, key, err)
			}
			list = append(list, added{key, v})
		}
		out[by] = list
	}
	return out, nil
}

// valueOf returns a value of JSON as one of an attribute.
func valueOf(v any) (clew.Value, error) {
	switch v := v.(type) {
	case string:
		return textValue(v), nil
	case bool:
		out := clew.Value{Type: clew.TypeBool}
		if v {
			out.Bits = 1
		}
		return out, nil
	case json.Number:
		if n, err := v.Int64(); err == nil {
			return clew.Value{Type: clew.TypeInt, Bits: uint64(n)}, nil
		}
		f, err := v.Float64()
		return clew.Value{Type: clew.TypeDouble, Bits: math.Float64bits(f)}, err
	}
	return clew.Value{}, errors.New("want a text, a number or a bool")
}

// Await returns once each server that has a table was asked for it, or ctx ends. Requests
// before that lack what the table has.
func (p *Pipeline) Await(ctx context.Context) {
	for _, l := range p.lookups {
		select {
		case <-l.asked:
		case <-ctx.Done():
			return
		}
	}
}

// keepFresh reads the table again as often as its lookup says, until ctx ends.
func (p *Pipeline) keepFresh(ctx context.Context, l *lookup) {
	if l.url != "" {
		p.refresh(ctx, l)
	}
	close(l.asked)
	tick := time.NewTicker(l.every)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if l.file != "" && !l.changed() {
			continue
		}
		p.refresh(ctx, l)
	}
}

// refresh reads a table, counts that, and tells of an error.
func (p *Pipeline) refresh(ctx context.Context, l *lookup) {
	if err := l.refresh(ctx); err != nil {
		if ctx.Err() == nil {
			p.counts.LookupErrs.Add(1)
			p.log.Warn("a table of the pipeline was not read; what was read before serves", "table", l.source(), "error", err)
		}
		return
	}
	p.counts.Lookups.Add(1)
}
