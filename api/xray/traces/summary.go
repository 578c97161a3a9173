package traces

import (
	"math"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api/xray"
	"github.com/clew-tracing/clew/api/xray/filter"
	"github.com/clew-tracing/clew/api/xray/view"
)

// summary is a TraceSummary of X-Ray's model, as are the types below.
type summary struct {
	ID                     string `json:"Id"`
	StartTime              xray.Seconds
	Duration               float64
	ResponseTime           *float64 `json:",omitempty"`
	HasFault               bool
	HasError               bool
	HasThrottle            bool
	IsPartial              bool
	HTTP                   httpJSON `json:"Http"`
	Annotations            map[string][]annotationJSON
	Users                  []userJSON
	ServiceIDs             []serviceID `json:"ServiceIds"`
	ResourceARNs           []arnJSON
	InstanceIDs            []instanceJSON `json:"InstanceIds"`
	AvailabilityZones      []zoneJSON
	EntryPoint             *serviceID `json:",omitempty"`
	FaultRootCauses        []causeJSON
	ErrorRootCauses        []causeJSON
	ResponseTimeRootCauses []slowCauseJSON
	Revision               int
	MatchedEventTime       xray.Seconds
}

type httpJSON struct {
	URL       string `json:"HttpURL,omitempty"`
	Status    int64  `json:"HttpStatus,omitempty"`
	Method    string `json:"HttpMethod,omitempty"`
	UserAgent string `json:",omitempty"`
	ClientIP  string `json:"ClientIp,omitempty"`
}

type serviceID struct {
	Name      string
	Names     []string
	AccountID string `json:"AccountId,omitempty"`
	Type      string `json:",omitempty"`
}

type annotationJSON struct {
	Value      annotationValue `json:"AnnotationValue"`
	ServiceIDs []serviceID     `json:"ServiceIds"`
}

type annotationValue struct {
	Number *float64 `json:"NumberValue,omitempty"`
	Truth  *bool    `json:"BooleanValue,omitempty"`
	Text   *string  `json:"StringValue,omitempty"`
}

type userJSON struct {
	UserName   string
	ServiceIDs []serviceID `json:"ServiceIds"`
}

type (
	arnJSON      struct{ ARN string }
	instanceJSON struct {
		ID string `json:"Id"`
	}
	zoneJSON struct{ Name string }
)

type causeJSON struct {
	Services        []causeServiceJSON[entityJSON]
	ClientImpacting bool
}

type slowCauseJSON struct {
	Services        []causeServiceJSON[slowEntityJSON]
	ClientImpacting bool
}

type causeServiceJSON[E any] struct {
	serviceID
	EntityPath []E
	Inferred   bool
}

type entityJSON struct {
	Name       string
	Exceptions []exceptionJSON
	Remote     bool
}

type slowEntityJSON struct {
	Name     string
	Coverage float64
	Remote   bool
}

type exceptionJSON struct {
	Name    string `json:",omitempty"`
	Message string `json:",omitempty"`
}

// summarise sums up a trace, but for its id and when it matched; whole is that nothing was
// left out.
func summarise(t *view.Trace) (s *summary, whole bool) {
	s = &summary{StartTime: xray.Seconds(t.Start), Duration: float64(t.Duration()) / 1e9, IsPartial: t.Partial}
	if e := t.EntrySegment(); e != nil {
		id := serviceOf(e)
		s.EntryPoint = &id
		s.HasFault, s.HasError, s.HasThrottle = e.Fault, e.Error, e.Throttle
		s.HTTP = httpJSON{e.HTTP.URL, e.HTTP.Status, e.HTTP.Method, e.HTTP.UserAgent, e.HTTP.ClientIP}
		if !e.InProgress && !e.StandIn {
			took := float64(e.Duration()) / 1e9
			s.ResponseTime = &took
		}
	}
	g := gathering{s, map[member]struct{}{}, map[string]int{}}
	for _, at := range t.Segments {
		g.segment(&t.Entities[at])
	}
	for i := range t.Entities {
		if e := &t.Entities[i]; e.Row != view.None {
			s.Revision++
			if !e.InProgress {
				s.Revision++
			}
		}
	}
	whole = g.annotate(t)
	s.FaultRootCauses, s.ErrorRootCauses = failures(t, view.FlagFault), failures(t, view.FlagError)
	if c, ok := t.ResponseTimeCause(); ok {
		s.ResponseTimeRootCauses = []slowCauseJSON{{ClientImpacting: c.ClientImpacting, Services: servicesOf(t, &c, func(at int, e *view.Entity) slowEntityJSON {
			return slowEntityJSON{e.Name, t.Coverage(at), e.IsCall()}
		})}}
	}
	return s, whole
}

func serviceOf(e *view.Entity) serviceID {
	return serviceID{e.Node.Name, filter.Names(e), e.Node.Account, e.Node.Type}
}

// gathering sums up a trace. A trace may be of any number of services, so that what is in a list
// is found without going through it.
type gathering struct {
	*summary
	known map[member]struct{}
	users map[string]int // places in Users
}

