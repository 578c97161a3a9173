package config

import (
	"fmt"
	"strings"

	"github.com/clew-tracing/clew/internal/size"
)

// MemoryPlan divides the memory of a process among what takes it, in bytes.
type MemoryPlan struct {
	Total int64
	// Go is what the garbage collector aims to stay within: all but the pages of the
	// program itself.
	Go int64

	Inflight    int64 // requests at the doors
	MaxRequest  int64 // one of them
	Heads       int64 // spans that are not sealed; more are told to wait at twice as much
	Head        int64 // those of one tenant
	Merge       int64
	Tables      int64
	Blocks      int64
	Directories int64
	Log         int64
	Datagrams   int64 // those that wait, at all doors
	Traces      int64
	Questions   int64
	Layouts     int64

	// Queries is how many questions are answered at once, Sealers how many heads are
	// sealed at once.
	Queries, Sealers int
}

// programBytes is what the pages of the program take that are in use, some 30 MiB while it
// starts and less from then on, which are memory like any other though the collector does
// not know of them; and what the collector is late by. Where there is little, the collector
// has half, up to leastGo.
const (
	programBytes = 40 << 20
	leastGo      = 27 << 20
)

// A question that runs holds up to queryBytes besides what it remembers: blocks being
// read and an answer being written. So many run at once that they have queryShare of
// what there is; never less than minQueries, nor more than maxQueries.
const (
	queryBytes = 4 << 20
	queryShare = 8
	minQueries = 2
	maxQueries = 16
)

// maxSealers is the store's own.
const maxSealers = 16

// memoryPart is one part of a plan: a share of what Go may use, up to a most.
type memoryPart struct {
	name  string
	of    int64 // share: 1/of
	most  int64 // 0: no bound
	field func(*MemoryPlan) *int64
	help  string
}

// memoryParts is the plan. Not all parts are full at the same time: those of a store
// under load are not those of one that answers, and all shares together are more than
// there is, while those of each are less.
func memoryParts() []memoryPart {
	return []memoryPart{
		{"requests in flight", 8, 256 << 20, func(p *MemoryPlan) *int64 { return &p.Inflight },
			"Requests at the doors, as they came, unpacked and parsed (max-inflight). Beyond it a door answers 429 or RESOURCE_EXHAUSTED; a request alone may take more."},
		{"largest request", 8, defaultMaxRequestBytes, func(p *MemoryPlan) *int64 { return &p.MaxRequest },
			"One request, unpacked (max-request). A larger one is refused."},
		{"heads", 8, 256 << 20, func(p *MemoryPlan) *int64 { return &p.Heads },
			"Spans of all tenants that are not sealed yet. Beyond it the largest heads are sealed early; at twice of it requests wait, and are then told to come again."},
		{"one head", 16, 32 << 20, func(p *MemoryPlan) *int64 { return &p.Head },
			"Spans of one tenant; then they are sealed into a segment, which takes up to twice as much again for a moment. As many are sealed at once as memory is left for, and at most half as many as there are cores."},
		{"merge", 6, 160 << 20, func(p *MemoryPlan) *int64 { return &p.Merge },
			"Spans that are merged into larger segments: two fifths are for the columns of one that is made, which is smaller where that is little; a tenth for late spans of its traces; the rest for what they are encoded into. A segment that is larger than half of it stays as it is."},
		{"dictionaries", 16, 128 << 20, func(p *MemoryPlan) *int64 { return &p.Tables },
			"Names, resources and dictionaries of the segments read last."},
		{"directories", 32, 32 << 20, func(p *MemoryPlan) *int64 { return &p.Directories },
			"What is where in the segments read last."},
		{"blocks", 32, 32 << 20, func(p *MemoryPlan) *int64 { return &p.Blocks },
			"Columns that scans read again and again."},
		{"log", 32, 4 << 20, func(p *MemoryPlan) *int64 { return &p.Log },
			"What waits while the log is written; twice, since one part is written while the other fills."},
		{"datagrams", 64, 16 << 20, func(p *MemoryPlan) *int64 { return &p.Datagrams },
			"Datagrams that wait, at all doors for them. Beyond it they stay in the buffers of the kernel, for which no more than that is asked per socket."},
		{"traces", 4, 0, func(p *MemoryPlan) *int64 { return &p.Traces },
			"Traces that are being answered, at 512 bytes a span. One that is larger is refused; if others take the room, the answer is to ask again. Scans that put many together at a time leave half of it to others."},
		{"questions", 10, 1 << 30, func(p *MemoryPlan) *int64 { return &p.Questions },
			"What questions remember while they run: ids, distinct values. Each of those that run at once has the same part of it; with more to remember it goes over the data again, or says that there are more."},
		{"layouts", 32, 32 << 20, func(p *MemoryPlan) *int64 { return &p.Layouts },
			"Places of the spans of traces that are looked at."},
	}
}

