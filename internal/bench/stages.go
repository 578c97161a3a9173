package bench

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/google/pprof/profile"
)

// stage is a part of the server's work: a sample of its CPU profile belongs to the
// first stage that a function on its stack is of.
type stage struct {
	name      string
	functions []string // parts of functions' full names
}

// stages are those of clew's own server, the inner before the outer.
var stages = []stage{
	{"merge", []string{"/spandb/segment/merge."}},
	{"seal: rollups", []string{"/spandb/segment/rollup."}},
	{"seal", []string{"/spandb/segment.(*Sealer)"}},
	{"seal: file and manifest", []string{"/spandb.(*DB).seal"}},
	{"unpack", []string{"/otlp.(*Unpacker)", "klauspost/compress"}},
	{"translate", []string{"/format/", "/otlp.TranscodeJSON"}},
	{"decode", []string{"/otlp.(*Decoder)"}},
	{"hash of the body", []string{"zeebo/xxh3."}},
	{"log", []string{"/wal.(*Log)"}},
	{"retention, checks", []string{"/spandb.(*DB).background", "/spandb.(*DB).merging"}},
	{"store, else", []string{"/spandb."}},
	{"garbage collector", []string{"runtime.gcBgMarkWorker", "runtime.gcStart", "runtime.bgsweep", "runtime.bgscavenge", "runtime.gcAssistAlloc"}},
	{"doors: HTTP and gRPC", []string{"/ingest.", "/otlpdoor.", "/xraydoor.", "/zipkindoor.", "/jaegerdoor.", "net/http.", "google.golang.org/grpc", "internal/poll."}},
	{"scheduler", []string{"runtime.mcall", "runtime.schedule", "runtime.findRunnable", "runtime.mstart", "runtime.goexit0"}},
}

// elseStage is what no stage claims.
const elseStage = "else"

// splitProfile returns the share of each stage in the samples of a CPU profile.
func splitProfile(data []byte) (map[string]float64, error) {
	p, err := profile.Parse(bytes.NewReader(data))
	if err != nil {
		return nil, fmt.Errorf("the server's CPU profile: %w", err)
	}
	shares, total := make(map[string]float64), 0.0
	for _, s := range p.Sample {
		v := float64(s.Value[len(s.Value)-1]) // nanoseconds come last
		shares[stageOf(s)] += v
		total += v
	}
	for name := range shares {
		shares[name] /= total
	}
	return shares, nil
}

func stageOf(s *profile.Sample) string {
	for _, st := range stages {
		for _, location := range s.Location {
			for _, line := range location.Line {
				if line.Function != nil && slices.ContainsFunc(st.functions, func(part string) bool { return strings.Contains(line.Function.Name, part) }) {
					return st.name
				}
			}
		}
	}
	return elseStage
}

// printStages shows the medians over all runs, the largest first.
func (b *report) printStages(text *strings.Builder) {
	values := make(map[string][]float64)
	for _, r := range b.Runs {
		for name, share := range r.StageShares {
			values[name] = append(values[name], share*r.CPUMicros)
		}
	}
	if len(values) == 0 {
		return
	}
	middle := make(map[string]float64, len(values))
	for name, v := range values {
		_, middle[name], _ = spread(v)
	}
	names := slices.SortedFunc(maps.Keys(values), func(x, y string) int {
		return cmp.Or(cmp.Compare(middle[y], middle[x]), cmp.Compare(x, y))
	})
	text.WriteString("\n")
	table := tabwriter.NewWriter(text, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(table, "CPU by stage, µs/span\tmedian\tleast\tmost\t\n")
	for _, name := range names {
		low, m, high := spread(values[name])
		fmt.Fprintf(table, "%s\t%.3f\t%.3f\t%.3f\t\n", name, m, low, high)
	}
	_ = table.Flush() // into memory
}