// member is something in a list: by what X-Ray tells services apart, or a text as the name.
type member struct {
	list int // one of the lists below, or of an annotation or user behind them
	node view.Node
}

// The lists of a summary.
const (
	listServices = iota
	listARNs
	listInstances
	listZones
	listOthers
)

// fresh reports whether something is not in a list yet, and notes that it is.
func (g *gathering) fresh(list int, n view.Node) bool {
	m := member{list, n}
	if _, known := g.known[m]; known {
		return false
	}
	g.known[m] = struct{}{}
	return true
}

// freshText is fresh for a text, "" of which is nothing.
func (g *gathering) freshText(list int, text string) bool {
	return text != "" && g.fresh(list, view.Node{Name: text})
}

// listOf is the list of services of the nth user, or annotation.
func listOf(n int, annotation bool) int {
	if annotation {
		return listOthers + 2*n
	}
	return listOthers + 2*n + 1
}

// segment adds what one segment says.
func (g *gathering) segment(e *view.Entity) {
	if g.fresh(listServices, e.Node) {
		g.ServiceIDs = append(g.ServiceIDs, serviceOf(e))
	}
	if g.freshText(listARNs, e.ResourceARN) {
		g.ResourceARNs = append(g.ResourceARNs, arnJSON{e.ResourceARN})
	}
	if g.freshText(listInstances, e.Instance) {
		g.InstanceIDs = append(g.InstanceIDs, instanceJSON{e.Instance})
	}
	if g.freshText(listZones, e.Zone) {
		g.AvailabilityZones = append(g.AvailabilityZones, zoneJSON{e.Zone})
	}
	if e.User == "" {
		return
	}
	n, known := g.users[e.User]
	if !known {
		n = len(g.Users)
		g.users[e.User] = n
		g.Users = append(g.Users, userJSON{UserName: e.User})
	}
	if g.fresh(listOf(n, false), e.Node) {
		g.Users[n].ServiceIDs = append(g.Users[n].ServiceIDs, serviceOf(e))
	}
}

// annotate adds the annotations; it is false if there were too many.
func (g *gathering) annotate(t *view.Trace) bool {
	type seen struct {
		key, text string
		kind      clew.Type
		bits      uint64
	}
	type place struct{ nth, at int } // of all, and of those of its key
	places := map[seen]place{}
	g.Annotations = map[string][]annotationJSON{}
	whole := true
	for at := range t.Entities {
		t.Annotations(at, func(key string, v clew.Value) {
			k := seen{key: key, text: string(v.Bytes), kind: v.Type, bits: v.Bits}
			p, ok := places[k]
			if !ok {
				if len(places) == maxAnnotations {
					whole = false
					return
				}
				p = place{len(places), len(g.Annotations[key])}
				places[k] = p
				g.Annotations[key] = append(g.Annotations[key], annotationJSON{Value: valueOf(v)})
			}
			if of := t.SegmentOf(at); of != nil && g.fresh(listOf(p.nth, true), of.Node) {
				a := &g.Annotations[key][p.at]
				a.ServiceIDs = append(a.ServiceIDs, serviceOf(of))
			}
		})
	}
	return whole
}

// valueOf is the value of an annotation. What JSON has no number for is a text.
func valueOf(v clew.Value) (out annotationValue) {
	switch v.Type {
	case clew.TypeBool:
		b := v.Bool()
		out.Truth = &b
		return out
	case clew.TypeInt:
		n := float64(v.Int())
		out.Number = &n
		return out
	case clew.TypeDouble:
		if n := v.Double(); !math.IsNaN(n) && !math.IsInf(n, 0) {
			out.Number = &n
			return out
		}
	}
	text := v.String()
	out.Text = &text
	return out
}

// failures are the root causes of what failed.
func failures(t *view.Trace, flag view.Flag) (out []causeJSON) {
	for _, c := range t.Causes(flag) {
		out = append(out, causeJSON{ClientImpacting: c.ClientImpacting, Services: servicesOf(t, &c, func(at int, e *view.Entity) entityJSON {
			one := entityJSON{Name: e.Name, Remote: e.IsCall()}
			for _, x := range t.Exceptions(at) {
				one.Exceptions = append(one.Exceptions, exceptionJSON{x.Type, x.Message})
			}
			return one
		})})
	}
	return out
}

// servicesOf are the services of a root cause, with what entity makes of each entity on the
// way.
func servicesOf[E any](t *view.Trace, c *view.Cause, entity func(at int, e *view.Entity) E) (out []causeServiceJSON[E]) {
	for _, s := range c.Services {
		e := &t.Entities[s.Segment]
		one := causeServiceJSON[E]{serviceID: serviceOf(e), Inferred: e.Inferred}
		for _, at := range s.Path {
			one.EntityPath = append(one.EntityPath, entity(at, &t.Entities[at]))
		}
		out = append(out, one)
	}
	return out
}