// PlanMemory divides memory among the parts.
func PlanMemory(total int64) MemoryPlan {
	p := MemoryPlan{Total: total, Go: max(total-programBytes, min(total/2, leastGo))}
	for _, part := range memoryParts() {
		n := p.Go / part.of
		if part.most > 0 {
			n = min(n, part.most)
		}
		*part.field(&p) = n
	}
	p.ShareSealers()
	p.Queries = max(minQueries, min(maxQueries, int(p.Go/queryShare/queryBytes)))
	return p
}

// ShareSealers has as many heads sealed at once as the other parts leave memory for, one
// at least. It is for whoever has set parts on his own.
func (p *MemoryPlan) ShareSealers() {
	p.Sealers = max(1, min(maxSealers, int((p.Go-p.underLoad())/(2*p.Head))))
}

// Question is what one question may remember.
func (p *MemoryPlan) Question() int64 { return p.Questions / int64(p.Queries) }

// Answering is what a store takes that is asked, and takes no more than its heads have.
func (p *MemoryPlan) Answering() int64 {
	return p.Heads + p.Tables + p.Blocks + p.Directories + p.Traces + p.Questions + p.Layouts + int64(p.Queries)*queryBytes
}

// UnderLoad is what a store takes that is sent more than it can take.
func (p *MemoryPlan) UnderLoad() int64 { return p.underLoad() + int64(p.Sealers)*2*p.Head }

// underLoad is what a store under load takes besides sealing: requests, or one large one
// as it came, unpacked and parsed; datagrams; heads until nobody may add to them; a merge;
// the log.
func (p *MemoryPlan) underLoad() int64 {
	return max(p.Inflight, 3*p.MaxRequest) + p.Datagrams + 2*p.Heads + p.Merge + 2*p.Log
}

// MemoryReference returns docs/reference/memory.md: the plan and what it means.
func MemoryReference() string {
	var b strings.Builder
	b.WriteString(`# Memory

This page is generated from the table in ` + "`internal/config/memory.go`" + `; a test keeps it up to date.

The setting ` + "[`memory`](config.md#memory)" + ` is what the process aims to stay within, however many spans come, are stored or are
asked for. 40 MiB of it are the pages of the program itself and what the collector is late by, or less where the rest would be less
than 27 MiB, or half of it where even that is less. The rest is what the Go runtime may use, and its collector works harder as that
comes near. Each part below has a share of that.
What does not fit is not kept, is written earlier, or is told to come again later: nothing grows.

Not all parts are full at the same time, so that their shares add up to more than there is.

The limit of the collector is a soft one. Under overload by 64 senders and four readers at once a server with 64MB had 65 to
69 MB at most, one with large values 66 to 67; give a container a limit that is a quarter higher than what you give
clew, or leave memory at auto.

`)
	totals := []int64{64e6, 256 << 20, 1 << 30, 2 << 30}
	b.WriteString("| part |")
	for _, t := range totals {
		fmt.Fprintf(&b, " %s |", size.Format(t))
	}
	b.WriteString("\n|---|")
	b.WriteString(strings.Repeat("---|", len(totals)))
	plans := make([]MemoryPlan, len(totals))
	b.WriteString("\n| Go runtime |")
	for i, t := range totals {
		plans[i] = PlanMemory(t)
		fmt.Fprintf(&b, " %s |", RoughSize(plans[i].Go))
	}
	b.WriteString("\n")
	for _, part := range memoryParts() {
		fmt.Fprintf(&b, "| %s |", part.name)
		for i := range plans {
			fmt.Fprintf(&b, " %s |", RoughSize(*part.field(&plans[i])))
		}
		b.WriteString("\n")
	}
	b.WriteString("| questions at once |")
	for i := range plans {
		fmt.Fprintf(&b, " %d |", plans[i].Queries)
	}
	b.WriteString("\n| heads sealed at once |")
	for i := range plans {
		fmt.Fprintf(&b, " %d |", plans[i].Sealers)
	}
	b.WriteString("\n\n")
	for _, part := range memoryParts() {
		most := ""
		if part.most > 0 {
			most = ", at most " + size.Format(part.most)
		}
		fmt.Fprintf(&b, "**%s** (1/%d%s). %s\n\n", part.name, part.of, most, part.help)
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// RoughSize writes n in MiB with one digit behind the point.
func RoughSize(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }
