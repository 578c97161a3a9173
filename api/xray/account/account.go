// Package account answers what X-Ray's API is asked about an account: encryption, policies,
// groups, tags, where spans go, what is indexed, insights. What is said is true of this server;
// what it would not do is refused.
package account

import (
	"encoding/json"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/xray"
)

// Account is what is kept of a tenant.
type Account struct {
	Policies map[string]Policy            `json:",omitempty"`
	Tags     map[string]map[string]string `json:",omitempty"` // by ARN
	Indexing *Indexing                    `json:",omitempty"`
	Groups   map[string]Group             `json:",omitempty"` // by name
}

// Policy is a resource policy as it was put.
type Policy struct {
	Document string
	Revision int
	Updated  time.Time
}

// Indexing is how much somebody wants to be indexed. Everything is.
type Indexing struct {
	Desired  float64
	Modified time.Time
}

// Book is the accounts of all tenants. It is safe for concurrent use.
type Book struct {
	save func(map[clew.Tenant]Account) error

	mu  sync.Mutex // guards all; held while it is saved, which is rare
	all map[clew.Tenant]Account
}

// NewBook returns the accounts that were saved last; save keeps them durably.
func NewBook(saved map[clew.Tenant]Account, save func(map[clew.Tenant]Account) error) *Book {
	b := &Book{save: save, all: map[clew.Tenant]Account{}}
	maps.Copy(b.all, saved)
	return b
}

func (b *Book) of(t clew.Tenant) Account {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.all[t].clone()
}

func (a Account) clone() Account {
	a.Policies, a.Tags, a.Groups = maps.Clone(a.Policies), maps.Clone(a.Tags), maps.Clone(a.Groups)
	for arn, tags := range a.Tags {
		a.Tags[arn] = maps.Clone(tags)
	}
	return a
}

// change changes an account and saves all; if either fails it is as it was.
func (b *Book) change(t clew.Tenant, f func(*Account) error) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	old, known := b.all[t]
	if !known && len(b.all) >= maxTenants {
		return clew.Errorf(clew.Unsupported, "%d tenants have something of their own in X-Ray's API: no more are kept", maxTenants)
	}
	a := old.clone()
	if err := f(&a); err != nil {
		return err
	}
	b.all[t] = a
	if b.save == nil {
		return nil
	}
	if err := b.save(b.all); err != nil {
		if b.all[t] = old; !known {
			delete(b.all, t)
		}
		return clew.Errorf(clew.Internal, "the change could not be saved, and is undone: %w", err)
	}
	return nil
}

// Operations are those of this package. known says whether a tenant has a resource of an ARN
// that can have tags.
func Operations(b *Book, known func(clew.Tenant, string) bool) []xray.Operation {
	o := ops{b, known}
	return []xray.Operation{
		xray.Op("/EncryptionConfig", o.encryption),
		xray.Op("/PutEncryptionConfig", o.putEncryption).Changing(),
		xray.Op("/GetTraceSegmentDestination", o.destination),
		xray.Op("/UpdateTraceSegmentDestination", o.updateDestination).Changing(),
		xray.Op("/GetIndexingRules", o.indexing),
		xray.Op("/UpdateIndexingRule", o.updateIndexing).Changing(),
		xray.Op("/ListResourcePolicies", o.policies),
		xray.Op("/PutResourcePolicy", o.putPolicy).Changing(),
		xray.Op("/DeleteResourcePolicy", o.deletePolicy).Changing(),
		xray.Op("/CreateGroup", o.createGroup).Changing(),
		xray.Op("/GetGroup", o.group),
		xray.Op("/Groups", o.groups),
		xray.Op("/UpdateGroup", o.updateGroup).Changing(),
		xray.Op("/DeleteGroup", o.deleteGroup).Changing(),
		xray.Op("/ListTagsForResource", o.tags),
		xray.Op("/TagResource", o.tag).Changing(),
		xray.Op("/UntagResource", o.untag).Changing(),
		xray.Op("/InsightSummaries", o.insights),
		xray.Op("/Insight", o.insight),
		xray.Op("/InsightEvents", o.insight),
		xray.Op("/InsightImpactGraph", o.insight),
	}
}

type ops struct {
	book  *Book
	known func(clew.Tenant, string) bool
}

type none struct{}

type encryptionJSON struct {
	Status string
	Type   string
}

type encryptionAnswer struct{ EncryptionConfig encryptionJSON }

