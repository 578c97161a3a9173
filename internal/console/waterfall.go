package console

import (
	"bufio"
	"cmp"
	"fmt"
	"hash/fnv"
	"io"
	"slices"
	"strings"

	"github.com/clew-tracing/clew"
)

// Waterfall is one trace laid out for a terminal: its spans in the order of the
// tree, parents before children, children by start.
//
//	cart: POST /checkout        ████████████████████████████████   152ms
//	├ payment: charge             ██████████                        48ms
//	│ └ payment: SELECT card        ▍                              1.2ms
//	└ email: enqueue                           ▎                   310µs
type Waterfall struct {
	// Clocks are sentences about clocks that differ, each a line below the heading.
	Clocks []string

	spans []clew.Span
	rows  []waterfallRow
	// start and end are the trace's: the first start, and the last of all starts and ends.
	start, end clew.UnixNanos
	services   int
	errors     int
}

// waterfallRow is a line: a span, or in place of a parent that has not been
// received a ghost.
type waterfallRow struct {
	span  int // index into spans; -1 in a ghost
	ghost clew.SpanID
	depth int
	// last says that no sister follows, above that at each depth.
	last bool
}

// NewWaterfall lays out the spans of one trace, of which there is at least one.
// Spans whose parents form a ring are roots of their own, the first received
// first, so that every span has exactly one row.
func NewWaterfall(spans []clew.Span) *Waterfall {
	w := &Waterfall{spans: spans, start: spans[0].Start}
	byID := make(map[clew.SpanID]int, len(spans))
	services := map[string]bool{}
	for i := range spans {
		s := &spans[i]
		if _, twice := byID[s.SpanID]; !twice {
			byID[s.SpanID] = i
		}
		services[s.Service()] = true
		w.start, w.end = min(w.start, s.Start), max(w.end, s.Start, s.End)
		if s.Status == clew.StatusError {
			w.errors++
		}
	}
	w.services = len(services)
	children := make([][]int, len(spans))
	orphans := map[clew.SpanID][]int{}
	var roots []int
	for i := range spans {
		parent, known := byID[spans[i].ParentID]
		switch {
		case spans[i].ParentID == 0 || known && parent == i:
			roots = append(roots, i)
		case known:
			children[parent] = append(children[parent], i)
		default:
			orphans[spans[i].ParentID] = append(orphans[spans[i].ParentID], i)
		}
	}
	w.walk(roots, orphans, children)
	return w
}

// walk fills rows: the roots' trees, then those below ghosts, then rings.
func (w *Waterfall) walk(roots []int, orphans map[clew.SpanID][]int, children [][]int) {
	seen := make([]bool, len(w.spans))
	w.sort(roots)
	for _, r := range roots {
		w.tree(r, 0, true, children, seen)
	}
	var ghosts []clew.SpanID
	for id, below := range orphans {
		w.sort(below)
		ghosts = append(ghosts, id)
	}
	slices.SortFunc(ghosts, func(a, b clew.SpanID) int {
		return cmp.Or(w.compare(orphans[a][0], orphans[b][0]), cmp.Compare(a, b))
	})
	for _, id := range ghosts {
		w.rows = append(w.rows, waterfallRow{span: -1, ghost: id, last: true})
		for i, s := range orphans[id] {
			w.tree(s, 1, i == len(orphans[id])-1, children, seen)
		}
	}
	for i := range w.spans {
		if !seen[i] {
			w.tree(i, 0, true, children, seen)
		}
	}
}

// tree appends a span and what is below it. It keeps its own stack: a trace may
// be deeper than a goroutine's.
func (w *Waterfall) tree(root, depth int, last bool, children [][]int, seen []bool) {
	stack := []waterfallRow{{span: root, depth: depth, last: last}}
	for len(stack) > 0 {
		row := stack[len(stack)-1]
		stack = stack[:len(stack)-1]
		if seen[row.span] {
			continue
		}
		seen[row.span] = true
		w.rows = append(w.rows, row)
		below := children[row.span]
		w.sort(below)
		for i := len(below) - 1; i >= 0; i-- {
			stack = append(stack, waterfallRow{span: below[i], depth: row.depth + 1, last: i == len(below)-1})
		}
	}
}

func (w *Waterfall) sort(spans []int) { slices.SortFunc(spans, w.compare) }

func (w *Waterfall) compare(a, b int) int {
	return cmp.Or(
		cmp.Compare(w.spans[a].Start, w.spans[b].Start),
		cmp.Compare(w.spans[a].SpanID, w.spans[b].SpanID),
		cmp.Compare(a, b))
}

// The share of the width that labels get at most, and the width of durations.
const (
	labelShare    = 0.45
	durationWidth = 9
)

