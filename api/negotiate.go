package api

import (
	"io"
	"iter"
	"log/slog"
	"net/http"
	"strconv"
	"strings"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// Matches reports whether an If-None-Match names etag, by weak comparison.
func Matches(values []string, etag string) bool {
	etag = strings.TrimPrefix(etag, "W/")
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			if part = strings.TrimSpace(part); part == "*" || strings.TrimPrefix(part, "W/") == etag {
				return true
			}
		}
	}
	return false
}

// Preferred returns which of offers, media types, an Accept header wants most; of
// equals the one that is offered first, and the first offer if none is
// wanted. A name counts before a type with wildcard, and that before "*".
func Preferred(values []string, offers ...string) string {
	best, most := offers[0], 0.0
	for _, o := range offers {
		if q := quality(values, o); q > most {
			best, most = o, q
		}
	}
	return best
}

// quality returns how much header values want name, 0 to 1.
func quality(values []string, name string) float64 {
	kind, _, _ := strings.Cut(name, "/")
	q, weight := 0.0, 0
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			want, params, _ := strings.Cut(part, ";")
			want = strings.ToLower(strings.TrimSpace(want))
			w := 0
			switch want {
			case name:
				w = 3
			case kind + "/*":
				w = 2
			case "*", "*/*":
				w = 1
			}
			if w > weight {
				q, weight = weightOf(params), w
			}
		}
	}
	return q
}

// weightOf reads the q of a header value's parameters; 1 if there is none.
func weightOf(params string) float64 {
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(p, "=")
		if strings.EqualFold(strings.TrimSpace(name), "q") {
			q, err := strconv.ParseFloat(strings.TrimSpace(value), 64)
			if err != nil || !(q >= 0 && q <= 1) {
				return 0
			}
			return q
		}
	}
	return 1
}

// packing chooses a Content-Encoding from Accept-Encoding; "" is none. Of equals
// zstd comes first: it is quicker than gzip and packs better. What is not named
// is not wanted.
func packing(values []string) string {
	best, most := "", quality(values, "identity")
	for _, o := range [...]string{"zstd", "gzip"} {
		if q := quality(values, o); named(values, o) && q > 0 && (q > most || best == "" && q == most) {
			best, most = o, q
		}
	}
	return best
}

// named reports whether a header value names something itself, not by wildcard.
func named(values []string, name string) bool {
	for _, v := range values {
		for part := range strings.SplitSeq(v, ",") {
			want, _, _ := strings.Cut(part, ";")
			if strings.EqualFold(strings.TrimSpace(want), name) {
				return true
			}
		}
	}
	return false
}

// A Sender sends bodies part by part, packed as the client likes. It keeps compressors
// for the next answer: each holds some hundred KiB. It may be used by many goroutines.
type Sender struct {
	Logger *slog.Logger

	gzip, zstd sync.Pool
}

// packer is what both compressors are.
type packer interface {
	io.WriteCloser
	Reset(io.Writer)
	Flush() error
}

func (x *Sender) take(encoding string, w io.Writer) (p packer, pool *sync.Pool) {
	pool = &x.gzip
	if encoding == "zstd" {
		pool = &x.zstd
	}
	p, ok := pool.Get().(packer)
	switch {
	case ok:
	case encoding == "zstd":
		// One goroutine, no options that can be wrong.
		p, _ = zstd.NewWriter(nil, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1), zstd.WithLowerEncoderMem(true))
	default:
		p, _ = gzip.NewWriterLevel(nil, gzip.BestSpeed)
	}
	p.Reset(w)
	return p, pool
}

// Send answers with the parts of a body, packed as the client likes; each is pushed
// out before the next one is made. size is that of the whole body, negative where
// it is not known. An error before the first part is returned, and nothing has been
// written; after a later one the connection is cut, so that the client knows.
func (x *Sender) Send(w http.ResponseWriter, r *http.Request, kind string, size int, parts iter.Seq2[[]byte, error]) error {
	encoding := ""
	if size < 0 || size >= minPackedBytes {
		encoding = packing(r.Header.Values("Accept-Encoding"))
	}
	var (
		out   io.Writer = w
		begun bool
	)
	flush := http.NewResponseController(w).Flush
	for part, err := range parts {
		switch {
		case err != nil && !begun:
			return err
		case err != nil:
			x.Logger.Error("answer cut off", "path", r.URL.Path, "error", err)
			// Broken: what the store took can be written again. net/http knows this
			// panic and cuts the connection.
			panic(http.ErrAbortHandler)
		case begun:
			if p, ok := out.(packer); ok && p.Flush() != nil {
				return nil // the client left
			}
			_ = flush() // not every server can
		default:
			begun = true
			head(w, kind, encoding, size)
			if encoding != "" {
				p, pool := x.take(encoding, w)
				defer func() {
					p.Reset(nil)
					pool.Put(p)
				}()
				out = p
			}
		}
		if _, err := out.Write(part); err != nil {
			return nil // the client left
		}
	}
	if p, ok := out.(packer); ok {
		_ = p.Close() // a client that left gets no answer
	}
	return nil
}

func head(w http.ResponseWriter, kind, encoding string, size int) {
	h := w.Header()
	h.Set("Content-Type", kind)
	if encoding != "" {
		h.Set("Content-Encoding", encoding)
	} else if size >= 0 {
		h.Set("Content-Length", strconv.Itoa(size))
	}
}

// Parts makes a sequence of what is there already; empty ones are left out.
func Parts(bodies ...[]byte) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		for _, b := range bodies {
			if len(b) > 0 && !yield(b, nil) {
				return
			}
		}
	}
}
