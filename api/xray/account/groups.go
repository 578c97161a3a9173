package account

import (
	"strings"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
	"github.com/clew-tracing/clew/api/xray/filter"
)

// Group is traces that belong together by an expression.
type Group struct {
	Expression string // "" is all traces
	// Insights and Notifications are what somebody wants; there are none yet.
	Insights, Notifications bool
}

const (
	// defaultGroup is the group of all traces, which is always there.
	defaultGroup = "Default"
	// groupPrefix stands before a group's name in its ARN.
	groupPrefix = "arn:aws:xray:us-east-1:000000000000:group/"
)

type insightsJSON struct{ InsightsEnabled, NotificationsEnabled bool }

type groupJSON struct {
	GroupName, GroupARN   string
	FilterExpression      string
	InsightsConfiguration insightsJSON
}

func (g Group) json(name string) groupJSON {
	return groupJSON{name, groupPrefix + name, g.Expression, insightsJSON{g.Insights, g.Notifications}}
}

type groupAnswer struct{ Group groupJSON }

type groupsAnswer struct{ Groups []groupJSON }

// groupOf is a group of an account.
func (a *Account) groupOf(name string) (Group, bool) {
	g, ok := a.Groups[name]
	return g, ok || name == defaultGroup
}

// hasGroup reports whether an ARN is that of a group.
func (a *Account) hasGroup(arn string) bool {
	name, ours := strings.CutPrefix(arn, groupPrefix)
	_, ok := a.groupOf(name)
	return ours && ok
}

// Groups finds the expressions of a tenant's groups. An error is of kind Invalid.
func (b *Book) Groups(t clew.Tenant) filter.Groups {
	return func(key filter.Key, text string) (filter.Expr, error) {
		a := b.of(t)
		name := text
		if key == filter.GroupARN {
			name = strings.TrimPrefix(text, groupPrefix)
		}
		g, ok := a.groupOf(name)
		if !ok || key == filter.GroupARN && name == text {
			return nil, noGroup(text)
		}
		if g.Expression == "" {
			return filter.And(nil), nil
		}
		return filter.Parse(g.Expression)
	}
}

func noGroup(text string) error {
	return clew.Errorf(clew.Invalid, "there is no group %q: GetGroups lists them", clip(text))
}

// groupNamed is who names a group: by name or by ARN, but not by both.
type groupNamed struct{ GroupName, GroupARN string }

func (n *groupNamed) name() (string, error) {
	switch {
	case (n.GroupName == "") == (n.GroupARN == ""):
		return "", clew.Errorf(clew.Invalid, "give GroupName or GroupARN, one of them")
	case n.GroupName != "":
		return n.GroupName, nil
	}
	name, ours := strings.CutPrefix(n.GroupARN, groupPrefix)
	if !ours {
		return "", clew.Errorf(clew.Invalid, "GroupARN %q: want one such as %sNAME", clip(n.GroupARN), groupPrefix)
	}
	return name, nil
}

// wanted is what somebody wants of a group; what is nil stays as it is.
type wanted struct {
	FilterExpression      *string
	InsightsConfiguration *struct{ InsightsEnabled, NotificationsEnabled *bool }
}

// into puts what is wanted into a group.
func (w *wanted) into(g *Group) error {
	if w.FilterExpression != nil {
		if len(*w.FilterExpression) > maxExpression {
			return clew.Errorf(clew.Invalid, "FilterExpression: it has more than %d bytes", maxExpression)
		}
		if g.Expression = strings.TrimSpace(*w.FilterExpression); g.Expression != "" {
			if _, err := filter.Parse(g.Expression); err != nil {
				return err
			}
		}
	}
	if c := w.InsightsConfiguration; c != nil {
		for to, from := range map[*bool]*bool{&g.Insights: c.InsightsEnabled, &g.Notifications: c.NotificationsEnabled} {
			if from != nil {
				*to = *from
			}
		}
	}
	if g.Notifications && !g.Insights {
		return clew.Errorf(clew.Invalid, "InsightsConfiguration: NotificationsEnabled needs InsightsEnabled")
	}
	return nil
}

