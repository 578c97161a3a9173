package traces

import (
	"math"
	"slices"

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
	for _, at := range t.Segments {
		s.segment(&t.Entities[at])
	}
	for i := range t.Entities {
		if e := &t.Entities[i]; e.Row != view.None {
			s.Revision++
			if !e.InProgress {
				s.Revision++
			}
		}
	}
	whole = s.annotate(t)
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

// equal compares services as X-Ray tells them apart.
func (s serviceID) equal(o serviceID) bool {
	return s.Name == o.Name && s.Type == o.Type && s.AccountID == o.AccountID
}

// with returns list with a service in it, once.
func with(list []serviceID, s serviceID) []serviceID {
	if slices.ContainsFunc(list, s.equal) {
		return list
	}
	return append(list, s)
}

// once returns list with v in it, once, unless v is nothing.
func once[T comparable](list []T, v T) []T {
	var nothing T
	if v == nothing || slices.Contains(list, v) {
		return list
	}
	return append(list, v)
}

// segment adds what one segment says.
func (s *summary) segment(e *view.Entity) {
	id := serviceOf(e)
	s.ServiceIDs = with(s.ServiceIDs, id)
	s.ResourceARNs = once(s.ResourceARNs, arnJSON{e.ResourceARN})
	s.InstanceIDs = once(s.InstanceIDs, instanceJSON{e.Instance})
	s.AvailabilityZones = once(s.AvailabilityZones, zoneJSON{e.Zone})
	if e.User == "" {
		return
	}
	for i := range s.Users {
		if u := &s.Users[i]; u.UserName == e.User {
			u.ServiceIDs = with(u.ServiceIDs, id)
			return
		}
	}
	s.Users = append(s.Users, userJSON{e.User, []serviceID{id}})
}

// annotate adds the annotations; it is false if there were too many.
func (s *summary) annotate(t *view.Trace) bool {
	type seen struct {
		key, text string
		kind      clew.Type
		bits      uint64
	}
	places := map[seen]int{}
	s.Annotations = map[string][]annotationJSON{}
	whole := true
	for at := range t.Entities {
		t.Annotations(at, func(key string, v clew.Value) {
			k := seen{key: key, text: string(v.Bytes), kind: v.Type, bits: v.Bits}
			i, ok := places[k]
			if !ok {
				if len(places) == maxAnnotations {
					whole = false
					return
				}
				i = len(s.Annotations[key])
				places[k] = i
				s.Annotations[key] = append(s.Annotations[key], annotationJSON{Value: valueOf(v)})
			}
			if of := t.SegmentOf(at); of != nil {
				a := &s.Annotations[key][i]
				a.ServiceIDs = with(a.ServiceIDs, serviceOf(of))
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
