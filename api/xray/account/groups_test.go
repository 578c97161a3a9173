package account_test

import (
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/clew-tracing/clew"
	"github.com/clew-tracing/clew/api/xray/account"
	"github.com/clew-tracing/clew/api/xray/filter"
)

const groupARN = "arn:aws:xray:us-east-1:000000000000:group/"

func TestGroups(t *testing.T) {
	saved := map[clew.Tenant]account.Account{}
	var failing error
	b := account.NewBook(nil, func(all map[clew.Tenant]account.Account) error {
		if failing == nil {
			clear(saved)
			maps.Copy(saved, all)
		}
		return failing
	})
	ask := asking(t, b)
	const none = `"FilterExpression":"","InsightsConfiguration":{"InsightsEnabled":false,"NotificationsEnabled":false}}`
	ask(`/Groups {}`, `200 {"Groups":[{"GroupName":"Default","GroupARN":"`+groupARN+`Default",`+none+`]}`)
	ask(`/GetGroup {"GroupName":"Default"}`, `200 {"Group":{"GroupName":"Default","GroupARN":"`+groupARN+`Default",`+none)
	ask(`/CreateGroup {"GroupName":"slow","FilterExpression":"responsetime > 5","InsightsConfiguration":{"InsightsEnabled":true},"Tags":[{"Key":"team","Value":"shop"}]}`,
		`200 {"Group":{"GroupName":"slow","GroupARN":"`+groupARN+`slow","FilterExpression":"responsetime > 5","InsightsConfiguration":{"InsightsEnabled":true,"NotificationsEnabled":false}}}`)
	ask(`/ListTagsForResource {"ResourceARN":"`+groupARN+`slow"}`, `200 "Value":"shop"`)
	ask(`/TagResource {"ResourceARN":"`+groupARN+`slow","Tags":[{"Key":"x","Value":"y"}]}`, `200 {}`)
	ask(`/ListTagsForResource {"ResourceARN":"`+groupARN+`slow"}`, `200 {"Tags":[{"Key":"team","Value":"shop"},{"Key":"x","Value":"y"}]}`)
	ask(`/ListTagsForResource {"ResourceARN":"`+groupARN+`fast"}`, `404 ResourceNotFoundException there is no such`)
	ask(`/UpdateGroup {"GroupARN":"`+groupARN+`slow","InsightsConfiguration":{"NotificationsEnabled":true}}`, `200 "FilterExpression":"responsetime > 5","InsightsConfiguration":{"InsightsEnabled":true,"NotificationsEnabled":true}`)
	ask(`/UpdateGroup {"GroupName":"slow","FilterExpression":"responsetime > 7"}`, `200 "FilterExpression":"responsetime > 7","InsightsConfiguration":{"InsightsEnabled":true,"NotificationsEnabled":true}`)
	ask(`/UpdateGroup {"GroupName":"Default","InsightsConfiguration":{"InsightsEnabled":true}}`, `200 "InsightsEnabled":true`)
	ask(`/Groups {}`, `200 {"Groups":[{"GroupName":"Default","GroupARN":"`+groupARN+`Default","FilterExpression":"","InsightsConfiguration":{"InsightsEnabled":true,"NotificationsEnabled":false}},{"GroupName":"slow"`)
	for _, c := range [][2]string{
		{`/CreateGroup {}`, `400 InvalidRequestException GroupName "": want 1 to 32`},
		{`/CreateGroup {"GroupName":"a/b"}`, `400 InvalidRequestException GroupName "a/b": want 1 to 32`},
		{`/CreateGroup {"GroupName":"Default"}`, `400 InvalidRequestException there is such a group already`},
		{`/CreateGroup {"GroupName":"slow"}`, `400 InvalidRequestException there is such a group already`},
		{`/CreateGroup {"GroupName":"bad","FilterExpression":"servce(\"a\")"}`, `400 InvalidRequestException service`},
		{`/CreateGroup {"GroupName":"bad","Tags":[{"Key":"","Value":"y"}]}`, `400 InvalidRequestException Tags`},
		{`/CreateGroup {"GroupName":"bad","InsightsConfiguration":{"NotificationsEnabled":true}}`, `400 InvalidRequestException NotificationsEnabled needs InsightsEnabled`},
		{`/UpdateGroup {"GroupName":"Default","FilterExpression":"fault"}`, `400 InvalidRequestException the group Default is all traces`},
		{`/UpdateGroup {"GroupName":"fast"}`, `400 InvalidRequestException there is no group "fast"`},
		{`/UpdateGroup {}`, `400 InvalidRequestException give GroupName or GroupARN`},
		{`/GetGroup {"GroupName":"a","GroupARN":"b"}`, `400 InvalidRequestException give GroupName or GroupARN`},
		{`/GetGroup {"GroupARN":"b"}`, `400 InvalidRequestException GroupARN "b": want one such as`},
		{`/DeleteGroup {"GroupName":"Default"}`, `400 InvalidRequestException cannot be deleted`},
		{`/DeleteGroup {"GroupName":"fast"}`, `400 InvalidRequestException there is no group "fast"`},
		{`/Groups {"NextToken":"x"}`, `400 InvalidRequestException NextToken`},
	} {
		ask(c[0], c[1])
	}

	// What was saved is there again; what cannot be saved is not there.
	failing = errors.New("the disk is full")
	ask(`/DeleteGroup {"GroupName":"slow"}`, `500 InternalFailure the disk is full`)
	ask = asking(t, account.NewBook(saved, nil))
	ask(`/GetGroup {"GroupName":"slow"}`, `200 "FilterExpression":"responsetime > 7"`)
	ask(`/ListTagsForResource {"ResourceARN":"`+groupARN+`slow"}`, `200 "Key":"team"`)
	ask(`/DeleteGroup {"GroupARN":"`+groupARN+`slow"}`, `200 {}`)
	ask(`/GetGroup {"GroupName":"slow"}`, `400 InvalidRequestException there is no group "slow"`)
	ask(`/CreateGroup {"GroupName":"slow"}`, `200 "GroupName":"slow"`)
	ask(`/ListTagsForResource {"ResourceARN":"`+groupARN+`slow"}`, `200 {"Tags":[]}`)
	for i := range 24 {
		ask(fmt.Sprintf(`/CreateGroup {"GroupName":"g %d"}`, i), `200 "GroupName"`)
	}
	ask(`/CreateGroup {"GroupName":"one more"}`, `400 InvalidRequestException there are 25 groups already`)
}

// TestExpressions finds the expressions of groups, by name and ARN.
func TestExpressions(t *testing.T) {
	b := account.NewBook(nil, nil)
	asking(t, b)(`/CreateGroup {"GroupName":"slow","FilterExpression":"responsetime > 5"}`, `200 "slow"`)
	groups := b.Groups(clew.DefaultTenant)
	for _, c := range []struct {
		key        filter.Key
		text, want string
	}{
		{filter.GroupName, "slow", "responsetime > 5"},
		{filter.GroupARN, groupARN + "slow", "responsetime > 5"},
		{filter.GroupName, "Default", ""},
		{filter.GroupARN, "slow", "!"},
		{filter.GroupName, groupARN + "slow", "!"},
		{filter.GroupName, "fast", "!"},
	} {
		got := "!"
		if x, err := groups(c.key, c.text); err == nil {
			got = x.String()
		} else if clew.KindOf(err) != clew.Invalid {
			t.Errorf("%v", err)
		}
		if got != c.want {
			t.Errorf("%v %s: %q, want %q", c.key, c.text, got, c.want)
		}
	}
	if _, err := b.Groups("other")(filter.GroupName, "slow"); err == nil {
		t.Error("a tenant has another's group")
	}
}