type createGroup struct {
	GroupName string
	wanted
	Tags []tagJSON
}

// goodGroup reports whether a name may be that of a group.
func goodGroup(name string) bool {
	return name != "" && len(name) <= maxGroupName && strings.Trim(name, groupCharacters) == "" && strings.TrimSpace(name) == name
}

func (o ops) createGroup(c *api.Call, in *createGroup) (*groupAnswer, error) {
	if !goodGroup(in.GroupName) {
		return nil, clew.Errorf(clew.Invalid, "GroupName %q: want 1 to %d letters, digits, spaces and _.-", clip(in.GroupName), maxGroupName)
	}
	var g Group
	if err := in.into(&g); err != nil {
		return nil, err
	}
	tags := map[string]string{}
	for _, x := range in.Tags {
		tags[x.Key] = x.Value
	}
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	err := o.book.change(c.Tenant, func(a *Account) error {
		if _, exists := a.groupOf(in.GroupName); exists {
			return clew.Errorf(clew.Invalid, "GroupName %q: there is such a group already: change it by UpdateGroup", in.GroupName)
		}
		made := len(a.Groups)
		if _, stored := a.Groups[defaultGroup]; stored {
			made--
		}
		if made >= maxGroups {
			return clew.Errorf(clew.Invalid, "there are %d groups already: delete one first", maxGroups)
		}
		if a.Groups == nil {
			a.Groups = map[string]Group{}
		}
		a.Groups[in.GroupName] = g
		if len(tags) > 0 {
			if a.Tags == nil {
				a.Tags = map[string]map[string]string{}
			}
			a.Tags[groupPrefix+in.GroupName] = tags
		}
		return nil
	})
	return &groupAnswer{g.json(in.GroupName)}, err
}

func (o ops) group(c *api.Call, in *groupNamed) (*groupAnswer, error) {
	name, err := in.name()
	if err != nil {
		return nil, err
	}
	a := o.book.of(c.Tenant)
	g, ok := a.groupOf(name)
	if !ok {
		return nil, noGroup(name)
	}
	return &groupAnswer{g.json(name)}, nil
}

// groups lists all: there are few enough for one page.
func (o ops) groups(c *api.Call, in *struct{ NextToken string }) (*groupsAnswer, error) {
	if in.NextToken != "" {
		return nil, clew.Errorf(clew.Invalid, "NextToken: all groups are on one page, and no answer had a token: leave it out")
	}
	a := o.book.of(c.Tenant)
	out := &groupsAnswer{[]groupJSON{a.Groups[defaultGroup].json(defaultGroup)}}
	for _, name := range sorted(a.Groups) {
		if name != defaultGroup {
			out.Groups = append(out.Groups, a.Groups[name].json(name))
		}
	}
	return out, nil
}

type updateGroup struct {
	groupNamed
	wanted
}

func (o ops) updateGroup(c *api.Call, in *updateGroup) (*groupAnswer, error) {
	name, err := in.name()
	if err != nil {
		return nil, err
	}
	var g Group
	err = o.book.change(c.Tenant, func(a *Account) error {
		ok := false
		if g, ok = a.groupOf(name); !ok {
			return noGroup(name)
		}
		if err := in.into(&g); err != nil {
			return err
		}
		if name == defaultGroup && g.Expression != "" {
			return clew.Errorf(clew.Invalid, "FilterExpression: the group Default is all traces: create another")
		}
		if a.Groups == nil {
			a.Groups = map[string]Group{}
		}
		a.Groups[name] = g
		return nil
	})
	return &groupAnswer{g.json(name)}, err
}

func (o ops) deleteGroup(c *api.Call, in *groupNamed) (*none, error) {
	name, err := in.name()
	if err != nil {
		return nil, err
	}
	return new(none), o.book.change(c.Tenant, func(a *Account) error {
		if name == defaultGroup {
			return clew.Errorf(clew.Invalid, "the group Default cannot be deleted")
		}
		if _, ok := a.Groups[name]; !ok {
			return noGroup(name)
		}
		delete(a.Groups, name)
		delete(a.Tags, groupPrefix+name)
		return nil
	})
}
