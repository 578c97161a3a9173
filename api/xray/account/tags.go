package account

import (
	"strconv"
	"unicode/utf8"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api"
)

type tagJSON struct{ Key, Value string }

type tagsAnswer struct{ Tags []tagJSON }

func (o ops) has(t clew.Tenant, arn string) error {
	if a := o.book.of(t); !o.known(t, arn) && !a.hasGroup(arn) {
		return notFound("ResourceARN %q: there is no such sampling rule or group", clip(arn))
	}
	return nil
}

func (o ops) tags(c *api.Call, in *struct{ ResourceARN string }) (*tagsAnswer, error) {
	if err := o.has(c.Tenant, in.ResourceARN); err != nil {
		return nil, err
	}
	tags, out := o.book.of(c.Tenant).Tags[in.ResourceARN], new(tagsAnswer)
	for _, k := range sorted(tags) {
		out.Tags = append(out.Tags, tagJSON{k, tags[k]})
	}
	return out, nil
}

func (o ops) tag(c *api.Call, in *struct {
	ResourceARN string
	Tags        []tagJSON
}) (*none, error) {
	if err := o.has(c.Tenant, in.ResourceARN); err != nil {
		return nil, err
	}
	tags := map[string]string{}
	for _, x := range in.Tags {
		tags[x.Key] = x.Value
	}
	if err := checkTags(tags); err != nil {
		return nil, err
	}
	return new(none), o.book.change(c.Tenant, func(a *Account) error {
		mine := a.Tags[in.ResourceARN]
		if mine == nil {
			mine = map[string]string{}
		}
		for k, v := range tags {
			mine[k] = v
		}
		if len(mine) > maxTags {
			return refuse("TooManyTagsException", "the resource would have more than "+strconv.Itoa(maxTags)+" tags")
		}
		if a.Tags == nil {
			a.Tags = map[string]map[string]string{}
		}
		a.Tags[in.ResourceARN] = mine
		for arn := range a.Tags { // rules that are gone have none
			if !o.known(c.Tenant, arn) && !a.hasGroup(arn) {
				delete(a.Tags, arn)
			}
		}
		return nil
	})
}

func checkTags(tags map[string]string) error {
	for _, k := range sorted(tags) {
		if n := utf8.RuneCountInString(k); n < 1 || n > maxTagKey || utf8.RuneCountInString(tags[k]) > maxTagValue {
			return clew.Errorf(clew.Invalid, "Tags: %q: want keys of 1 to %d characters, values of %d at most", clip(k), maxTagKey, maxTagValue)
		}
	}
	if len(tags) > maxTags {
		return refuse("TooManyTagsException", "the resource would have more than "+strconv.Itoa(maxTags)+" tags")
	}
	return nil
}

// Tag gives a new resource the tags that it has, which may be none. What cannot be kept is an
// error, and nothing is.
func (b *Book) Tag(t clew.Tenant, arn string, tags map[string]string) error {
	if err := checkTags(tags); err != nil {
		return err
	}
	if len(tags) == 0 && len(b.of(t).Tags[arn]) == 0 {
		return nil
	}
	return b.change(t, func(a *Account) error {
		if a.Tags == nil {
			a.Tags = map[string]map[string]string{}
		}
		if a.Tags[arn] = tags; len(tags) == 0 {
			delete(a.Tags, arn)
		}
		return nil
	})
}

func (o ops) untag(c *api.Call, in *struct {
	ResourceARN string
	TagKeys     []string
}) (*none, error) {
	if err := o.has(c.Tenant, in.ResourceARN); err != nil {
		return nil, err
	}
	return new(none), o.book.change(c.Tenant, func(a *Account) error {
		for _, k := range in.TagKeys {
			delete(a.Tags[in.ResourceARN], k)
		}
		if len(a.Tags[in.ResourceARN]) == 0 {
			delete(a.Tags, in.ResourceARN)
		}
		return nil
	})
}
