package config_test

import (
	"strings"
	"testing"

	"github.com/clew-tracing/clew/internal/config"
)

// TestParseKeys: files of keys, and what is wrong with them, without what is in them.
func TestParseKeys(t *testing.T) {
	keys, err := config.ParseKeys("# a comment\r\nshop:write+read:AKID:s3/+:cret\r\n\n *:admin:B:x \n")
	if err != nil || len(keys) != 2 || keys[0].ID != "AKID" || keys[0].Secret != "s3/+:cret" || keys[0].Tenant != "shop" || !keys[0].Rights.Has(config.Write) || keys[1].Tenant != config.AnyTenant {
		t.Errorf("%+v, %v", keys, err)
	}
	if _, ok := keys.Find("AKI"); ok {
		t.Error("half an id is a key's")
	}
	if k, ok := keys.Find("B"); !ok || k.Secret != "x" {
		t.Errorf("%+v", k)
	}
	for text, want := range map[string]string{
		"":                               "there is no key in it",
		"shop:write:AKID":                "line 1: want TENANT:RIGHTS:ID:SECRET",
		"\nshop:write:A/B:hush":          "line 2: want TENANT:RIGHTS:ID:SECRET",
		"shop:write::hush":               "line 1: want",
		"shop:fly:A:hush":                "rights out of write, read and admin",
		"sh op:write:A:hush":             "line 1: want",
		"AKID:hush:shop:write":           "line 1: want",
		"hush hush:write:shop:A":         "line 1: want",
		"a:read:A:hush\nb:read:A:hush2":  "line 2: the id of a key that is there already",
		strings.Repeat("#hush\n", 1<<20): "more than the",
	} {
		if _, err := config.ParseKeys(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hush") {
			t.Errorf("%.40q: %v, want %s", text, err, want)
		}
	}
}