// Print writes the waterfall in lines of at most columns characters.
func (w *Waterfall) Print(out io.Writer, columns int, colour bool) error {
	buf := bufio.NewWriter(out)
	first := w.spans[0]
	fmt.Fprintf(buf, "trace %s · %s · %s", first.TraceID, Moment(uint64(w.start)), Nanos(int64(w.end-w.start)))
	fmt.Fprintf(buf, " · %s · %s", Plural(len(w.spans), "span"), Plural(w.services, "service"))
	if w.errors > 0 {
		fmt.Fprintf(buf, " · %s", Plural(w.errors, "error"))
	}
	buf.WriteByte('\n')
	for _, text := range w.Clocks {
		fmt.Fprintf(buf, "clocks: %s\n", Printable(text))
	}
	buf.WriteByte('\n')
	columns = min(max(columns, MinColumns), MaxColumns)
	labels := w.labels(int(float64(columns) * labelShare))
	labelWidth := 0
	for _, l := range labels {
		labelWidth = max(labelWidth, len([]rune(l)))
	}
	barWidth := columns - labelWidth - durationWidth - 3
	for i, row := range w.rows {
		buf.WriteString(labels[i])
		if row.span >= 0 {
			buf.WriteString(strings.Repeat(" ", labelWidth-len([]rune(labels[i]))+2))
			w.printBar(buf, &w.spans[row.span], barWidth, colour)
		}
		buf.WriteByte('\n')
	}
	w.reasons(buf, columns)
	return buf.Flush()
}

func Plural(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// labels returns each row's text, with the lines of the tree in front, clipped
// to width. Deep rows show how deep they are instead of lines.
func (w *Waterfall) labels(width int) []string {
	out := make([]string, len(w.rows))
	var open []bool // by depth: a sister follows further down
	for i, row := range w.rows {
		open = append(open[:min(row.depth, len(open))], !row.last)
		prefix := ""
		if indent := row.depth * 2; indent <= width/2 {
			var b strings.Builder
			for d := 1; d <= row.depth && d < len(open); d++ {
				b.WriteString(treeLine(open[d], d == row.depth))
			}
			prefix = b.String()
		} else {
			prefix = strings.Repeat(" ", width/2-8) + fmt.Sprintf("…%d ", row.depth)
		}
		out[i] = Clip(prefix+w.text(row), width)
	}
	return out
}

func treeLine(open, here bool) string {
	switch {
	case open && here:
		return "├ "
	case open:
		return "│ "
	case here:
		return "└ "
	}
	return "  "
}

func (w *Waterfall) text(row waterfallRow) string {
	if row.span < 0 {
		return "(missing " + row.ghost.String() + ")"
	}
	s := &w.spans[row.span]
	text := Printable(s.Name)
	if service := s.Service(); service != "" {
		text = Printable(service) + ": " + text
	}
	if s.Status == clew.StatusError {
		text = "✗ " + text
	}
	return text
}

// printBar draws one span in width cells, a cell's last eighths included, and
// its duration behind it.
func (w *Waterfall) printBar(buf *bufio.Writer, s *clew.Span, width int, colour bool) {
	total := max(float64(w.end-w.start), 1)
	length, took := max(s.DurationNanos(), 0), Nanos(s.DurationNanos())
	if s.Unfinished() {
		length, took = 0, "not ended"
	}
	from := min(int(float64(s.Start-w.start)/total*float64(width)), width-1)
	eighths := int(float64(length) / total * float64(width) * 8)
	eighths = max(min(eighths, (width-from)*8), 1)
	bar := strings.Repeat("█", eighths/8)
	if rest := eighths % 8; rest > 0 {
		bar += string([]rune("▏▎▍▌▋▊▉")[rest-1])
	}
	cells := len([]rune(bar))
	if colour {
		bar = paint(s, bar)
	}
	fmt.Fprintf(buf, "%s%s%s %*s", strings.Repeat(" ", from), bar, strings.Repeat(" ", width-from-cells), durationWidth, took)
}

// paint gives a bar its service's colour; red is for errors alone.
func paint(s *clew.Span, bar string) string {
	if s.Status == clew.StatusError {
		return "\x1b[31m" + bar + "\x1b[0m"
	}
	palette := []int{33, 37, 71, 98, 136, 31, 64, 133, 67, 172, 30, 104}
	return fmt.Sprintf("\x1b[38;5;%dm%s\x1b[0m", palette[serviceHash(s.Service())%uint32(len(palette))], bar)
}

// serviceHash is the same for a name everywhere and always.
func serviceHash(name string) uint32 {
	h := fnv.New32a()
	_, _ = h.Write([]byte(name)) // a hash never fails
	return h.Sum32()
}
