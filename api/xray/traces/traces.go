// Package traces answers what X-Ray's API is asked about traces: which there were, and what
// is in them.
package traces

import (
	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/xray"
	"github.com/clew-tracing/clew/api/xray/filter"
)

// Groups gives the groups of a tenant.
type Groups func(t clew.Tenant) filter.Groups

// operations are those of this package.
type operations struct {
	groups Groups
	room   int // for candidates of a page
}

// Operations are those of this package. groups may be nil: then there is the group Default
// alone, which every trace is in.
func Operations(groups Groups) []xray.Operation {
	return (&operations{groups, maxCandidates}).list()
}

func (o *operations) list() []xray.Operation {
	return []xray.Operation{
		xray.Op("/Traces", batchGetTraces),
		xray.Op("/TraceSummaries", o.getTraceSummaries),
	}
}

// groupsOf are the groups of a tenant.
func (o *operations) groupsOf(t clew.Tenant) filter.Groups {
	if o.groups != nil {
		return o.groups(t)
	}
	return func(key filter.Key, text string) (filter.Expr, error) {
		if key == filter.GroupName && text == "Default" {
			return filter.And(nil), nil
		}
		return nil, clew.Errorf(clew.Invalid, "%s: there is no group %q", key, api.ShortText(text))
	}
}
