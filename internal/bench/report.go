package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// report is all that a bench has to say; its JSON is what --json prints.
type report struct {
	Corpus        string        `json:"corpus"`
	Seed          uint64        `json:"seed"`
	Spans         int           `json:"spans"`
	RawBytes      float64       `json:"rawBytesPerSpan"`
	SentBytes     float64       `json:"sentBytesPerSpan"`
	Format        string        `json:"format"`
	Protocol      string        `json:"protocol"`
	Encoding      string        `json:"encoding"`
	Clients       int           `json:"clients"`
	Rate          float64       `json:"rate"`
	SettleSeconds float64       `json:"settleSeconds"`
	Machine       string        `json:"machine"`
	Runs          []measurement `json:"runs"`
}

// measurement is what one run measured. What could not be is 0.
type measurement struct {
	Accepted  int64 `json:"accepted"`
	Rejected  int64 `json:"rejected"`
	Failed    int64 `json:"failed"`
	Throttled int   `json:"throttled"`
	// Void says why the run does not count; empty if it does.
	Void []string `json:"void,omitempty"`
	// Checked counts comparisons with the corpus' truth.
	Checked int `json:"checked"`

	Seconds        float64 `json:"seconds"`
	SpansPerSecond float64 `json:"spansPerSecond"`
	LatencyMillis  latency `json:"latencyMillis"`

	// CPU in µs per span, from the first request to the end of settling; of it
	// in the kernel; and up to the last acknowledgement.
	CPUMicros        float64 `json:"cpuMicrosPerSpan"`
	CPUMicrosSystem  float64 `json:"cpuMicrosPerSpanSystem"`
	CPUMicrosLoading float64 `json:"cpuMicrosPerSpanLoading"`

	PeakRSS             int64 `json:"peakRSSBytes"`
	PeakRSSAfterQueries int64 `json:"peakRSSAfterQueriesBytes"`

	DiskBytes     float64 `json:"diskBytesPerSpan"`
	LogBytes      float64 `json:"logBytesPerSpanLoaded"`
	Segments      int     `json:"segments"`
	UnsealedSpans int64   `json:"unsealedSpans"`

	// DiskFamilies splits DiskBytes by what the bytes are for, where the folder is a
	// store of clew's.
	DiskFamilies map[string]float64 `json:"diskBytesPerSpanByFamily,omitempty"`

	// StageShares splits the CPU time by what it was for, as a part of 1, where
	// --stages asked for a profile.
	StageShares map[string]float64 `json:"cpuShareByStage,omitempty"`

	Queries []query `json:"queries"`

	// Timings are the questions of --queries.
	Timings []timing `json:"timings,omitempty"`

	// Cancelled is of those that --queries gave up.
	Cancelled *cancelled `json:"cancelled,omitempty"`

	// Asked is what --askers saw; nil without them.
	Asked *meanwhile `json:"asked,omitempty"`
}

type latency struct {
	P50 float64 `json:"p50"`
	P99 float64 `json:"p99"`
	Max float64 `json:"max"`
}

// check notes a comparison with the truth; one that fails voids the run.
func (r *measurement) check(ok bool, format string, args ...any) {
	r.Checked++
	if !ok {
		r.Void = append(r.Void, fmt.Sprintf(format, args...))
	}
}

func (b *report) print(w io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(w)
		e.SetIndent("", "  ")
		return e.Encode(b)
	}
	var text strings.Builder
	rate := "full speed"
	if b.Rate > 0 {
		rate = fmt.Sprintf("%.0f spans/s", b.Rate)
	}
	fmt.Fprintf(&text, "corpus %s, seed %d: %d spans of %.0f B, %.1f B as sent (%s, %s, %s), %d clients, %s\n",
		b.Corpus, b.Seed, b.Spans, b.RawBytes, b.SentBytes, b.Format, b.Protocol, b.Encoding, b.Clients, rate)
	fmt.Fprintf(&text, "%s; %s, settled for %.0f s\n\n", b.Machine, countRuns(len(b.Runs)), b.SettleSeconds)
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "figure\tmedian\tleast\tmost\t\n")
	for _, row := range figures {
		b.printRow(table, row)
	}
	if err := table.Flush(); err != nil {
		return err
	}
	b.printStages(&text)
	b.printFamilies(&text)
	b.printQueries(&text)
	b.printTimings(&text)
	_, err := io.WriteString(w, text.String())
	return err
}

func countRuns(n int) string {
	if n == 1 {
		return "1 run"
	}
	return fmt.Sprintf("%d runs", n)
}

// figure is one line of the table.
type figure struct {
	name, format string
	value        func(*measurement) float64
	// measured says whether the figure is there; nil: always.
	measured func(*measurement) bool
}

