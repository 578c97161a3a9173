package account

import (
	"strconv"
	"strings"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/xray"
)

type policyJSON struct {
	PolicyName, PolicyDocument, PolicyRevisionId string
	LastUpdatedTime                              xray.Seconds
}

type policyAnswer struct{ ResourcePolicy policyJSON }

type policiesAnswer struct{ ResourcePolicies []policyJSON }

func (p *Policy) json(name string) policyJSON {
	return policyJSON{name, p.Document, strconv.Itoa(p.Revision), xray.Seconds(p.Updated.UnixNano())}
}

func (o ops) policies(c *api.Call, _ *none) (*policiesAnswer, error) {
	a, out := o.book.of(c.Tenant), new(policiesAnswer)
	for _, name := range sorted(a.Policies) {
		p := a.Policies[name]
		out.ResourcePolicies = append(out.ResourcePolicies, p.json(name))
	}
	return out, nil
}

// refuse is an error of one of the kinds that policies have.
func refuse(kind, text string) error { return &xray.Error{Status: 400, Type: kind, Text: text} }

func (o ops) putPolicy(c *api.Call, in *struct{ PolicyName, PolicyDocument, PolicyRevisionId string }) (*policyAnswer, error) {
	switch {
	case in.PolicyName == "" || len(in.PolicyName) > maxPolicyName || strings.Trim(in.PolicyName, policyCharacters) != "":
		return nil, clew.Errorf(clew.Invalid, "PolicyName %q: want 1 to %d letters, digits and _+=,.@-", clip(in.PolicyName), maxPolicyName)
	case len(in.PolicyDocument) > maxPolicyBytes:
		return nil, refuse("PolicySizeLimitExceededException", "PolicyDocument: it has more than "+strconv.Itoa(maxPolicyBytes)+" bytes")
	case !isJSON(in.PolicyDocument):
		return nil, refuse("MalformedPolicyDocumentException", "PolicyDocument: want an object of JSON")
	}
	var out policyAnswer
	err := o.book.change(c.Tenant, func(a *Account) error {
		old, exists := a.Policies[in.PolicyName]
		switch {
		case !exists && len(a.Policies) >= maxPolicies:
			return refuse("PolicyCountLimitExceededException", "there are "+strconv.Itoa(maxPolicies)+" resource policies already: delete one first")
		case !ofRevision(in.PolicyRevisionId, old, exists):
			return badRevision(old)
		}
		p := Policy{in.PolicyDocument, old.Revision + 1, time.Now()}
		if a.Policies == nil {
			a.Policies = map[string]Policy{}
		}
		a.Policies[in.PolicyName] = p
		out.ResourcePolicy = p.json(in.PolicyName)
		return nil
	})
	return &out, err
}

// ofRevision reports whether somebody who names a revision knows the policy as it is; 0 is one
// that is not there yet.
func ofRevision(text string, p Policy, exists bool) bool {
	return text == "" || exists && text == strconv.Itoa(p.Revision) || !exists && text == "0"
}

func badRevision(p Policy) error {
	return refuse("InvalidPolicyRevisionIdException", "PolicyRevisionId: the policy is of revision "+strconv.Itoa(p.Revision)+": read it again")
}

func (o ops) deletePolicy(c *api.Call, in *struct{ PolicyName, PolicyRevisionId string }) (*none, error) {
	return new(none), o.book.change(c.Tenant, func(a *Account) error {
		old, exists := a.Policies[in.PolicyName]
		switch {
		case !exists:
			return clew.Errorf(clew.Invalid, "PolicyName %q: there is no such policy", clip(in.PolicyName))
		case !ofRevision(in.PolicyRevisionId, old, exists):
			return badRevision(old)
		}
		delete(a.Policies, in.PolicyName)
		return nil
	})
}
