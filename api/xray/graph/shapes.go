package graph

import (
	"cmp"
	"maps"
	"slices"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api/xray"
	"github.com/clew-tracing/clew/api/xray/view"
)

type serviceJSON struct {
	ReferenceID           int `json:"ReferenceId"`
	Name                  string
	Names                 []string
	Root                  bool   `json:",omitempty"`
	AccountID             string `json:"AccountId,omitempty"`
	Type                  string `json:",omitempty"`
	State                 string
	StartTime, EndTime    xray.Seconds
	Edges                 []edgeJSON
	SummaryStatistics     *statisticsJSON `json:",omitempty"`
	DurationHistogram     []entryJSON
	ResponseTimeHistogram []entryJSON
}

type edgeJSON struct {
	ReferenceID               int `json:"ReferenceId"`
	StartTime, EndTime        xray.Seconds
	SummaryStatistics         *statisticsJSON
	ResponseTimeHistogram     []entryJSON
	Aliases                   []aliasJSON
	EdgeType                  string `json:",omitempty"`
	ReceivedEventAgeHistogram []entryJSON
}

type aliasJSON struct {
	Name  string
	Names []string
	Type  string `json:",omitempty"`
}

// services is the graph, in the order of names, types and accounts: clients first. The
// reference of a node is its place.
func (y *tally) services() []serviceJSON {
	isClient := func(n view.Node) int {
		if n.Type == view.TypeClient {
			return 0
		}
		return 1
	}
	order := slices.SortedFunc(maps.Keys(y.nodes), func(a, b view.Node) int {
		return cmp.Or(cmp.Compare(isClient(a), isClient(b)), compareNodes(a, b))
	})
	place := make(map[view.Node]int, len(order))
	for i, n := range order {
		place[n] = i
	}
	out := make([]serviceJSON, len(order))
	for i, n := range order {
		x := y.nodes[n]
		out[i] = serviceJSON{
			ReferenceID: i, Name: n.Name, Names: []string{n.Name}, Root: x.root, AccountID: n.Account, Type: n.Type,
			State: "unknown", StartTime: seconds(x.first), EndTime: seconds(x.last),
		}
		if x.reports {
			out[i].State = "active"
		}
		for _, a := range x.aliases() {
			out[i].Names = append(out[i].Names, a.Name)
		}
		if n.Type != view.TypeClient {
			out[i].SummaryStatistics, out[i].DurationHistogram, out[i].ResponseTimeHistogram = x.statistics.json(), x.times.json(), x.times.json()
		}
	}
	for p, x := range y.edges {
		s := &out[place[p.from]]
		e := x.edge(place[p.to])
		if p.link {
			e.EdgeType, e.ReceivedEventAgeHistogram = typeLink, x.ages.json()
		}
		s.Edges = append(s.Edges, e)
	}
	for i := range out {
		slices.SortFunc(out[i].Edges, func(a, b edgeJSON) int {
			return cmp.Or(cmp.Compare(a.ReferenceID, b.ReferenceID), cmp.Compare(a.EdgeType, b.EdgeType))
		})
	}
	return out
}

func (c *counted) edge(to int) edgeJSON {
	e := edgeJSON{ReferenceID: to, StartTime: seconds(c.first), EndTime: seconds(c.last), SummaryStatistics: c.statistics.json(), ResponseTimeHistogram: c.times.json()}
	for _, a := range c.aliases() {
		e.Aliases = append(e.Aliases, aliasJSON{a.Name, []string{a.Name}, a.Type})
	}
	return e
}

func seconds(t clew.UnixNanos) xray.Seconds { return xray.Seconds(t) }