var figures = []figure{
	{"CPU, all, µs/span", "%.2f", func(r *measurement) float64 { return r.CPUMicros }, hasCPU},
	{"of it in the kernel, µs/span", "%.2f", func(r *measurement) float64 { return r.CPUMicrosSystem }, hasCPU},
	{"of it until the last reply, µs/span", "%.2f", func(r *measurement) float64 { return r.CPUMicrosLoading }, hasCPU},
	{"wall, spans/s", "%.0f", func(r *measurement) float64 { return r.SpansPerSecond }, nil},
	{"acknowledged p50, ms", "%.1f", func(r *measurement) float64 { return r.LatencyMillis.P50 }, nil},
	{"acknowledged p99, ms", "%.1f", func(r *measurement) float64 { return r.LatencyMillis.P99 }, nil},
	{"acknowledged longest, ms", "%.1f", func(r *measurement) float64 { return r.LatencyMillis.Max }, nil},
	{"told to come later, requests", "%.0f", func(r *measurement) float64 { return float64(r.Throttled) }, nil},
	{"peak memory, MiB", "%.0f", func(r *measurement) float64 { return float64(r.PeakRSS) / (1 << 20) }, hasCPU},
	{"the same after queries, MiB", "%.0f", func(r *measurement) float64 { return float64(r.PeakRSSAfterQueries) / (1 << 20) }, hasQueries},
	{"answers while spans came", "%.0f", func(r *measurement) float64 { return float64(r.Asked.Answered) }, hasAskers},
	{"the same a second", "%.0f", func(r *measurement) float64 { return r.Asked.PerSecond }, hasAskers},
	{"answered p50, ms", "%.1f", func(r *measurement) float64 { return r.Asked.LatencyMillis.P50 }, hasAskers},
	{"answered p99, ms", "%.1f", func(r *measurement) float64 { return r.Asked.LatencyMillis.P99 }, hasAskers},
	{"told to come later, questions", "%.0f", func(r *measurement) float64 { return float64(r.Asked.Refused) }, hasAskers},
	{"disk, settled, B/span", "%.2f", func(r *measurement) float64 { return r.DiskBytes }, func(r *measurement) bool { return r.DiskBytes > 0 }},
	{"log at the last reply, B/span", "%.2f", func(r *measurement) float64 { return r.LogBytes }, hasQueries},
	{"segments", "%.0f", func(r *measurement) float64 { return float64(r.Segments) }, hasQueries},
	{"spans not sealed yet", "%.0f", func(r *measurement) float64 { return float64(r.UnsealedSpans) }, hasQueries},
}

func hasCPU(r *measurement) bool     { return r.PeakRSS > 0 }
func hasAskers(r *measurement) bool  { return r.Asked != nil }
func hasQueries(r *measurement) bool { return len(r.Queries) > 0 }

func (b *report) printRow(w io.Writer, row figure) {
	var values []float64
	for i := range b.Runs {
		if r := &b.Runs[i]; row.measured == nil || row.measured(r) {
			values = append(values, row.value(r))
		}
	}
	if len(values) == 0 {
		return
	}
	low, middle, high := spread(values)
	fmt.Fprintf(w, "%s\t"+row.format+"\t"+row.format+"\t"+row.format+"\t\n", row.name, middle, low, high)
}

// spread returns the least, the median and the most of one value at least.
func spread(values []float64) (low, middle, high float64) {
	slices.Sort(values)
	n := len(values)
	return values[0], (values[(n-1)/2] + values[n/2]) / 2, values[n-1]
}

// printQueries shows the medians over all runs.
func (b *report) printQueries(text *strings.Builder) {
	if len(b.Runs) == 0 || len(b.Runs[0].Queries) == 0 {
		return
	}
	text.WriteString("\n")
	table := tabwriter.NewWriter(text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "query\tspans\ttraces\tfirst, ms\tagain, ms\tCPU, ms\t\n")
	for i, q := range b.Runs[0].Queries {
		var first, again, cpu []float64
		for _, r := range b.Runs {
			if i < len(r.Queries) && r.Queries[i].Name == q.Name {
				first, again, cpu = append(first, r.Queries[i].FirstMillis), append(again, r.Queries[i].Millis), append(cpu, r.Queries[i].CPUMillis)
			}
		}
		_, f, _ := spread(first)
		_, a, _ := spread(again)
		_, c, _ := spread(cpu)
		fmt.Fprintf(table, "%s\t%d\t%d\t%.2f\t%.2f\t%.2f\t\n", q.Name, q.Spans, q.Traces, f, a, c)
	}
	_ = table.Flush() // into memory
	checked, void := 0, 0
	for _, r := range b.Runs {
		checked += r.Checked
		void += len(r.Void)
	}
	fmt.Fprintf(text, "\n%d answers compared with what was sent, %d wrong\n", checked, void)
}