func (ops) encryption(*api.Call, *none) (*encryptionAnswer, error) {
	return &encryptionAnswer{encryptionJSON{"ACTIVE", "NONE"}}, nil
}

func (o ops) putEncryption(c *api.Call, in *struct{ KeyId, Type string }) (*encryptionAnswer, error) {
	if in.Type != "NONE" || in.KeyId != "" {
		return nil, clew.Errorf(clew.Invalid, "Type: want NONE, without a KeyId: spans are not encrypted by KMS here; encrypt the disk they are on")
	}
	return o.encryption(c, nil)
}

type destinationJSON struct{ Destination, Status string }

func (ops) destination(*api.Call, *none) (*destinationJSON, error) {
	return &destinationJSON{"XRay", "ACTIVE"}, nil
}

func (o ops) updateDestination(c *api.Call, in *struct{ Destination string }) (*destinationJSON, error) {
	if in.Destination != "XRay" {
		return nil, clew.Errorf(clew.Invalid, "Destination: want XRay: spans are kept here, and not sent on to CloudWatch Logs")
	}
	return o.destination(c, nil)
}

type probabilisticJSON struct{ DesiredSamplingPercentage, ActualSamplingPercentage float64 }

type indexingRule struct {
	Name       string
	ModifiedAt xray.Seconds
	Rule       struct{ Probabilistic probabilisticJSON }
}

type indexingAnswer struct{ IndexingRules []indexingRule }

type indexingUpdate struct{ IndexingRule indexingRule }

// defaultRule is the one rule of what is indexed.
const defaultRule = "Default"

func (o ops) rule(t clew.Tenant) indexingRule {
	out := indexingRule{Name: defaultRule}
	out.Rule.Probabilistic = probabilisticJSON{everything, everything}
	if x := o.book.of(t).Indexing; x != nil {
		out.ModifiedAt = xray.Seconds(x.Modified.UnixNano())
		out.Rule.Probabilistic.DesiredSamplingPercentage = x.Desired
	}
	return out
}

func (o ops) indexing(c *api.Call, _ *none) (*indexingAnswer, error) {
	return &indexingAnswer{[]indexingRule{o.rule(c.Tenant)}}, nil
}

func (o ops) updateIndexing(c *api.Call, in *struct {
	Name string
	Rule struct {
		Probabilistic *struct{ DesiredSamplingPercentage *float64 }
	}
}) (*indexingUpdate, error) {
	p := in.Rule.Probabilistic
	switch {
	case in.Name != defaultRule:
		return nil, notFound("there is no indexing rule %q: there is %s", in.Name, defaultRule)
	case p == nil || p.DesiredSamplingPercentage == nil || !(*p.DesiredSamplingPercentage >= 0 && *p.DesiredSamplingPercentage <= everything):
		return nil, clew.Errorf(clew.Invalid, "Rule: want {\"Probabilistic\": {\"DesiredSamplingPercentage\": N}} with N from 0 to 100")
	}
	err := o.book.change(c.Tenant, func(a *Account) error {
		a.Indexing = &Indexing{*p.DesiredSamplingPercentage, time.Now()}
		return nil
	})
	return &indexingUpdate{o.rule(c.Tenant)}, err
}

type insightsAnswer struct{ InsightSummaries []none }

func (ops) insights(_ *api.Call, in *struct{ StartTime, EndTime *xray.Seconds }) (*insightsAnswer, error) {
	if in.StartTime == nil || in.EndTime == nil || *in.StartTime > *in.EndTime {
		return nil, clew.Errorf(clew.Invalid, "StartTime, EndTime: give both, the end not before the start")
	}
	return &insightsAnswer{}, nil
}

func (ops) insight(_ *api.Call, in *struct{ InsightId string }) (*none, error) {
	return nil, clew.Errorf(clew.Invalid, "InsightId %q: there is no such insight", clip(in.InsightId))
}

func notFound(format string, args ...any) error {
	return &xray.Error{Status: 404, Type: "ResourceNotFoundException", Text: clew.Errorf(clew.NotFound, format, args...).Error()}
}

func clip(s string) string {
	if len(s) > 64 {
		return s[:64] + "…"
	}
	return s
}

// sorted returns the keys of a map in order, so that answers are the same each time.
func sorted[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// isJSON reports whether a text is an object of JSON.
func isJSON(text string) bool {
	var v map[string]any
	return json.Unmarshal([]byte(text), &v) == nil
}
